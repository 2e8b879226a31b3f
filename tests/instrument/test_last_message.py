"""What an application awaits that has sent the last message: the server's sending, at whose end the span ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from pyspan.instrument.asgi import Middleware
from tests.instrument.traced import Traced, http_scope, serve

START = {"type": "http.response.start", "status": 200, "headers": []}
LAST = {"type": "http.response.body", "body": b"hello"}


def answering(send_last: Callable[[Any], Awaitable[Any]]) -> Any:
    """Return an application that sends its last message by `send_last`, which gets what `send` returns."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send_last(send(LAST))

    return app


async def awaited(sending: Any) -> Any:
    return await sending


async def as_a_task(sending: Any) -> Any:
    return await asyncio.create_task(sending)


async def gathered(sending: Any) -> Any:
    await asyncio.gather(sending)


async def in_time(sending: Any) -> Any:
    await asyncio.wait_for(sending, 30)


@pytest.mark.parametrize("send_last", [awaited, as_a_task, gathered, in_time])
def test_it_is_sent_once_and_then_the_span_ends(send_last: Any) -> None:
    traced = Traced()
    ended_before_it_was_sent = []

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        ended_before_it_was_sent.append((message["type"], len(traced.spans)))

    serve(Middleware(answering(send_last), tracer_provider=traced.provider), http_scope(), send)
    assert ended_before_it_was_sent == [("http.response.start", 0), ("http.response.body", 0)]
    assert traced.only.status.status_code is StatusCode.UNSET


class Sending(Awaitable[Any]):
    """An awaitable that is no coroutine, as extension modules have them, with a result."""

    def __await__(self) -> Generator[Any, Any, str]:
        yield from asyncio.sleep(0).__await__()
        return "sent"


@pytest.mark.parametrize("send_last", [awaited, as_a_task])
def test_a_server_may_return_any_awaitable_and_a_result(send_last: Any) -> None:
    traced, results = Traced(), []

    async def keep(sending: Any) -> None:
        results.append(await send_last(sending))

    def send(message: Any) -> Awaitable[Any]:
        return Sending()

    serve(Middleware(answering(keep), tracer_provider=traced.provider), http_scope(), send)
    assert results == ["sent"]
    assert traced.only.status.status_code is StatusCode.UNSET


def test_a_cancelled_sending_is_cancelled_in_the_server_too() -> None:
    traced, seen = Traced(), []

    async def send(message: Any) -> None:
        if message is not START:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

    async def cut_short(sending: Any) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(sending, 0.01)

    serve(Middleware(answering(cut_short), tracer_provider=traced.provider), http_scope(), send)
    assert seen == ["cancelled"]
    assert traced.attributes()["error.type"] == "incomplete_response"


def test_a_server_that_goes_on_after_what_was_thrown_into_it_has_sent() -> None:
    traced = Traced()

    async def send(message: Any) -> None:
        if message is not START:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                return

    async def thrown(sending: Any) -> None:
        sending.send(None)
        with pytest.raises(StopIteration):
            sending.throw(asyncio.CancelledError())

    serve(Middleware(answering(thrown), tracer_provider=traced.provider), http_scope(), send)
    assert "error.type" not in traced.attributes()


def test_a_sending_that_is_closed_has_not_sent() -> None:
    traced = Traced()

    async def send(message: Any) -> None:
        await asyncio.sleep(0)

    async def closed(sending: Any) -> None:
        sending.send(None)
        sending.close()

    serve(Middleware(answering(closed), tracer_provider=traced.provider), http_scope(), send)
    assert traced.attributes()["error.type"] == "incomplete_response"
