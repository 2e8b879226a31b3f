"""Text that others wrote, made safe for a line of a log and for a terminal."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str) -> str:
    """Return the text in one line; where something would break that, or steer a terminal, the text is escaped."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()
