"""The current context carried into processes that do not inherit it, and into the tasks of process pools."""

from __future__ import annotations

import functools
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.pool import Pool, ThreadPool
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from opentelemetry import context as context_api

from pyspan.context.attach import NO_CONTEXT, Attached, call_within
from pyspan.propagation import CompositePropagator, TraceContextTextMapPropagator, W3CBaggagePropagator

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context

    from pyspan.context.patches import Patches

__all__ = ["carry_into_processes"]

# `map` and the like don't call one another; `apply` calls `apply_async`.
POOL_METHODS = ("apply_async", "map", "map_async", "starmap", "starmap_async", "imap", "imap_unordered")
PROPAGATOR = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])


def carry_into_processes(patches: Patches) -> None:
    """Patch `multiprocessing`'s processes and pools and `concurrent.futures.ProcessPoolExecutor`."""
    patches.replace(BaseProcess, ("start",), _start)
    patches.replace(ProcessPoolExecutor, ("submit",), _submit)
    patches.replace(Pool, ("__init__",), _make_pool)
    patches.replace(Pool, POOL_METHODS, _call_in_pool)


class Luggage:
    """Rides on a process object; where that is unpickled, in the child, the context is made current for good.

    A forked child, to which nothing is pickled, has the parent's context anyway.
    """

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers

    def __reduce__(self) -> tuple[Callable[..., object], tuple[dict[str, str]]]:
        return _unpack, (self._headers,)


def _start(original: Callable[..., None], process: BaseProcess) -> None:
    headers = _headers()
    if headers:
        vars(process)["_pyspan_luggage"] = Luggage(headers)
    original(process)


def _unpack(headers: dict[str, str]) -> Luggage:
    context_api.attach(_context_of(headers))
    return Luggage(headers)


def _submit(
    original: Callable[..., Any], pool: ProcessPoolExecutor, function: Any, /, *args: Any, **kwargs: Any
) -> Any:
    carried = functools.partial(_call_with, _headers(), function)
    with Attached(NO_CONTEXT):  # a process that the pool starts now serves others later
        return original(pool, carried, *args, **kwargs)


def _make_pool(original: Callable[..., None], pool: Pool, *args: Any, **kwargs: Any) -> None:
    with Attached(NO_CONTEXT):
        original(pool, *args, **kwargs)


def _call_in_pool(original: Callable[..., Any], pool: Pool, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    if isinstance(pool, ThreadPool):
        return original(pool, functools.partial(call_within, context_api.get_current(), func), *args, **kwargs)
    return original(pool, functools.partial(_call_with, _headers(), func), *args, **kwargs)


def _call_with(headers: dict[str, str], function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    return call_within(_context_of(headers), function, *args, **kwargs)


def _headers() -> dict[str, str]:
    headers: dict[str, str] = {}
    PROPAGATOR.inject(headers)
    return headers


def _context_of(headers: dict[str, str]) -> Context:
    return PROPAGATOR.extract(headers, NO_CONTEXT)
