"""The admin port: /livez, /readyz, /metrics and /status over HTTP."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

import msgspec
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from pyspan.agent.health import not_ready_reasons
from pyspan.agent.metrics import make_registry
from pyspan.agent.status import status

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Iterator

    from starlette.requests import Request

    from pyspan.agent.state import Agent

__all__ = ["AdminServer", "make_app"]

logger = logging.getLogger("pyspan.agent")

MOST_CONNECTIONS = 256  # one more takes the place of the one that has been idle for longest
KEEP_ALIVE = 5  # seconds that a connection may be idle after an answer
LONGEST_CONNECTION = 30.0  # seconds, so that connections which never send a whole request don't pile up


def make_app(agent: Agent) -> Starlette:
    """Make the ASGI application; it only reads."""
    registry = make_registry(agent)

    async def livez(request: Request) -> Response:  # noqa: ARG001
        return _json({"alive": True})

    async def readyz(request: Request) -> Response:  # noqa: ARG001
        reasons = not_ready_reasons(agent)
        return _json({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    async def metrics(request: Request) -> Response:  # noqa: ARG001
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    async def show_status(request: Request) -> Response:  # noqa: ARG001
        return _json(status(agent))

    handlers = {"/livez": livez, "/readyz": readyz, "/metrics": metrics, "/status": show_status}
    return Starlette(routes=[Route(path, handler) for path, handler in handlers.items()])


class AdminServer(uvicorn.Server):
    """uvicorn inside the agent's event loop: signals are the agent's own business."""

    def __init__(self, agent: Agent) -> None:
        config = uvicorn.Config(
            make_app(agent),
            loop="none",
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def run_on(self, listener: socket.socket) -> None:
        """Serve until cancelled; the agent goes on where the admin port fails."""
        try:
            await self.serve(sockets=[listener])
        except Exception:
            logger.exception("the admin port failed; receiving and exporting go on without it")


class _Connection(H11Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._end = self.loop.call_later(LONGEST_CONNECTION, transport.close)
        self._opened = self.loop.time()
        open_ones = [other for other in self.connections if isinstance(other, _Connection) and other.is_open]
        if len(open_ones) > MOST_CONNECTIONS and (idle := [other for other in open_ones if other.is_idle]):
            min(idle, key=lambda other: other._opened).transport.close()

    @property
    def is_open(self) -> bool:
        return not self.transport.is_closing()

    @property
    def is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        return cycle is None or cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.cancel()
        super().connection_lost(exc)


def _json(body: object, code: int = 200) -> Response:
    return Response(msgspec.json.format(msgspec.json.encode(body)) + b"\n", code, media_type="application/json")
