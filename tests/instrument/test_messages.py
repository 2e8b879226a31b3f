"""The trace in the messages of WebSockets, both ways."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import Link, SpanKind, StatusCode

from pyspan.errors import ConfigurationError
from pyspan.instrument import asgi
from pyspan.instrument.messages import KEY, outgoing, received
from tests.instrument.clients import TIMEOUT
from tests.instrument.traced import PARENT, PARENT_ID, TRACE_ID, Traced, http_scope, serve
from tests.support.trees import nodes_of, tree

FROM_OUTSIDE = {"type": "chat", KEY: {"traceparent": PARENT, "baggage": "user=alice"}}


def ids(links: Any) -> list[str]:
    return [f"{link.context.span_id:016x}" for link in links]


def handled(traced: Traced, message: Any, **options: Any) -> tuple[Any, Any, Any]:
    """Handle a message of a connection; return the span of both and the baggage in between."""
    with traced.tracer.start_as_current_span("connection") as connection:
        with received(message, tracer_provider=traced.provider, **options) as span:
            assert trace.get_current_span() is span
            members = baggage.get_all()
        assert trace.get_current_span() is connection
    return span, connection, members


def test_the_senders_span_is_the_parent_and_the_connections_a_link() -> None:
    attributes = {"message.type": "chat", "message.conversation_id": "c1", "tenant.id": "blue"}
    span, connection, members = handled(Traced(), FROM_OUTSIDE, attributes=attributes)
    assert (span.name, span.kind, dict(span.attributes)) == ("handle_message", SpanKind.CONSUMER, attributes)
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE_ID, PARENT_ID)
    assert ids(span.links) == ids([Link(connection.get_span_context())])
    assert members == {"user": "alice"}


@pytest.mark.parametrize(
    "message",
    [{"type": "chat"}, {KEY: None}, {KEY: "x"}, {KEY: {"traceparent": 3}}, {KEY: {1: 2}}, ["chat"], "x", None],
)
def test_a_message_without_a_sender_begins_a_trace_and_links_to_the_connection(message: Any) -> None:
    span, connection, _ = handled(Traced(), message)
    assert span.parent is None
    assert span.context.trace_id != connection.get_span_context().trace_id
    assert ids(span.links) == ids([Link(connection.get_span_context())])


def test_at_an_edge_to_the_public_the_sender_is_linked_and_its_baggage_left_out() -> None:
    span, connection, members = handled(Traced(), FROM_OUTSIDE, inbound_context="link")
    assert span.parent is None
    assert ids(span.links) == [*ids([Link(connection.get_span_context())]), PARENT_ID]
    assert members == {}


def test_another_trust_is_refused_with_what_to_give() -> None:
    with pytest.raises(ConfigurationError, match="inbound_context='no' cannot be used: give trust or link"):
        handled(Traced(), {}, inbound_context="no")


def test_what_handling_raises_is_recorded_and_raised_again() -> None:
    traced = Traced()
    with pytest.raises(ValueError, match="no"), received({}, tracer_provider=traced.provider):
        raise ValueError("no")
    assert traced.only.status.status_code is StatusCode.ERROR
    assert not trace.get_current_span().get_span_context().is_valid


def test_an_envelope_has_the_context_and_the_baggage_only_on_request() -> None:
    traced, message = Traced(), {"type": "chat"}
    token = context.attach(baggage.set_baggage("user", "alice"))
    try:
        with traced.tracer.start_as_current_span("send") as span:
            alone, whole = outgoing(message), outgoing(message, with_baggage=True)
    finally:
        context.detach(token)
    parent = f"00-{span.get_span_context().trace_id:032x}-{span.get_span_context().span_id:016x}-03"
    assert alone == {"type": "chat", KEY: {"traceparent": parent}}
    assert whole == {"type": "chat", KEY: {"traceparent": parent, "baggage": "user=alice"}}
    assert message == {"type": "chat"}
    assert outgoing(message) == message


class Faulty(TextMapPropagator):
    """A propagator that always raises."""

    fields: Any = frozenset()

    def extract(self, *args: Any, **options: Any) -> Any:
        raise ValueError("extract")

    def inject(self, *args: Any, **options: Any) -> None:
        raise ValueError("inject")


@pytest.fixture
def faulty_propagator() -> Iterator[None]:
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(Faulty())
    yield
    propagate.set_global_textmap(before)


@pytest.mark.usefixtures("faulty_propagator")
def test_a_propagator_that_raises_costs_no_message(caplog: pytest.LogCaptureFixture) -> None:
    traced = Traced()
    with caplog.at_level(logging.ERROR), received(FROM_OUTSIDE, tracer_provider=traced.provider):
        assert outgoing({"type": "chat"}) == {"type": "chat"}
    assert traced.only.parent is None
    assert [record.getMessage() for record in caplog.records if record.name == "pyspan.instrument.messages"] == [
        "the context of a message could not be read",
        "a message goes out without the context",
    ]


def test_messages_of_an_asgi_connection_link_to_the_middlewares_span() -> None:
    traced = Traced()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        with received(json.loads((await receive())["text"]), tracer_provider=traced.provider):
            await send({"type": "websocket.send", "text": json.dumps(outgoing({}))})

    scope = http_scope("/chat", type="websocket", scheme="ws")
    first = {"type": "websocket.receive", "text": json.dumps(FROM_OUTSIDE)}
    sent = serve(asgi.Middleware(app, tracer_provider=traced.provider), scope, first=first)
    message, connection = traced.spans
    assert ids(message.links) == ids([Link(connection.get_span_context())])  # type: ignore[arg-type]
    assert f"{message.context.span_id:016x}" in sent[1]["text"]  # type: ignore[union-attr]


def test_over_a_wire_both_sides_are_one_trace() -> None:
    traced = Traced()
    options: Any = {"tracer_provider": traced.provider}

    async def chat(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        with traced.tracer.start_as_current_span("connection"):
            with received(await socket.receive_json(timeout=TIMEOUT), "question", **options):
                await socket.send_json(outgoing({"type": "answer"}))
            await socket.close()
        return socket

    async def ask() -> None:
        app = web.Application()
        app.router.add_get("/", chat)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"ws://127.0.0.1:{runner.addresses[0][1]}/"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            with traced.tracer.start_as_current_span("click"):
                await socket.send_json(outgoing({"type": "question"}))
            with received(await socket.receive_json(timeout=TIMEOUT), "answer", **options):
                pass
            await socket.receive(timeout=TIMEOUT)
        await runner.cleanup()

    asyncio.run(ask())
    connection = next(span for span in traced.spans if span.name == "connection")
    question = next(span for span in traced.spans if span.name == "question")
    assert ids(question.links) == ids([Link(connection.get_span_context())])  # type: ignore[arg-type]
    others = [span for span in traced.spans if span is not connection]
    assert tree(nodes_of(others)) == "click [INTERNAL]\n  question [CONSUMER]\n    answer [CONSUMER]"
