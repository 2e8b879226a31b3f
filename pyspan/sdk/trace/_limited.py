"""What the limits of a span take away, said once for each name: nothing is cut without a word."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspan._core import Span

__all__ = ["say_dropped", "say_dropped_of_part", "say_shortened"]

logger = logging.getLogger(__name__)

MOST_NAMES = 1_000

_said: set[tuple[str, str]] = set()


def say_shortened(key: str, limit: int) -> None:
    """Log that a value of this key was longer than the limit, unless that is known."""
    if _is_news("key", key):
        message = (
            "The value of attribute %r is cut to %d characters (OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT, or "
            "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT for a span's own); said once a key."
        )
        logger.warning(message, key, limit)


def say_dropped(span: Span) -> None:
    """Log what a span had no room for, or no usable key, unless that is known of another of its name."""
    if _is_news("span", span.name):
        dropped = (span.dropped_attributes, span.dropped_events, span.dropped_links)
        message = (
            "Span %r has lost %d attributes, %d events, %d links to its limits (OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, "
            "OTEL_SPAN_EVENT_COUNT_LIMIT, OTEL_SPAN_LINK_COUNT_LIMIT) or to invalid keys; said once a name."
        )
        logger.warning(message, span.name, *dropped)


def say_dropped_of_part(kind: str, name: str, dropped: int) -> None:
    """Log how many attributes an event of this name, or a link of a span of this name, has lost."""
    if _is_news(kind, name):
        of = f"Event {name!r}" if kind == "event" else f"A link of span {name!r}"
        message = (
            "%s has lost %d attributes to the limit (OTEL_%s_ATTRIBUTE_COUNT_LIMIT) or to invalid keys; "
            "said once a name."
        )
        logger.warning(message, of, dropped, kind.upper())


def _is_news(kind: str, name: str) -> bool:
    if (kind, name) in _said or len(_said) > MOST_NAMES:
        return False
    _said.add((kind, name))
    if len(_said) > MOST_NAMES:
        logger.warning("The limits have cut what has %d names; further ones are not told.", MOST_NAMES)
        return False
    return True
