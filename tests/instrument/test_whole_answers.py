"""When the span of an answer ends that Werkzeug has made whole, and of one that still runs code of the application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from werkzeug.wrappers import Request, Response
from werkzeug.wsgi import ClosingIterator

from pyspan._core import WsgiBody
from pyspan.instrument.wsgi import Middleware
from tests.instrument.traced import Answer, Traced, environ


def answering(respond: Callable[[Request], Any]) -> Any:
    @Request.application
    def app(request: Request) -> Any:
        return respond(request)

    return app


def answer_of(traced: Traced, respond: Callable[[Request], Any], **given: str) -> Answer:
    return Answer(Middleware(answering(respond), tracer_provider=traced.provider), environ(**given))


def test_a_whole_response_goes_to_the_server_as_it_is_and_its_span_has_ended() -> None:
    traced = Traced()
    answer = answer_of(traced, lambda request: Response([b"hel", b"lo"]))
    assert type(answer.body) is ClosingIterator
    assert traced.attributes()["http.response.body.size"] == 5
    assert answer.read() == b"hello"
    assert len(traced.spans) == 1


class Closing(Response):
    """A response with a close of its own."""

    def close(self) -> None:
        super().close()


def waited_for(request: Request) -> Response:
    response = Response("hello")
    response.call_on_close(lambda: None)
    return response


def streamed(request: Request) -> Response:
    return Response(part for part in (b"hel", b"lo"))


def wrapped(request: Request) -> Callable[[Any, Any], Any]:
    def app(given: Any, start_response: Any) -> Any:
        body = Response("hello")(given, start_response)
        return ClosingIterator(body, [])

    return app


@pytest.mark.parametrize(
    "respond",
    [streamed, waited_for, wrapped, lambda request: Closing("hello"), lambda request: Response(["hel", "lo"])],
    ids=["a generator", "call_on_close", "wrapped", "a close of its own", "text to encode"],
)
def test_the_span_of_any_other_response_ends_when_it_is_closed(respond: Any) -> None:
    traced = Traced()
    answer = answer_of(traced, respond)
    assert type(answer.body) is WsgiBody
    assert not traced.spans
    assert answer.read() == b"hello"
    assert traced.attributes()["http.response.body.size"] == 5


def test_the_answer_to_head_has_no_body() -> None:
    traced = Traced()
    answer = answer_of(traced, lambda request: Response("hello"), REQUEST_METHOD="HEAD")
    assert answer.read() == b""
    assert traced.attributes().get("http.response.body.size", 0) == 0


def test_what_is_called_on_close_finds_the_span_current() -> None:
    traced, seen = Traced(), []

    def respond(request: Request) -> Response:
        response = Response("hello")
        response.call_on_close(lambda: seen.append(trace.get_current_span()))
        return response

    answer_of(traced, respond).read()
    assert [span.get_span_context().span_id for span in seen] == [traced.only.context.span_id]


def test_a_stream_finds_the_span_current() -> None:
    traced, seen = Traced(), []

    def parts() -> Iterator[bytes]:
        seen.append(trace.get_current_span())
        yield b"hello"

    answer_of(traced, lambda request: Response(parts())).read()
    assert [span.get_span_context().span_id for span in seen] == [traced.only.context.span_id]
