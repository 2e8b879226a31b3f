"""What tests of traced code need: the pytest fixture `pyspan_spans`, and what it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspan.testing._spans import CapturedSpans, captured
    from pyspan.testing._tree import tree

__all__ = ["CapturedSpans", "captured", "tree"]  # found by __getattr__


def __getattr__(name: str) -> Any:
    """Import late: pytest imports this package in every run, also in those that trace nothing."""
    if name in ("CapturedSpans", "captured"):
        from pyspan.testing import _spans

        return getattr(_spans, name)
    if name == "tree":
        from pyspan.testing._tree import tree

        return tree
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
