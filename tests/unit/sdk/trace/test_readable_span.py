"""Spans to read: built by hand, and their text."""

from __future__ import annotations

import copy
import json

import pytest
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from pyspan.sdk.resources import Resource
from pyspan.sdk.trace import Event, ReadableSpan
from pyspan.sdk.util import BoundedDict, BoundedList, ns_to_iso_str
from pyspan.sdk.util.instrumentation import InstrumentationInfo, InstrumentationScope, _scope_name_matches_glob

CONTEXT = SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=TraceFlags(1))
PARENT = SpanContext(0xABC, 0x123, is_remote=True)


def build() -> ReadableSpan:
    return ReadableSpan(
        "name",
        context=CONTEXT,
        parent=PARENT,
        resource=Resource({"service.name": "shop"}),
        attributes={"a": 1, "b": b"\xff"},
        events=[Event("event", {"e": 1}, 1_000_000_000)],
        links=[Link(PARENT, {"l": 1})],
        kind=SpanKind.SERVER,
        status=Status(StatusCode.ERROR, "why"),
        start_time=1_000_000_000,
        end_time=2_000_000_000,
        instrumentation_scope=InstrumentationScope("scope", "1"),
    )


def test_it_shows_what_it_was_given() -> None:
    span = build()
    assert (span.name, span.kind, span.context, span.parent) == ("name", SpanKind.SERVER, CONTEXT, PARENT)
    assert span.get_span_context() is CONTEXT
    assert (span.start_time, span.end_time, span._start_time) == (1_000_000_000, 2_000_000_000, 1_000_000_000)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "why")
    assert span.instrumentation_scope == InstrumentationScope("scope", "1")


def test_only_the_name_is_needed() -> None:
    span = ReadableSpan("name")
    assert dict(span.attributes) == {}
    assert (span.events, span.links, span.context, span.start_time) == ((), (), None, None)
    assert span.status.status_code is StatusCode.UNSET
    assert span.resource.attributes["telemetry.sdk.language"] == "python"


def test_what_it_shows_cannot_be_changed() -> None:
    span = build()
    with pytest.raises(TypeError):
        span.attributes["a"] = 2  # type: ignore[index]  # that is what is tested
    assert isinstance(span.events, tuple)
    assert isinstance(span.links, tuple)


def test_it_tells_what_its_containers_have_dropped() -> None:
    span = ReadableSpan(
        "name",
        attributes=BoundedAttributes(1, {"a": 1, "b": 2}),
        events=BoundedList.from_seq(1, [Event("one"), Event("two"), Event("three")]),
        links=BoundedList.from_seq(1, [Link(CONTEXT), Link(PARENT)]),
    )
    assert (span.dropped_attributes, span.dropped_events, span.dropped_links) == (1, 2, 1)
    assert (build().dropped_attributes, build().dropped_events, build().dropped_links) == (0, 0, 0)


def test_its_text_is_json_with_hexadecimal_ids_and_iso_times() -> None:
    context = {"trace_id": "0x" + "0" * 29 + "abc", "span_id": "0x" + "0" * 13 + "123", "trace_state": "[]"}
    assert json.loads(build().to_json()) == {
        "name": "name",
        "context": {**context, "span_id": "0x" + "0" * 13 + "def"},
        "kind": "SpanKind.SERVER",
        "parent_id": "0x" + "0" * 13 + "123",
        "start_time": "1970-01-01T00:00:01.000000Z",
        "end_time": "1970-01-01T00:00:02.000000Z",
        "status": {"status_code": "ERROR", "description": "why"},
        "attributes": {"a": 1, "b": "ff"},
        "events": [{"name": "event", "timestamp": "1970-01-01T00:00:01.000000Z", "attributes": {"e": 1}}],
        "links": [{"context": context, "attributes": {"l": 1}}],
        "resource": {"attributes": {"service.name": "shop"}, "schema_url": ""},
    }
    assert "\n" not in build().to_json(indent=None)


def test_the_older_form_of_the_scope_warns() -> None:
    with pytest.warns(DeprecationWarning, match="InstrumentationScope"):
        info = InstrumentationInfo("name", "1", "schema")
    span = ReadableSpan("name", instrumentation_info=info)
    with pytest.warns(DeprecationWarning, match="instrumentation_scope"):
        assert span.instrumentation_info is info
    assert (info.name, info.version, info.schema_url) == ("name", "1", "schema")


def test_an_event_is_timed_when_it_is_made_without_a_time() -> None:
    event = Event("name", BoundedAttributes(1, {"a": 1, "b": 2}))
    assert event.timestamp > 1_700_000_000 * 10**9
    assert event.dropped_attributes == 1
    assert Event("name").dropped_attributes == 0


def test_scopes_are_equal_and_sorted_by_content() -> None:
    one, same = (InstrumentationScope("a", "1", "s", {"x": 1}) for _ in range(2))
    other = InstrumentationScope("b")
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one < other
    assert json.loads(one.to_json()) == {"name": "a", "version": "1", "schema_url": "s", "attributes": {"x": 1}}


def test_a_bounded_list_keeps_the_newest() -> None:
    kept = BoundedList[int](2)
    kept.extend([1, 2, 3])
    kept.append(4)
    assert list(kept) == [3, 4]
    assert (kept[0], len(kept), kept.dropped) == (3, 2, 2)


def test_times_are_written_in_utc() -> None:
    assert ns_to_iso_str(1_500_000) == "1970-01-01T00:00:00.001500Z"


def test_a_copy_of_a_bounded_list_is_its_own() -> None:
    bounded = BoundedList.from_seq(2, [[1], [2], [3]])
    copied = copy.deepcopy(bounded)
    copied[0].append(9)
    copied.append([4])
    assert (list(bounded), bounded.dropped) == ([[2], [3]], 1)
    assert (list(copied), copied.dropped) == ([[3], [4]], 2)


def test_a_bounded_dict_keeps_the_newest_and_says_that_it_is_old() -> None:
    with pytest.warns(DeprecationWarning, match="deprecated"):
        bounded = BoundedDict.from_map(2, {"a": 1, "b": 2, "c": 3})
    bounded["b"] = 4
    del bounded["c"]
    assert (dict(bounded), bounded.dropped) == ({"b": 4}, 1)
    with pytest.raises(ValueError, match="-1"):
        BoundedDict(-1)


def test_a_rule_for_scopes_matches_names_by_pattern() -> None:
    holds = _scope_name_matches_glob("my.*")
    assert [name for name in ("my.app", "other") if holds(InstrumentationScope(name))] == ["my.app"]
