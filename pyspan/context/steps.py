"""A generator's context: current while the generator runs, and the caller's own between its steps."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

from opentelemetry import context as context_api

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator
    from contextlib import AbstractContextManager

__all__ = ["async_generator_within", "generator_within"]


def generator_within(
    open_span: Callable[[], AbstractContextManager[Any]], function: Callable[..., Generator[Any, Any, Any]]
) -> Callable[..., Generator[Any, Any, Any]]:
    """Wrap a generator function: a span is open from the first step to the end, and the caller sees nothing of it."""

    @functools.wraps(function)
    def traced(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator, steps = function(*args, **kwargs), _Steps()
        step, given = generator.send, None
        with steps.hold(open_span()):
            while True:
                try:
                    with steps:
                        value = step(given)
                except StopIteration as end:
                    return end.value
                finally:
                    given = None  # an exception in it would hold the frame that holds it
                try:
                    step, given = generator.send, (yield value)
                except GeneratorExit:
                    with steps:
                        generator.close()
                    raise
                except BaseException as error:  # noqa: BLE001  # whatever is thrown in is the generator's
                    step, given = generator.throw, error

    return traced


def async_generator_within(
    open_span: Callable[[], AbstractContextManager[Any]], function: Callable[..., AsyncGenerator[Any, Any]]
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """Do the same with an async generator function; another task may close the generator."""

    @functools.wraps(function)
    async def traced(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        generator, steps = function(*args, **kwargs), _Steps()
        step, given = generator.asend, None
        with steps.hold(open_span()):
            while True:
                try:
                    with steps:
                        value = await step(given)
                except StopAsyncIteration:
                    return
                finally:
                    given = None  # likewise
                try:
                    step, given = generator.asend, (yield value)
                except GeneratorExit:
                    with steps:
                        await generator.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001  # likewise
                    step, given = generator.athrow, error

    return traced


class _Steps:
    """A block that is left and entered again, and finds the context that it left."""

    __slots__ = ("_context", "_runtime", "_token")

    def __init__(self) -> None:
        self._runtime = context_api._RUNTIME_CONTEXT
        self._context = self._runtime.get_current()

    def __enter__(self) -> None:
        self._token: Any = self._runtime.attach(self._context)

    def __exit__(self, *_: object) -> None:
        self._context = self._runtime.get_current()
        try:
            self._runtime.detach(self._token)
        except (ValueError, RuntimeError):  # left in another context than it was entered in: not ours to put back
            return

    @contextlib.contextmanager
    def hold(self, span: AbstractContextManager[Any]) -> Iterator[None]:
        """Enter `span` as one of the steps, and leave it as another."""
        with self:
            span.__enter__()
        try:
            yield
        except BaseException as error:
            with self:
                span.__exit__(type(error), error, error.__traceback__)
            raise
        with self:
            span.__exit__(None, None, None)
