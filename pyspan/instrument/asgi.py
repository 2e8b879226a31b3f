"""`Middleware` for ASGI applications: one server span a request or WebSocket connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pyspan.instrument._middleware import ServerMiddleware

__all__ = ["Middleware"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Middleware(ServerMiddleware[Application]):
    """Traces each request of an ASGI application; `app = Middleware(app)`, or `app.add_middleware(Middleware)`.

    The span ends with the last message of the answer, that of a WebSocket when the application returns. Exceptions are
    recorded and raised again. For the arguments see docs/guides/middleware.md.

    Raises:
        ConfigurationError: an argument or variable cannot be used.
    """

    __slots__ = ()

    kind = "asgi"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = self._spans.asgi(scope, send)
        if request is None:
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, receive, request)
        except BaseException as error:
            request.fail(error)
            raise
        finally:
            request.leave()
