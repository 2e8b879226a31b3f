"""The spans of ASGI applications, driven as a server drives them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode, TraceFlags

from pyspan.instrument.asgi import Middleware
from pyspan.sdk.trace.sampling import ALWAYS_OFF
from tests.instrument.servers import DESCRIBED
from tests.instrument.traced import PARENT, PARENT_ID, TRACE_ID, Traced, http_scope, serve


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-kind", b"greeting")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def _nothing(*given: Any) -> Any:
    pass


def test_a_request_is_one_server_span_by_the_current_conventions() -> None:
    traced = Traced()
    headers = [(b"user-agent", b"curl/8"), (b"content-length", b"3")]
    scope = http_scope("/caf%C3%A9", headers, query_string=b"page=2&token=abc", method="POST")
    serve(Middleware(hello, tracer_provider=traced.provider), scope)
    assert traced.only.kind is SpanKind.SERVER
    assert traced.only.name == "POST"
    assert traced.only.status.status_code is StatusCode.UNSET
    assert traced.only.instrumentation_scope.name == "pyspan.instrument.asgi"
    assert traced.attributes() == {
        "http.request.method": "POST",
        "url.path": "/caf%C3%A9",
        **DESCRIBED,
    }


def test_a_scope_with_the_least_a_server_must_say_is_enough() -> None:
    traced = Traced()
    least = {"type": "http", "method": "BREW", "path": "/caf\u00e9 au lait", "headers": ()}
    serve(Middleware(hello, tracer_provider=traced.provider), least)
    attributes = traced.attributes()
    assert traced.only.name == "HTTP"
    assert attributes["http.request.method"] == "_OTHER"
    assert attributes["http.request.method_original"] == "BREW"
    assert attributes["url.path"] == "/caf%C3%A9%20au%20lait"
    assert "server.address" not in attributes
    assert "client.address" not in attributes


def test_the_callers_trace_goes_on_and_the_span_is_current_in_the_application() -> None:
    traced = Traced()
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((trace.get_current_span(), scope["pyspan.span"]))
        await hello(scope, receive, send)
        seen.append(trace.get_current_span())

    before = trace.get_current_span()
    serve(Middleware(app, tracer_provider=traced.provider), http_scope(headers=[(b"traceparent", PARENT.encode())]))
    assert f"{traced.only.context.trace_id:032x}" == TRACE_ID
    assert f"{traced.only.parent.span_id:016x}" == PARENT_ID
    (current, in_scope), after_the_answer = seen
    assert current is in_scope is after_the_answer
    assert current.get_span_context() == traced.only.context
    assert trace.get_current_span() is before


def test_the_span_ends_when_the_last_part_of_a_stream_has_been_sent() -> None:
    traced = Traced()
    seen: list[tuple[str, int]] = []

    async def stream(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in (b"a", b"bc", b""):
            seen.append(("before", len(traced.spans)))
            await send({"type": "http.response.body", "body": part, "more_body": bool(part)})
        seen.append(("in the background", len(traced.spans)))

    async def send(message: Any) -> None:
        seen.append((message["type"], len(traced.spans)))

    serve(Middleware(stream, tracer_provider=traced.provider), http_scope(), send)
    assert seen[-2:] == [("http.response.body", 0), ("in the background", 1)]
    assert traced.attributes()["http.response.body.size"] == 3


def test_trailers_end_the_answer_where_there_are_some() -> None:
    traced = Traced()
    ended: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
        await send({"type": "http.response.body", "body": b"x"})
        ended.append(len(traced.spans))
        await send({"type": "http.response.trailers", "headers": [], "more_trailers": False})
        ended.append(len(traced.spans))

    serve(Middleware(app, tracer_provider=traced.provider), http_scope())
    assert ended == [0, 1]


class OutOfStockError(Exception):
    pass


def test_an_exception_behind_its_error_page_is_recorded_too() -> None:
    traced = Traced()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"sorry"})
        raise OutOfStockError("no more")

    with pytest.raises(OutOfStockError):
        serve(Middleware(app, tracer_provider=traced.provider), http_scope())
    assert traced.attributes()["http.response.status_code"] == 500
    assert traced.attributes()["error.type"].endswith("OutOfStockError")
    assert [event.name for event in traced.only.events] == ["exception"]


def test_an_exception_after_the_answer_is_not_the_requests(caplog: pytest.LogCaptureFixture) -> None:
    traced = Traced()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await hello(scope, receive, send)
        raise OutOfStockError("in the background")

    with pytest.raises(OutOfStockError):
        serve(Middleware(app, tracer_provider=traced.provider), http_scope())
    assert traced.only.status.status_code is StatusCode.UNSET
    assert not caplog.records


def test_a_cancelled_request_is_no_error_of_the_server() -> None:
    traced = Traced()
    started = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        started.set()
        await asyncio.Event().wait()

    async def cancel() -> None:
        request: Any = Middleware(app, tracer_provider=traced.provider)(http_scope(), _nothing, _nothing)
        task = asyncio.ensure_future(request)
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert traced.only.status.status_code is StatusCode.UNSET
    assert traced.attributes()["error.type"] == "asyncio.exceptions.CancelledError"


def test_a_client_that_goes_away_leaves_an_incomplete_answer() -> None:
    traced = Traced()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})

    serve(Middleware(app, tracer_provider=traced.provider), http_scope())
    assert traced.attributes()["error.type"] == "incomplete_response"
    assert traced.only.status.status_code is StatusCode.UNSET


def test_an_application_that_does_not_answer_has_failed() -> None:
    traced = Traced()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        pass

    serve(Middleware(app, tracer_provider=traced.provider), http_scope())
    assert traced.attributes()["error.type"] == "no_response"
    assert traced.only.status.status_code is StatusCode.ERROR


def test_a_send_that_fails_is_recorded() -> None:
    traced = Traced()

    async def broken(message: Any) -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        serve(Middleware(hello, tracer_provider=traced.provider), http_scope(), broken)
    assert traced.attributes()["error.type"] == "OSError"


def test_lifespans_and_unknown_connections_pass_untouched() -> None:
    seen: list[Any] = []

    async def app(*given: Any) -> None:
        seen.append(given)

    traced = Traced()
    middleware: Any = Middleware(app, tracer_provider=traced.provider)
    for scope in ({"type": "lifespan"}, {"type": "strange"}, {}):
        given = (scope, object(), object())
        asyncio.run(middleware(*given))
        assert all(one is other for one, other in zip(seen.pop(), given, strict=True))
    assert not traced.spans


@pytest.mark.parametrize(
    ("messages", "attributes", "code"),
    [
        (["accept", "send", "close"], {"http.response.status_code": 101}, StatusCode.UNSET),
        (["close"], {"http.response.status_code": 403}, StatusCode.UNSET),
        (["accept", 1011], {"http.response.status_code": 101, "error.type": "1011"}, StatusCode.ERROR),
    ],
)
def test_a_websocket_is_one_span(messages: list[Any], attributes: dict[str, Any], code: StatusCode) -> None:
    traced = Traced()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            if message == 1011:
                await send({"type": "websocket.close", "code": message})
            else:
                await send({"type": f"websocket.{message}"})
            assert not traced.spans

    scope = http_scope("/chat")
    del scope["method"]
    sent = serve(Middleware(app, tracer_provider=traced.provider), {**scope, "type": "websocket", "scheme": "ws"})
    assert len(sent) == len(messages)
    assert traced.only.name == "GET"
    assert traced.only.status.status_code is code
    found = traced.attributes()
    assert found["url.scheme"] == "ws"
    assert {key: found.get(key) for key in attributes} == attributes


def test_headers_and_bodies_that_are_none_count_as_empty(caplog: pytest.LogCaptureFixture) -> None:
    traced = Traced()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": None})
        await send({"type": "http.response.body", "body": None})

    middleware = Middleware(app, tracer_provider=traced.provider, response_headers=["traceresponse"])
    sent = serve(middleware, {**http_scope(), "headers": None})
    assert [name for name, _ in sent[0]["headers"]] == [b"traceresponse"]
    assert traced.attributes()["http.response.body.size"] == 0
    assert "error.type" not in traced.attributes()
    assert caplog.records == []


def test_concurrent_requests_have_a_current_span_each() -> None:
    traced = Traced()
    gate = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with traced.tracer.start_as_current_span(f"work {scope['path']}"):
            await gate.wait()
        await hello(scope, receive, send)

    middleware = Middleware(app, tracer_provider=traced.provider)

    async def send(message: Any) -> None:
        await asyncio.sleep(0)

    async def run() -> None:
        requests: Any = [middleware(http_scope(f"/{number}"), _nothing, send) for number in range(50)]
        tasks = [asyncio.ensure_future(request) for request in requests]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())
    servers = {span.context.span_id: span for span in traced.spans if span.kind is SpanKind.SERVER}  # type: ignore[union-attr]
    work = [span for span in traced.spans if span.kind is SpanKind.INTERNAL]
    assert len(servers) == len(work) == 50
    for span in work:
        parent = servers[span.parent.span_id]  # type: ignore[union-attr]
        assert span.name == f"work {parent.attributes['url.path']}"
    assert len({span.context.trace_id for span in servers.values()}) == 50  # type: ignore[union-attr]


def test_a_route_function_names_the_span_and_one_that_fails_costs_only_the_route(
    caplog: pytest.LogCaptureFixture,
) -> None:
    traced = Traced()

    def fail(scope: Any) -> str:
        raise ZeroDivisionError

    serve(Middleware(hello, tracer_provider=traced.provider, route=lambda scope: "/things/{number}"), http_scope())
    serve(Middleware(hello, tracer_provider=traced.provider, route=fail), http_scope())
    assert traced.names == ["GET /things/{number}", "GET"]
    assert "a request could not be traced" in caplog.text


def test_a_span_that_the_application_has_renamed_keeps_its_name() -> None:
    traced = Traced()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        trace.get_current_span().update_name("checkout")
        await hello(scope, receive, send)

    serve(Middleware(app, tracer_provider=traced.provider, route=lambda scope: "/x"), http_scope())
    assert traced.only.name == "checkout"
    assert traced.attributes()["http.route"] == "/x"


def test_headers_that_are_no_pairs_of_bytes_cost_nothing_else() -> None:
    traced = Traced()
    scope = http_scope(headers=[("text", "text"), None, (b"one",), [b"user-agent", b"in a list"]])  # type: ignore[list-item]
    serve(Middleware(hello, tracer_provider=traced.provider), scope)
    assert traced.attributes()["user_agent.original"] == "in a list"


def test_unsampled_requests_are_served_and_pass_their_context_on() -> None:
    traced = Traced(sampler=ALWAYS_OFF)
    sent = serve(Middleware(hello, tracer_provider=traced.provider, response_headers=["traceresponse"]), http_scope())
    assert not traced.spans
    flags = dict(sent[0]["headers"])[b"traceresponse"].rpartition(b"-")[2]
    assert int(flags, 16) & TraceFlags.SAMPLED == 0


def test_headers_of_the_answer_in_lists_are_captured_too() -> None:
    traced = Traced()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [[b"x-kind", b"a"], [b"X-Kind", b"b"]]})
        await send({"type": "http.response.body", "body": b""})

    serve(Middleware(app, tracer_provider=traced.provider, capture_response_headers=["x-kind"]), http_scope())
    assert traced.attributes()["http.response.header.x-kind"] == ("a", "b")


@pytest.mark.parametrize(
    "options", [{}, {"capture_response_headers": ["x-kind"]}, {"response_headers": ["traceresponse"]}]
)
def test_headers_of_the_answer_that_can_be_iterated_once_reach_the_server(options: dict[str, Any]) -> None:
    given = {"type": "http.response.start", "status": 200, "headers": iter([(b"x-kind", b"a")])}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(given)
        await send({"type": "http.response.body", "body": b""})

    sent = serve(Middleware(app, tracer_provider=Traced().provider, **options), http_scope())
    assert next(iter(sent[0]["headers"])) == (b"x-kind", b"a")


def test_a_header_of_the_caller_is_found_in_any_case() -> None:
    traced = Traced()
    serve(Middleware(hello, tracer_provider=traced.provider), http_scope(headers=[(b"TraceParent", PARENT.encode())]))
    assert f"{traced.only.parent.span_id:016x}" == PARENT_ID


@pytest.mark.parametrize("call", [lambda send, message: send(message), lambda send, message: send(message=message)])
def test_the_message_may_be_given_by_position_and_by_name(call: Any) -> None:
    traced = Traced()
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await call(send, {"type": "http.response.start", "status": 201, "headers": []})
        await call(send, {"type": "http.response.body", "body": b"hello"})

    async def send(message: Any) -> None:
        sent.append(message["type"])

    serve(Middleware(app, tracer_provider=traced.provider), http_scope(), send)
    assert sent == ["http.response.start", "http.response.body"]
    assert traced.attributes()["http.response.status_code"] == 201


@pytest.mark.parametrize("given", [(), ({}, {})])
def test_a_send_without_its_message_says_so(given: tuple[Any, ...]) -> None:
    traced = Traced()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with pytest.raises(TypeError, match="argument"):
            send(*given)
        await hello(scope, receive, send)

    serve(Middleware(app, tracer_provider=traced.provider), http_scope())
    assert traced.only.status.status_code is StatusCode.UNSET
