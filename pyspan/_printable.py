"""Text that others wrote, made safe for a line of a log and for a terminal."""

from __future__ import annotations

__all__ = ["described", "printable"]


def printable(text: str) -> str:
    """Return the text in one line; where something would break that, or steer a terminal, the text is escaped."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def described(value: object) -> str:
    """Return the `repr()` of what somebody gave, and a word for what raises at that."""
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - anybody's code, on its way into the line that reports it
        return f"<unprintable {type(value).__name__}>"
