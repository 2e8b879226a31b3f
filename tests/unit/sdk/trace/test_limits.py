"""Limits: arguments, environment, defaults, in this order."""

from __future__ import annotations

from typing import Any

import pytest

from pyspan.errors import ConfigurationError
from pyspan.sdk.trace import SpanLimits, TracerProvider

VARIABLES = {
    "max_attributes": "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "max_events": "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "max_links": "OTEL_SPAN_LINK_COUNT_LIMIT",
    "max_span_attributes": "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "max_event_attributes": "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "max_link_attributes": "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    "max_attribute_length": "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "max_span_attribute_length": "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
}
COUNTS = [name for name in VARIABLES if not name.endswith("length")]
LENGTHS = [name for name in VARIABLES if name.endswith("length")]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)


def test_counts_default_to_128_and_lengths_to_no_limit() -> None:
    limits = SpanLimits()
    assert [getattr(limits, name) for name in COUNTS] == [128] * 6
    assert [getattr(limits, name) for name in LENGTHS] == [None] * 2


@pytest.mark.parametrize("name", VARIABLES)
def test_an_argument_wins_over_the_environment_and_that_over_the_default(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLES[name], " 7 ")
    assert getattr(SpanLimits(), name) == 7
    assert getattr(SpanLimits(**{name: 3}), name) == 3
    assert getattr(SpanLimits(**{name: 0}), name) == 0


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize("value", ["-1", "many", "1.5"])
def test_a_variable_that_is_no_number_is_refused_by_its_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLES[name], value)
    with pytest.raises(ValueError, match=f"{VARIABLES[name]} must be a non-negative integer but got {value}"):
        SpanLimits()


@pytest.mark.parametrize("name", VARIABLES)
def test_unset_is_no_limit_but_the_default_for_all_attributes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLES[name], "7")
    limits = SpanLimits(**{name: SpanLimits.UNSET})
    assert getattr(limits, name) == (128 if name == "max_attributes" else None)


def test_an_empty_variable_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "")
    assert SpanLimits().max_events is None


def test_a_negative_argument_is_refused() -> None:
    with pytest.raises(ValueError, match="-5"):
        SpanLimits(max_events=-5)


def test_the_common_limits_hold_for_spans_events_and_links() -> None:
    limits = SpanLimits(max_attributes=9, max_attribute_length=4, max_link_attributes=2)
    assert (limits.max_span_attributes, limits.max_event_attributes, limits.max_link_attributes) == (9, 9, 2)
    assert limits.max_span_attribute_length == 4


def test_it_shows_its_numbers() -> None:
    assert "max_events=3" in repr(SpanLimits(max_events=3))


def test_limits_that_are_none_are_refused_where_they_are_given() -> None:
    wrong: Any = "x"
    with pytest.raises(
        ConfigurationError, match=r"span_limits='x' in the arguments cannot be used: give a .*SpanLimits"
    ):
        TracerProvider(span_limits=wrong)
