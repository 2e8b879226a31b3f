"""Sampling as Jaeger's backend says, asked over HTTP from time to time by a thread of its own.

Importing this loads the HTTP client, in the thread that makes the sampler: were it imported by the polling thread, a
fork in the midst of it would leave the child with half a module.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import weakref
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from pyspan import _core
from pyspan._printable import printable
from pyspan.config.environ import problem
from pyspan.config.uwsgi import forks_unseen, hold_signals
from pyspan.sdk.trace._jaeger_strategy import parse
from pyspan.sdk.trace._sampler import NativelyDecided, Sampler
from pyspan.sdk.trace._sampler_arguments import CODE, name, number
from pyspan.sdk.trace._sampling_experimental import ProbabilitySampler
from pyspan.sdk.trace.export._suppress import suppress_instrumentation_here

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspan._core import NativeSampler
    from pyspan.sdk.trace._jaeger_strategy import Strategy

__all__ = ["EXAMPLE", "JaegerRemoteSampler", "from_text"]

logger = logging.getLogger(__name__)

DEFAULT_ENDPOINT = "http://localhost:5778/sampling"
POLLING_INTERVAL = 60.0
INITIAL_RATE = 0.001
EXAMPLE = "endpoint=http://localhost:5778,pollingIntervalMs=60000,initialSamplingRate=0.001"
LONGEST_INTERVAL = 86_400.0
# Of Jaeger 1 and 2.
GRPC_PORTS = (14250, 5779)
TIMEOUT = 10.0
LARGEST_ANSWER = 1 << 20
LONGEST_SHOWN = 300


class JaegerRemoteSampler(NativelyDecided):
    """Samples as Jaeger's remote sampling says for a service: a share, a rate, or shares by the name of the span.

    The strategy is fetched from `endpoint` (`http://host:port` means its path `/sampling`) by a thread that starts with
    the first span, in each forked child anew, and again every `polling_interval` seconds. Until the first answer
    `initial_sampler` decides, for a number so many of the traces; after that the last good answer, whatever fails.

    Shares are decided by threshold and write `ot=th`; what a rate has kept has `sampler.adjusted_count`, 0 where a
    lower bound alone has kept it. It is meant for roots, as `ParentBased(JaegerRemoteSampler("shop"))`.

    Raises:
        ValueError: an endpoint that is no URL, an interval that is none, an initial sampler in Python.
    """

    def __init__(
        self,
        service_name: str,
        endpoint: str = DEFAULT_ENDPOINT,
        *,
        polling_interval: float = POLLING_INTERVAL,
        initial_sampler: Sampler | float = INITIAL_RATE,
    ) -> None:
        url = _url(endpoint)
        query = urlencode({"service": name("service_name", service_name)})
        self._endpoint = url
        self._request = Request(f"{url}?{query}", headers={"Accept": "application/json"})  # noqa: S310  # judged by _url
        self._interval = number("polling_interval", polling_interval, 0.001, LONGEST_INTERVAL)
        self._strategy: Strategy | None = None
        self._has_failed = False
        initial, native = _initial(initial_sampler)
        description = f"JaegerRemoteSampler{{{url}, service={service_name}, initial={initial.get_description()}}}"
        super().__init__(_core.replaceable(native, _calling(weakref.WeakMethod(self._start))), description)

    def _start(self) -> None:
        """Start the thread of this process; while Python exits none can start, and what holds goes on to hold."""
        if forks_unseen():
            return
        ended = threading.Lock()
        ended.acquire()
        weakref.finalize(self, ended.release).atexit = False
        thread = threading.Thread(target=_poll, args=(weakref.ref(self), ended), name="pyspan-sampling", daemon=True)
        with contextlib.suppress(RuntimeError):
            thread.start()

    def _refresh(self) -> float:
        """Fetch the strategy and decide by it; return the pause after it."""
        try:
            self._decide_by(parse(self._fetch()))
        except (OSError, HTTPException, ValueError) as error:  # the last also from a redirect to no URL
            self._say_failed(error)
            return self._interval
        if self._has_failed:
            self._has_failed = False
            logger.info("%s gives a sampling strategy again", self._endpoint)
        return self._interval

    def _decide_by(self, strategy: Strategy) -> None:
        """Take a strategy up; one that has not changed keeps its counts."""
        if strategy != self._strategy:
            self._decider.replace(strategy.native())
            self._strategy = strategy

    def _fetch(self) -> bytes:
        with urlopen(self._request, timeout=TIMEOUT) as answer:  # noqa: S310  # judged by _url
            body: bytes = answer.read(LARGEST_ANSWER)
        return body

    def _say_failed(self, error: Exception) -> None:
        """Log the first failure of a row."""
        if not self._has_failed:
            self._has_failed = True
            holds = "the initial sampler" if self._strategy is None else f"the last one, {_shown(self._strategy)},"
            logger.warning("%s gives no sampling strategy: %s; %s holds", self._endpoint, _shown(error), holds)


def from_text(service_name: str, text: str) -> JaegerRemoteSampler:
    """Make the sampler as OTEL_TRACES_SAMPLER_ARG describes it, as in `EXAMPLE`; what is left out has its default.

    Raises:
        ValueError: an unknown or doubled key, or a value that cannot be used.
    """
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    given = {key.strip(): value.strip() for key, _, value in pairs}
    if len(given) < len(pairs) or not given.keys() <= {"endpoint", "pollingIntervalMs", "initialSamplingRate"}:
        raise problem("OTEL_TRACES_SAMPLER_ARG", text, f"write it as {EXAMPLE}")
    return JaegerRemoteSampler(
        service_name,
        given.get("endpoint", DEFAULT_ENDPOINT),
        polling_interval=float(given.get("pollingIntervalMs", POLLING_INTERVAL * 1000)) / 1000,
        initial_sampler=float(given.get("initialSamplingRate", INITIAL_RATE)),
    )


def _initial(given: Sampler | float) -> tuple[Sampler, NativeSampler]:
    sampler = given if isinstance(given, Sampler) else ProbabilitySampler(given)
    if sampler._native is None:
        fix = "give a share of traces, or a sampler that decides without Python"
        raise problem("initial_sampler", given, fix, CODE)
    return sampler, sampler._native


def _shown(answered: object) -> str:
    """Cut and escape what a server has written: it must not write lines of its own into the log."""
    return printable(str(answered)[:LONGEST_SHOWN])


def _calling(method: weakref.WeakMethod[Callable[[], None]]) -> Callable[[], None]:
    """Call a method for as long as its owner is alive: the native sampler must not keep it, which keeps that."""

    def call() -> None:
        found = method()
        if found is not None:
            found()

    return call


def _poll(sampler: weakref.ref[JaegerRemoteSampler], ended: threading.Lock) -> None:
    hold_signals()
    suppress_instrumentation_here()
    pause = _refresh(sampler)
    while pause is not None and not ended.acquire(timeout=pause):
        pause = _refresh(sampler)


def _refresh(sampler: weakref.ref[JaegerRemoteSampler]) -> float | None:
    """Hold the sampler no longer than the request takes."""
    found = sampler()
    return None if found is None else found._refresh()


def _url(endpoint: object) -> str:
    """Complete an endpoint without a path by that of Jaeger's remote sampling."""
    fix = f"write the HTTP endpoint of Jaeger's remote sampling, such as {DEFAULT_ENDPOINT}"
    try:
        url = urlsplit(name("endpoint", endpoint))
        port = url.port
    except ValueError:  # its own words may quote a part of a password
        raise problem("endpoint", endpoint, fix, CODE) from None
    if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment:
        raise problem("endpoint", endpoint, fix, CODE)
    if url.username is not None:
        raise problem("endpoint", endpoint, "leave out user and password, which are not sent", CODE)
    is_bare = url.path in {"", "/"}
    if is_bare and port in GRPC_PORTS:
        raise problem("endpoint", endpoint, f"{port} is Jaeger's port for gRPC, which is not spoken: {fix}", CODE)
    return url._replace(path="/sampling").geturl() if is_bare else url.geturl()
