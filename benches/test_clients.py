"""What tracing adds to a client's request: our hooks beside opentelemetry's packages over its SDK, a span each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from opentelemetry import propagate
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor

from benches import tracers
from benches.http_clients import aiohttp_requests, httpx_requests, requests_requests
from benches.paired import Pair, run_all_in_turns
from benches.test_tracer import API_PROPAGATOR, OUR_PROPAGATOR
from pyspan.instrument import aiohttp, httpx, requests

COUNT, PEER_COUNT = 500, 300


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "requests_of", "hook", "peer"),
    [
        ("added to a client's request (httpx)", httpx_requests, httpx, HTTPXClientInstrumentor),
        ("added to a client's request (requests)", requests_requests, requests, RequestsInstrumentor),
        ("added to a client's request (aiohttp)", aiohttp_requests, aiohttp, AioHttpClientInstrumentor),
    ],
    ids=["httpx", "requests", "aiohttp"],
)
def test_client(report: Any, name: str, requests_of: Callable[[], Any], hook: Any, peer: Any) -> None:
    ours, theirs = tracers.discarding()
    plain, own, other = run_all_in_turns(
        [
            (requests_of, COUNT),
            (partial(_build, ours, requests_of, hook.instrument, OUR_PROPAGATOR), COUNT),
            (partial(_build, theirs, requests_of, peer().instrument, API_PROPAGATOR), PEER_COUNT),
        ]
    )
    report(name, Pair(own - plain, other - plain))


def _build(
    traced: Callable[[], tracers.Traced], requests_of: Callable[[], Any], instrument: Any, propagator: Any
) -> Callable[[int], None]:
    propagate.set_global_textmap(propagator)  # in a process of its own
    tracer = traced()
    instrument(tracer_provider=tracer.provider)
    return tracer.flushed(requests_of())
