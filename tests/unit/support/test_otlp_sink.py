"""The OTLP sink that other tests rely on."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

import pytest

from tests.support.otlp_messages import make_request
from tests.support.otlp_sink import RESET, Answer, OtlpSink


def post(sink: OtlpSink, body: bytes) -> int:
    headers = {"content-type": "application/x-protobuf"}
    request = urllib.request.Request(f"{sink.endpoint}/v1/traces", data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_sink_records_the_span_ids_of_each_request() -> None:
    body, keys = make_request(9)
    with OtlpSink() as sink:
        assert post(sink, body) == 200
        sink.wait_for_spans(9)
        assert set(sink.delivered()) == set(keys)
        assert sink.violations == []


def test_sink_answers_as_programmed_and_counts_only_what_it_took() -> None:
    body, _ = make_request(1)
    with OtlpSink() as sink:
        sink.answer_next(Answer(status=503), RESET)
        assert post(sink, body) == 503
        with pytest.raises((ConnectionError, http.client.HTTPException, urllib.error.URLError)):
            post(sink, body)
        assert not sink.delivered()
        assert post(sink, body) == 200
        assert len(sink.requests) == 3


def test_sink_notes_what_a_strict_backend_would_refuse() -> None:
    body, keys = make_request(1)
    with OtlpSink() as sink:
        assert post(sink, body.replace(bytes.fromhex(keys[0][1]), bytes(8))) == 400
        assert post(sink, b"\xff\xff") == 400
        assert len(sink.violations) == 2


def test_sink_comes_back_on_its_port() -> None:
    body, keys = make_request(3)
    with OtlpSink() as sink:
        sink.stop()
        with pytest.raises(OSError, match="refused"):
            post(sink, body)
        sink.start()
        assert post(sink, body) == 200
        assert set(sink.delivered()) == set(keys)
