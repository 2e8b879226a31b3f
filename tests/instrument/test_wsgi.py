"""The spans of WSGI applications, driven as a server drives them."""

from __future__ import annotations

import gc
import io
import time
from collections.abc import Iterator
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from pyspan.instrument.wsgi import Middleware
from tests.instrument.servers import DESCRIBED
from tests.instrument.traced import PARENT, PARENT_ID, TRACE_ID, Answer, Traced, environ


def hello(given: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("X-Kind", "greeting")])
    return [b"hel", b"lo"]


def test_a_request_is_one_server_span_by_the_current_conventions() -> None:
    traced = Traced()
    given = environ(
        "/caf\u00c3\u00a9 au lait",
        QUERY_STRING="page=2&token=abc",
        SCRIPT_NAME="/shop",
        HTTP_USER_AGENT="curl/8",
        CONTENT_LENGTH="3",
        REMOTE_PORT="4711",
        HTTP_TRACEPARENT=PARENT,
    )
    assert Answer(Middleware(hello, tracer_provider=traced.provider), given).read() == b"hello"
    assert traced.only.kind is SpanKind.SERVER
    assert traced.only.name == "GET"
    assert f"{traced.only.context.trace_id:032x}" == TRACE_ID
    assert f"{traced.only.parent.span_id:016x}" == PARENT_ID
    assert traced.attributes() == {
        "http.request.method": "GET",
        "url.path": "/shop/caf%C3%A9%20au%20lait",
        **DESCRIBED,
    }


def test_a_list_goes_to_the_server_as_it_is() -> None:
    traced = Traced()
    body = Answer(Middleware(hello, tracer_provider=traced.provider), environ()).body
    assert body == [b"hel", b"lo"]
    assert len(traced.spans) == 1


def test_a_file_goes_to_the_server_as_it_is() -> None:
    traced = Traced()
    file = FileWrapper(io.BytesIO(b"data"))

    def app(given: Any, start_response: Any) -> FileWrapper:
        start_response("200 OK", [])
        return file

    answer = Answer(Middleware(app, tracer_provider=traced.provider), {**environ(), "wsgi.file_wrapper": FileWrapper})
    assert answer.body is file
    assert len(traced.spans) == 1


def test_the_span_of_a_stream_is_current_in_it_only_and_ends_with_it() -> None:
    traced = Traced()
    seen: list[Any] = []

    def app(given: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for part in (b"a", b"bc"):
            seen.append(trace.get_current_span())
            yield part

    answer = Answer(Middleware(app, tracer_provider=traced.provider), environ())
    parts = iter(answer.body)
    assert next(parts) == b"a"
    assert not trace.get_current_span().get_span_context().is_valid
    assert not traced.spans
    assert list(parts) == [b"bc"]
    assert not traced.spans
    read = time.time_ns()
    answer.close()
    assert traced.only.end_time <= read
    assert {span.get_span_context().span_id for span in seen} == {traced.only.context.span_id}
    assert traced.attributes()["http.response.body.size"] == 3


class Body:
    """A body that says whether it was closed."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = iter(parts)
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self.parts

    def close(self) -> None:
        self.closed = True


def _giving(body: Any) -> Any:
    def app(given: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return body

    return app


def test_a_body_that_is_not_read_to_its_end_is_closed_and_incomplete() -> None:
    traced = Traced()
    body = Body(b"a", b"b")
    answer = Answer(Middleware(_giving(body), tracer_provider=traced.provider), environ())
    assert next(iter(answer.body)) == b"a"
    answer.close()
    assert body.closed
    assert traced.attributes()["error.type"] == "incomplete_response"
    assert traced.only.status.status_code is StatusCode.UNSET


class Unclosable(Body):
    """A body whose end goes wrong."""

    def close(self) -> None:
        raise ValueError("no end")


def test_what_close_raises_after_the_last_part_is_recorded_and_raised_again() -> None:
    traced = Traced()
    answer = Answer(Middleware(_giving(Unclosable(b"a")), tracer_provider=traced.provider), environ())
    with pytest.raises(ValueError, match="no end"):
        answer.read()
    assert traced.only.status.status_code is StatusCode.ERROR
    assert traced.attributes()["error.type"] == "ValueError"
    assert traced.attributes()["http.response.body.size"] == 1


def test_a_body_that_is_read_but_not_closed_is_complete() -> None:
    traced = Traced()
    answer = Answer(Middleware(_giving(Body(b"a")), tracer_provider=traced.provider), environ())
    assert list(answer.body) == [b"a"]
    del answer
    gc.collect()
    assert "error.type" not in traced.attributes()


def test_a_body_that_the_server_forgets_ends_its_span() -> None:
    traced = Traced()
    answer = Answer(Middleware(_giving(Body(b"a")), tracer_provider=traced.provider), environ())
    assert not traced.spans
    del answer
    gc.collect()
    assert len(traced.spans) == 1


def test_what_a_body_raises_is_recorded_and_raised_again() -> None:
    traced = Traced()

    def parts() -> Iterator[bytes]:
        yield b"a"
        raise ValueError("no")

    answer = Answer(Middleware(_giving(parts()), tracer_provider=traced.provider), environ())
    with pytest.raises(ValueError, match="no"):
        answer.read()
    answer.close()
    assert [event.name for event in traced.only.events] == ["exception"]
    assert traced.attributes()["error.type"] == "ValueError"


def test_in_the_style_of_documents_what_a_body_raises_has_the_keys_of_an_error() -> None:
    traced = Traced()

    def parts() -> Iterator[bytes]:
        yield b"a"
        raise ValueError("no")

    application = Middleware(_giving(parts()), tracer_provider=traced.provider, attribute_style="documents")
    answer = Answer(application, environ())
    with pytest.raises(ValueError, match="no"):
        answer.read()
    answer.close()
    found = traced.attributes()
    assert (found["error"], found["error.type"], found["error.msg"]) == (True, "ValueError", "no")
    assert found["error.stack"].endswith("ValueError: no\n")


def test_a_body_that_is_none_is_the_applications_error() -> None:
    traced = Traced()
    with pytest.raises(TypeError):
        Answer(Middleware(_giving(None), tracer_provider=traced.provider), environ())
    assert traced.attributes()["error.type"] == "TypeError"


def test_arguments_of_start_response_arrive_as_they_were_given() -> None:
    traced = Traced()
    seen: list[Any] = []

    def app(given: Any, start_response: Any) -> list[bytes]:
        seen.append(start_response("200 OK", [("a", "b")], exc_info=None))
        return []

    def start_response(*args: Any, **options: Any) -> str:
        seen.append((args, options))
        return "write"

    middleware = Middleware(app, tracer_provider=traced.provider, response_headers=["traceresponse"])
    middleware(environ(), start_response)
    (args, options), write = seen
    assert write == "write"
    assert args[0] == "200 OK"
    assert [name for name, _ in args[1]] == ["a", "traceresponse"]
    assert options == {"exc_info": None}
