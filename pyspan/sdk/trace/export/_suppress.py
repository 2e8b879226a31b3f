"""Exporting without being traced oneself."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["suppress_instrumentation", "suppress_instrumentation_here"]

SUPPRESSED = True


def suppress_instrumentation_here() -> None:
    """Let the instrumentation packages make no spans in this thread from now on."""
    attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, SUPPRESSED))


@contextmanager
def suppress_instrumentation() -> Iterator[None]:
    """Let them make none meanwhile."""
    token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, SUPPRESSED))
    try:
        yield
    finally:
        detach(token)
