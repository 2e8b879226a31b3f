"""`pyspan check`: what stands in the way of spans is said, against real peers."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.cli.commands import pyspan
from tests.integration.conftest import collector, kafka
from tests.integration.reading import wait_for
from tests.support.otlp_sink import Answer, OtlpSink, partial_success
from tests.support.ports import free_port
from tests.support.scripts import names
from tests.unit.core.test_client_peers import Ok, Tls

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    from tools.components.collector import Collector
    from tools.components.kafka import Kafka

__all__ = ["collector", "kafka"]

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink


def passed(**variables: str) -> str:
    """Check in this environment, where nothing stands in the way; return what was printed."""
    done = pyspan("check", **variables)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def ids(printed: str) -> tuple[str, str]:
    """Return the ids of the test span that are printed."""
    named = re.search(r"\(trace ([0-9a-f]{32}), span ([0-9a-f]{16})\)\n", printed)
    assert named is not None, printed
    return named[1], named[2]


def obstacle(**variables: str) -> str:
    """Check in this environment, where one thing stands in the way; return it."""
    done = pyspan("check", **variables)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith("pyspan: ")
    return line.removeprefix("pyspan: ")


def test_a_receiver_that_takes_the_span_is_named_with_its_trace(sink: OtlpSink) -> None:
    printed = passed(**{ENDPOINT: sink.endpoint})
    assert "sampler AlwaysOnSampler: keeps every trace\n" in printed
    assert f"exporter otlp {sink.endpoint}/v1/traces (http/protobuf): took the test span" in printed
    assert list(sink.delivered()) == [ids(printed)]
    assert names(sink) == ["pyspan check"]


@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_collector_takes_the_span(collector: Collector, protocol: str) -> None:
    grpc = f"http://{collector.grpc_address}"
    endpoint = grpc if protocol == "grpc" else collector.traces_url.removesuffix("/v1/traces")
    printed = passed(**{ENDPOINT: endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol})
    key = ids(printed)
    found, _ = wait_for(collector.spans_file, {key})
    assert list(found) == [key]


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_a_collector_is_asked_at_the_wrong_path(collector: Collector) -> None:
    said = obstacle(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{collector.traces_url}/all")
    assert said.endswith("404 page not found (check the path of OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)")


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_a_collector_is_asked_for_grpc_in_http(collector: Collector) -> None:
    said = obstacle(**{ENDPOINT: f"http://{collector.grpc_address}", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"})
    assert "cannot be reached" in said
    assert "check OTEL_EXPORTER_OTLP_ENDPOINT" in said, "and mostly that it speaks gRPC: how it hangs up is chance"


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_a_broker_takes_the_span(kafka: Kafka) -> None:
    assert "exporter kafka-" in passed(OTEL_TRACES_EXPORTER=f"kafka={kafka.bootstrap}/check")


@pytest.mark.parametrize("exporter", ["otlp=http://127.0.0.1:{}", "otlp-grpc=127.0.0.1:{}", "kafka=127.0.0.1:{}/spans"])
def test_a_port_where_nobody_listens(exporter: str) -> None:
    port = free_port()
    said = obstacle(OTEL_TRACES_EXPORTER=exporter.format(port))
    assert f"127.0.0.1:{port}" in said
    assert "check OTEL_TRACES_EXPORTER" in said


def test_a_host_that_is_not_there() -> None:
    said = obstacle(**{ENDPOINT: "http://collector.invalid:4318"})
    assert "http://collector.invalid:4318/v1/traces cannot be reached" in said
    assert said.endswith("(check OTEL_EXPORTER_OTLP_ENDPOINT)")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(401), "refused the batch: 401 (check OTEL_EXPORTER_OTLP_HEADERS)"),
        (Answer(403, b"no"), "refused the batch: 403 no (check OTEL_EXPORTER_OTLP_HEADERS)"),
        (Answer(404), "refused the batch: 404 (check the path of OTEL_EXPORTER_OTLP_ENDPOINT)"),
        (Answer(503), "asks to try again: http 503"),
        (Answer(reset=True), "(check OTEL_EXPORTER_OTLP_ENDPOINT)"),
        (partial_success(1, "quota"), "rejected 1 spans of a batch it took: quota"),
        (Answer(200, b"<html>"), "the reply is no OTLP response but 6 bytes, application/x-protobuf: <html>"),
    ],
)
def test_an_answer_that_is_none_of_success(sink: OtlpSink, answer: Answer, said: str) -> None:
    sink.answer_next(answer)
    assert obstacle(**{ENDPOINT: sink.endpoint}).endswith(said)
    assert len(sink.requests) == 1, "nothing is sent again"


def test_no_secret_of_an_address_is_printed() -> None:
    address = f"http://user:hunter2@127.0.0.1:{free_port()}/?key=hunter2"
    assert "hunter2" not in obstacle(**{ENDPOINT: address})


def test_tls_where_the_receiver_has_none(sink: OtlpSink) -> None:
    said = obstacle(**{ENDPOINT: sink.endpoint.replace("http", "https")})
    assert said.endswith("(it speaks no TLS; write http:// in OTEL_EXPORTER_OTLP_ENDPOINT)")


def test_tls_without_and_with_the_certificates_that_it_takes(tmp_path: Path) -> None:
    tls = Tls(tmp_path)
    with served(tls.server_context(alpn="http/1.1")) as endpoint:
        stranger = {ENDPOINT: endpoint}
        anonymous = {**stranger, "OTEL_EXPORTER_OTLP_CERTIFICATE": str(tmp_path / "ca.pem")}
        known = {
            **anonymous,
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(tmp_path / "client.pem"),
            "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(tmp_path / "client.key"),
        }
        assert "UnknownIssuer (check OTEL_EXPORTER_OTLP_CERTIFICATE, " in obstacle(**stranger)
        assert "(check OTEL_EXPORTER_OTLP_" in obstacle(**anonymous)
        assert f"exporter otlp {endpoint}" in passed(**known)


def test_a_sampler_that_drops_everything(sink: OtlpSink) -> None:
    said = obstacle(**{ENDPOINT: sink.endpoint}, OTEL_TRACES_SAMPLER="always_off")
    assert said == "the sampler AlwaysOffSampler drops every trace that starts here (check OTEL_TRACES_SAMPLER)"
    assert names(sink) == ["pyspan check"], "the test span passes the sampler by"


@pytest.mark.parametrize(("rate", "share"), [("0.1", "100"), ("0.00001", "1")])
def test_a_sampler_that_keeps_a_share(sink: OtlpSink, rate: str, share: str) -> None:
    sampler = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": rate}
    assert f": keeps {share} of 1,000 traces that start at once\n" in passed(**{ENDPOINT: sink.endpoint}, **sampler)


def test_a_share_of_nothing_is_nothing(sink: OtlpSink) -> None:
    sampler = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    assert "drops every trace" in obstacle(**{ENDPOINT: sink.endpoint}, **sampler)


def test_tracing_that_is_switched_off(sink: OtlpSink) -> None:
    said = obstacle(**{ENDPOINT: sink.endpoint}, OTEL_SDK_DISABLED="true")
    assert said == "tracing is switched off: nothing is recorded (check OTEL_SDK_DISABLED)"


@pytest.mark.parametrize(
    ("variable", "value"), [("DD_TRACE_ENABLED", "false"), ("DD_TRACE_SAMPLE_RATE", "0"), ("TRACE_BACKEND", "none")]
)
def test_a_variable_of_others_that_stands_in_the_way_is_named(sink: OtlpSink, variable: str, value: str) -> None:
    endpoint = {} if variable == "TRACE_BACKEND" else {ENDPOINT: sink.endpoint}
    assert obstacle(**{variable: value}, **endpoint).endswith(f"(check {variable})")


def test_a_file_is_gone_by_and_named(sink: OtlpSink, tmp_path: Path) -> None:
    simple = {"simple": {"exporter": {"otlp_http": {"endpoint": f"{sink.endpoint}/v1/traces"}}}}
    settings = {"file_format": "1.1", "disabled": True, "tracer_provider": {"processors": [simple]}}
    file = tmp_path / "otel.json"
    file.write_text(json.dumps(settings))
    said = obstacle(OTEL_CONFIG_FILE=str(file))
    assert said == f"tracing is switched off: nothing is recorded (check OTEL_CONFIG_FILE={file})"
    assert len(sink.delivered()) == 1


def test_no_exporter() -> None:
    assert obstacle(OTEL_TRACES_EXPORTER="none") == "no exporter: spans go nowhere (check OTEL_TRACES_EXPORTER)"


def test_an_exporter_that_nobody_knows() -> None:
    assert obstacle(OTEL_TRACES_EXPORTER="oltp").startswith(
        "OTEL_TRACES_EXPORTER='oltp' in the environment cannot be used"
    )


def test_of_several_exporters_each_is_asked(sink: OtlpSink, tmp_path: Path) -> None:
    done = pyspan(
        "check", OTEL_TRACES_EXPORTER=f"otlp={sink.endpoint},otlp=http://127.0.0.1:{free_port()},file={tmp_path}/spans"
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["sampler", "exporter", "exporter"]
    assert "pyspan check" in (tmp_path / "spans").read_text()


FOREIGN = """
import importlib.metadata, logging

class Failing:
    def export(self, spans):
        from opentelemetry.sdk.trace.export import SpanExportResult
        logging.getLogger("theirs").error("quota of %s is used up", spans[0].name)
        return SpanExportResult.FAILURE
    def shutdown(self): pass

importlib.metadata.entry_points = lambda **_: [
    importlib.metadata.EntryPoint("theirs", "sitecustomize:Failing", "opentelemetry_traces_exporter")
]
"""


def test_an_exporter_of_others_is_believed_its_log(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(FOREIGN)
    assert obstacle(OTEL_TRACES_EXPORTER="theirs", PYTHONPATH=str(tmp_path)) == "quota of pyspan check is used up"


def test_libraries_that_are_imported_too_early_are_named_and_stand_not_in_the_way(
    sink: OtlpSink, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("from flask import Flask\n")
    done = pyspan("check", **{ENDPOINT: sink.endpoint}, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0
    assert done.stderr.startswith("pyspan: flask imported before anything could be instrumented, by a sitecustomize")


@contextmanager
def served(context: ssl.SSLContext) -> Iterator[str]:
    """Take everything over TLS, for the length of a block."""
    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Ok)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"https://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
