"""A context made current for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import context as context_api
from opentelemetry.context import Context

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NO_CONTEXT", "Attached", "call_within"]

NO_CONTEXT = Context()


class Attached:
    """Makes `context` current within a block.

    Where the block is left in another context than it was entered in, as an async generator's is that another task
    closes, nothing is put back: what is current there is not ours. The API's `detach` would log an error.
    """

    __slots__ = ("_context", "_token")

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> None:
        self._token: Any = context_api.attach(self._context)

    def __exit__(self, *_: object) -> None:
        try:
            context_api._RUNTIME_CONTEXT.detach(self._token)
        except (ValueError, RuntimeError):
            return


def call_within(context: Context, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call `function` with `context` current."""
    with Attached(context):
        return function(*args, **kwargs)
