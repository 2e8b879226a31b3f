"""`SpanLimits`: how much a span may hold."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pyspan import _core
from pyspan.config import names as env
from pyspan.config.environ import MOST, problem, unusable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SpanLimits", "are_limits", "checked_limits", "limits_of_environment"]

DEFAULT_COUNT = 128
VARIABLES = (
    env.OTEL_SPAN_EVENT_COUNT_LIMIT,
    env.OTEL_SPAN_LINK_COUNT_LIMIT,
    env.OTEL_ATTRIBUTE_COUNT_LIMIT,
    env.OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT,
    env.OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT,
    env.OTEL_LINK_ATTRIBUTE_COUNT_LIMIT,
    env.OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT,
    env.OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT,
)


class SpanLimits:
    """Limits on attributes, events and links, each given here, by its environment variable, or 128.

    Numbers without sign, None for what the environment says, `SpanLimits.UNSET` for no limit; an empty variable is no
    limit either. Counts of span, event and link attributes default to `max_attributes`; lengths to no limit.

    Raises:
        ValueError: a limit is negative or no number.
    """

    UNSET = -1

    def __init__(
        self,
        max_attributes: int | None = None,
        max_events: int | None = None,
        max_links: int | None = None,
        max_span_attributes: int | None = None,
        max_event_attributes: int | None = None,
        max_link_attributes: int | None = None,
        max_attribute_length: int | None = None,
        max_span_attribute_length: int | None = None,
        *,
        _environ: Any = None,  # a mapping like os.environ; typed so that limits can be given as **dict[str, int]
    ) -> None:
        environ = os.environ if _environ is None else _environ

        def read(value: int | None, variable: str, default: int | None = None) -> int | None:
            return self._from_env_if_absent(value, variable, default, environ)

        self.max_events = read(max_events, env.OTEL_SPAN_EVENT_COUNT_LIMIT, DEFAULT_COUNT)
        self.max_links = read(max_links, env.OTEL_SPAN_LINK_COUNT_LIMIT, DEFAULT_COUNT)
        given = read(max_attributes, env.OTEL_ATTRIBUTE_COUNT_LIMIT)
        common = DEFAULT_COUNT if given is None else given
        self.max_attributes = common
        self.max_span_attributes = read(max_span_attributes, env.OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, common)
        self.max_event_attributes = read(max_event_attributes, env.OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT, common)
        self.max_link_attributes = read(max_link_attributes, env.OTEL_LINK_ATTRIBUTE_COUNT_LIMIT, common)
        self.max_attribute_length = read(max_attribute_length, env.OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT)
        self.max_span_attribute_length = read(
            max_span_attribute_length, env.OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT, self.max_attribute_length
        )

    @classmethod
    def _from_env_if_absent(
        cls, value: int | None, env_var: str, default: int | None = None, environ: Mapping[str, str] = os.environ
    ) -> int | None:
        if value == cls.UNSET:
            return None
        if value is not None:
            return _check(value, env_var)
        if env_var not in environ:
            return default
        text = environ[env_var].strip().lower()
        return _check(text, env_var) if text else None

    def _to_native(self) -> _core.Limits:
        return _core.Limits(
            attributes=self.max_span_attributes,
            events=self.max_events,
            links=self.max_links,
            event_attributes=self.max_event_attributes,
            link_attributes=self.max_link_attributes,
            attribute_length=self.max_attribute_length,
            span_attribute_length=self.max_span_attribute_length,
        )

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__}({fields})"


def are_limits(value: object) -> bool:
    """Take the SDK's class of the same name too."""
    return all(hasattr(value, name) for name in vars(SpanLimits(_environ={})))


def checked_limits(value: SpanLimits) -> SpanLimits:
    """Return the limits that code gives.

    Raises:
        ConfigurationError: they are none.
    """
    if are_limits(value):
        return value
    raise problem("span_limits", value, "give a pyspan.sdk.trace.SpanLimits", "the arguments")


def limits_of_environment() -> SpanLimits:
    """Read the limits; a variable that cannot be used is warned about and counts as unset: it must stop no application.

    `SpanLimits()` itself raises, as the SDK's does.
    """
    environ = dict(os.environ)
    for variable in VARIABLES:
        text = environ.get(variable, "").strip()
        if text and not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST)) and int(text) <= MOST):
            instead = "no limit" if variable.endswith("LENGTH_LIMIT") else DEFAULT_COUNT
            environ.pop(variable)
            unusable(variable, text, f"a whole number from 0 to {MOST}, or nothing for no limit", instead)
    return SpanLimits(_environ=environ)


def _check(value: int | str, name: str) -> int:
    try:
        number = int(value)
    except ValueError:
        number = -1
    if number < 0:
        raise ValueError(f"{name} must be a non-negative integer but got {value}")
    return number
