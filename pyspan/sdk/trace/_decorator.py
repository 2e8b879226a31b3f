"""`@tracer.start_as_current_span(...)` on a function, generator function, method or class: a span for each call."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pyspan.context.steps import async_generator_within, generator_within

if TYPE_CHECKING:
    from pyspan._core import Span

__all__ = ["decorate"]


def decorate(span: Span, function: object) -> Any:
    """Wrap what is decorated, so that each call runs in a span like `span`.

    The span of a generator is open from the first step to the end of the iteration. A class stays the same class, and
    its own public methods are wrapped; their spans are called `{name of the span}.{name of the method}`.

    Raises:
        TypeError: `function` can't be called.
    """
    if isinstance(function, type):
        return _decorate_class(span, function)
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(decorate(span, function.__func__))
    if not callable(function):
        message = f"a span decorates a function, not {function!r}"
        raise TypeError(message)
    if inspect.isgeneratorfunction(function):
        return generator_within(span._again, function)
    if inspect.isasyncgenfunction(function):
        return async_generator_within(span._again, function)
    if inspect.iscoroutinefunction(function):
        return _decorate_coroutine(span, function)
    return _decorate_function(span, function)


def _decorate_function(span: Span, function: Callable[..., Any]) -> Callable[..., Any]:
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


def _decorate_class(span: Span, decorated: type) -> type:
    for name, member in list(vars(decorated).items()):
        if _is_public_method(name, member):
            setattr(decorated, name, decorate(_named(span, f"{span.name}.{name}"), member))
    return decorated


def _is_public_method(name: str, member: object) -> bool:
    return not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, (staticmethod, classmethod)))


def _named(span: Span, name: str) -> Span:
    again = span._again()
    again._name = name
    return again
