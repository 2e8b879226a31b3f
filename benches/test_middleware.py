"""What tracing adds to a request: our middlewares beside opentelemetry's over its SDK, each with one server span."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from opentelemetry import propagate
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as AsgiPeer
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as WsgiPeer
from opentelemetry.trace import NoOpTracerProvider

from benches import tracers
from benches.http_requests import asgi_requests, bare_app, flask_app, starlette_app, wsgi_requests
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
    added = _added(lambda: bare_app, wsgi.Middleware, WsgiPeer, wsgi_requests)
    report("added to a request (WSGI, no framework)", added)


@pytest.mark.timeout(300)
def test_flask(report: Any) -> None:
    """Its own code evicts ours from the caches: a middleware that only calls it costs ten times what it does alone."""
    added = _added(lambda: flask_app().wsgi_app, wsgi.Middleware, WsgiPeer, wsgi_requests)
    report("added to a request (WSGI, Flask)", added)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "propagator", "exclude_spans"),
    [
        ("opentelemetry's ASGI package, above the API alone", OUR_PROPAGATOR, ["receive", "send"]),
        ("the same, both with the API's propagators", API_PROPAGATOR, ["receive", "send"]),
        ("the same with its spans of receive and send", OUR_PROPAGATOR, None),
    ],
    ids=["one span", "the API's propagators", "as it comes"],
)
def test_their_asgi_package(report: Any, name: str, propagator: Any, exclude_spans: Any) -> None:
    """Run opentelemetry's package, unchanged, over each tracer and over the API alone: what is left is the tracer's."""
    middleware = partial(AsgiPeer, exclude_spans=exclude_spans)
    ours, peer = tracers.discarding()
    alone, own, theirs = run_all_in_turns(
        [
            (lambda: asgi_requests(middleware(starlette_app(), tracer_provider=NoOpTracerProvider())), COUNT),
            (partial(_build, ours, starlette_app, middleware, propagator, asgi_requests), COUNT),
            (partial(_build, peer, starlette_app, middleware, API_PROPAGATOR, asgi_requests), PEER_COUNT),
        ],
        rounds=100,  # the goal is a twentieth of what is measured
    )
    report(name, Pair(own - alone, theirs - alone))


def _added(app: Callable[[], Any], ours: Any, peer: Any, requests: Requests) -> Pair:
    """Measure the application by itself and within both, each with the propagators that it sets up by itself."""
    our_tracer, peer_tracer = tracers.discarding()
    plain, own, theirs = run_all_in_turns(
        [
            (lambda: requests(app()), COUNT),
            (partial(_build, our_tracer, app, ours, OUR_PROPAGATOR, requests), COUNT),
            (partial(_build, peer_tracer, app, peer, API_PROPAGATOR, requests), PEER_COUNT),
        ]
    )
    return Pair(own - plain, theirs - plain)


def _build(
    traced: Callable[[], tracers.Traced],
    app: Callable[[], Any],
    middleware: Any,
    propagator: Any,
    requests: Requests,
) -> Callable[[int], None]:
    propagate.set_global_textmap(propagator)  # in a process of its own
    tracer = traced()
    return tracer.flushed(requests(middleware(app(), tracer_provider=tracer.provider)))
