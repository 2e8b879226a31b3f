"""What a profile-guided build learns from: `make bench` and `make wheel` run this with an extension that counts.

It does what pyspan is there for, each piece in one process that ends by itself: only such a one leaves its counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from opentelemetry import propagate

from benches import http_clients, tracers, workloads
from benches.agent import run as agent
from benches.agent.bodies import bodies
from benches.http_requests import asgi_requests, bare_app, flask_app, starlette_app, wsgi_requests
from benches.test_tracer import OUR_PROPAGATOR
from pyspan._core import Batch
from pyspan.instrument import aiohttp, asgi, httpx, requests, wsgi

COUNT = 10_000
FEW = 1_000

Run = Callable[[int], object]


def main() -> int:
    """Do it all."""
    propagate.set_global_textmap(OUR_PROPAGATOR)
    for run in [*_spans(), *_requests()]:
        run(COUNT)
    for run in [*_readers(), *_clients()]:
        run(FEW)
    for body in bodies():
        _batch(Batch.parse(body))
    return agent.main(["--only", "pyspan-agent", "--rounds", "1", "--repeats", "10"])


def _spans() -> Iterator[Run]:
    for workload in (
        workloads.empty_span,
        workloads.start_and_end,
        workloads.decorated,
        workloads.decorated_async,
        workloads.server_span,
        workloads.tasks,
        partial(workloads.nested, 10),
        partial(workloads.with_attributes, 10),
        partial(workloads.setting_attributes, 10),
        partial(workloads.propagated, propagator=OUR_PROPAGATOR),
        partial(workloads.propagated, propagator=propagate),
        _failing,
    ):
        yield _flushed(tracers.discarding, workload)
    yield _flushed(tracers.unsampled, workloads.server_span)


def _failing(tracer: Any) -> Run:
    """Spans that an exception leaves."""

    def run(count: int) -> None:
        for _ in range(count // 10):
            with suppress(ValueError), tracer.start_as_current_span("op"):
                raise ValueError("no such order: 17")

    return run


def _readers() -> Iterator[Run]:
    yield _flushed(tracers.reading, workloads.server_span)
    yield _flushed(
        partial(tracers.exporting_in_python, lambda spans: [span.to_json() for span in spans]), workloads.server_span
    )


def _requests() -> Iterator[Run]:
    served: list[tuple[Callable[[], Any], Any, Callable[[Any], Run]]] = [
        (starlette_app, asgi.Middleware, asgi_requests),
        (lambda: bare_app, wsgi.Middleware, wsgi_requests),
        (lambda: flask_app().wsgi_app, wsgi.Middleware, wsgi_requests),
    ]
    for app, middleware, sending in served:
        traced = tracers.discarding()[0]()
        yield traced.flushed(sending(middleware(app(), tracer_provider=traced.provider)))


def _clients() -> Iterator[Run]:
    for hook, requesting in (
        (httpx, http_clients.httpx_requests),
        (requests, http_clients.requests_requests),
        (aiohttp, http_clients.aiohttp_requests),
    ):
        traced = tracers.discarding()[0]()
        hook.instrument(tracer_provider=traced.provider)
        yield traced.flushed(requesting())


def _flushed(builders: Callable[[], tracers.Builders], workload: Callable[[Any], Run]) -> Run:
    traced = builders()[0]()
    return traced.flushed(workload(traced.tracer))


def _batch(batch: Batch) -> None:
    """Do with a batch what exporters do."""
    for algorithm in ("gzip", "zstd"):
        batch.compress(algorithm)
    batch.records()
    batch.split()
    batch.span_ids()
    Batch.parse_json(batch.to_json())


if __name__ == "__main__":
    raise SystemExit(main())
