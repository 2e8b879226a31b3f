"""`@tracer.start_as_current_span(...)` on a function: a span for each call."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspan._core import Span

__all__ = ["decorate"]


def decorate(span: Span, function: object) -> Callable[..., Any]:
    """Wrap a function or a coroutine function, so that each call runs in a span like `span`."""
    if not callable(function):
        message = f"a span decorates a function, not {function!r}"
        raise TypeError(message)
    if inspect.iscoroutinefunction(function):
        return _decorate_coroutine(span, function)

    run = span._run

    @functools.wraps(function)
    def traced(*args: Any, **kwargs: Any) -> Any:
        return run(function, args, kwargs)

    return traced


def _decorate_coroutine(span: Span, function: Callable[..., Any]) -> Callable[..., Any]:
    again = span._again

    @functools.wraps(function)
    async def traced(*args: Any, **kwargs: Any) -> Any:
        with again():
            return await function(*args, **kwargs)

    return traced
