"""What tracing adds to a request: our middlewares beside opentelemetry's over its SDK, each with one server span."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from opentelemetry import propagate
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as AsgiPeer
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as WsgiPeer

from benches import tracers
from benches.http_requests import asgi_requests, flask_app, starlette_app, wsgi_requests
from benches.paired import Pair, run_all_in_turns
from benches.test_tracer import API_PROPAGATOR, OUR_PROPAGATOR
from pyspan.instrument import asgi, wsgi

COUNT, PEER_COUNT = 2_000, 500

Requests = Callable[[Any], Callable[[int], None]]


@pytest.mark.timeout(300)
def test_asgi(report: Any) -> None:
    peer = partial(AsgiPeer, exclude_spans=["receive", "send"])
    report("added to a request (ASGI, Starlette)", _added(starlette_app, asgi.Middleware, peer, asgi_requests))


@pytest.mark.timeout(300)
def test_wsgi(report: Any) -> None:
    added = _added(lambda: flask_app().wsgi_app, wsgi.Middleware, WsgiPeer, wsgi_requests)
    report("added to a request (WSGI, Flask)", added)


def _added(app: Callable[[], Any], ours: Any, peer: Any, requests: Requests) -> Pair:
    """Measure the application by itself and within both, each with the propagators that it sets up by itself."""

    def build(traced: Callable[[], tracers.Traced], middleware: Any, propagator: Any) -> Callable[[int], None]:
        propagate.set_global_textmap(propagator)  # in a process of its own
        tracer = traced()
        return tracer.flushed(requests(middleware(app(), tracer_provider=tracer.provider)))

    our_tracer, peer_tracer = tracers.discarding()
    plain, own, theirs = run_all_in_turns(
        [
            (lambda: requests(app()), COUNT),
            (partial(build, our_tracer, ours, OUR_PROPAGATOR), COUNT),
            (partial(build, peer_tracer, peer, API_PROPAGATOR), PEER_COUNT),
        ]
    )
    return Pair(own - plain, theirs - plain)
