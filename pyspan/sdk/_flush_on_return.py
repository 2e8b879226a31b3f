"""`pyspan.flush_on_return()`: spans leave before a function's process is frozen."""

from __future__ import annotations

import functools
import inspect
import logging
from typing import TYPE_CHECKING, Any

from opentelemetry import trace as trace_api

from pyspan.sdk.trace._deadline import usable_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FlushOnReturn"]

logger = logging.getLogger("pyspan.serverless")

CALL = "pyspan.flush_on_return()"
DEFAULT = 2.0
# So much of the time that the platform leaves stays with it.
RESERVE = 0.1
REMAINING = "get_remaining_time_in_millis"


class FlushOnReturn:
    """Decorates a function or coroutine function, or stands around a block: flushes when that is left."""

    __slots__ = ("_seconds",)

    def __init__(self, timeout: float) -> None:
        self._seconds = usable_seconds(timeout, DEFAULT)

    def __call__(self, handler: Any) -> Callable[..., Any]:
        if not callable(handler) or inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
            raise TypeError(f"{CALL} takes a function or a coroutine function, not {handler!r}")
        wrap = _async_flushing if inspect.iscoroutinefunction(handler) else _flushing
        return wrap(handler, self._seconds)

    def __enter__(self) -> None:
        """Have nothing to do yet."""

    def __exit__(self, *_: object) -> None:
        _flush(self._seconds)


def _flushing(handler: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    @functools.wraps(handler)
    def flushing(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        finally:
            _flush(_time_left(seconds, args))

    return flushing


def _async_flushing(handler: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    @functools.wraps(handler)
    async def flushing(*args: Any, **kwargs: Any) -> Any:
        try:
            return await handler(*args, **kwargs)
        finally:
            await _flush_beside(_time_left(seconds, args))

    return flushing


async def _flush_beside(seconds: float) -> None:
    """Flush in another thread, so that the loop goes on; without asyncio, as under trio, in this one."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        _flush(seconds)
    else:
        await asyncio.to_thread(_flush, seconds)


def _time_left(seconds: float, args: tuple[Any, ...]) -> float:
    """Return `seconds`, or less where AWS Lambda's context among the arguments says so."""
    for argument in args:
        remaining = getattr(argument, REMAINING, None)
        if callable(remaining):
            try:
                return max(0.0, min(seconds, float(remaining()) / 1000 - RESERVE))
            except Exception:  # what looks like Lambda's context need not be one
                logger.debug("%s of %r cannot be used", REMAINING, argument, exc_info=True)
    return seconds


def _flush(seconds: float) -> None:
    flush = getattr(trace_api.get_tracer_provider(), "force_flush", None)
    try:
        if flush is None or flush(int(seconds * 1000)) is not False:
            return
    except Exception:  # another's provider: what the handler returns stays
        logger.exception("spans could not be flushed")
        return
    logger.warning("not all spans left within %.3g s; they go with the next flush, or are lost", seconds)
