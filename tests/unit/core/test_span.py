"""The native span: context, lifecycle, what it records and what it reads back."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import weakref
from typing import Any

import pytest
from opentelemetry import context as context_api
from opentelemetry import trace as trace_api
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from pyspan import _core

REMOTE = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("vendor", "value")]))


def in_context(span_context: Any) -> Any:
    return trace_api.set_span_in_context(NonRecordingSpan(span_context))


def test_a_span_is_current_inside_its_block_and_not_after(recorded: Any) -> None:
    with recorded.tracer.start_as_current_span("outer") as outer:
        assert trace_api.get_current_span() is outer
        with recorded.tracer.start_as_current_span("inner") as inner:
            current: Any = trace_api.get_current_span()
            assert current is inner
            assert inner.parent == outer.get_span_context()
        assert trace_api.get_current_span() is outer
    assert trace_api.get_current_span() is trace_api.INVALID_SPAN


def test_other_values_of_the_context_stay_visible_under_a_span(recorded: Any) -> None:
    token = context_api.attach(context_api.set_value("user", "alice"))
    try:
        with recorded.tracer.start_as_current_span("op"):
            assert context_api.get_value("user") == "alice"
        assert context_api.get_value("user") == "alice"
    finally:
        context_api.detach(token)


def test_a_context_that_somebody_keeps_is_not_given_to_the_next_span(recorded: Any) -> None:
    with recorded.tracer.start_as_current_span("first") as first:
        kept = context_api.get_current()
    with recorded.tracer.start_as_current_span("second"):
        assert trace_api.get_current_span(kept) is first


def test_the_current_context_is_a_real_context_of_the_api(recorded: Any) -> None:
    with recorded.tracer.start_as_current_span("op"):
        current = context_api.get_current()
        assert type(current) is context_api.Context
        with pytest.raises(ValueError, match=r"^$"):
            current["key"] = 1


def test_a_remote_parent_hands_down_trace_flags_and_state(recorded: Any) -> None:
    with recorded.tracer.start_as_current_span("op", context=in_context(REMOTE)) as span:
        child = recorded.tracer.start_span("child")
        assert span.parent == REMOTE
        for context in (span.get_span_context(), child.get_span_context()):
            assert (context.trace_id, context.trace_state, context.is_remote) == (7, REMOTE.trace_state, False)
        child.end()
    spans = recorded.take()
    assert [span["trace_state"] for span in spans] == ["vendor=value"] * 2


def test_an_invalid_parent_starts_a_new_trace(recorded: Any) -> None:
    span = recorded.tracer.start_span("op", context=in_context(trace_api.INVALID_SPAN_CONTEXT))
    assert span.parent is None
    assert span.get_span_context().is_valid


def test_a_context_that_is_none_of_the_kind_is_logged_and_ignored(recorded: Any, caplog: Any) -> None:
    span = recorded.tracer.start_span("op", context=17)
    assert span.parent is None
    assert "becomes a root" in caplog.text


def test_tasks_and_threads_keep_their_own_current_span(recorded: Any) -> None:
    async def task(name: Any) -> Any:
        with recorded.tracer.start_as_current_span(name) as span:
            await asyncio.sleep(0)
            return trace_api.get_current_span() is span

    async def both() -> Any:
        return await asyncio.gather(*(task(str(n)) for n in range(50)))

    assert all(asyncio.run(both()))
    seen = []
    with recorded.tracer.start_as_current_span("main"):
        thread = threading.Thread(target=lambda: seen.append(trace_api.get_current_span()))
        thread.start()
        thread.join()
    assert seen == [trace_api.INVALID_SPAN]


def test_a_span_that_is_never_left_can_be_collected(recorded: Any) -> None:
    def leave_open() -> Any:
        manager = recorded.tracer.start_as_current_span("open")
        manager.__enter__()
        return weakref.ref(manager)

    references = [contextvars.Context().run(leave_open) for _ in range(10)]
    gc.collect()
    assert [reference() for reference in references] == [None] * 10


def test_the_last_value_of_an_attribute_wins(recorded: Any) -> None:
    span = recorded.tracer.start_span("op", attributes={"a": 1, "b": 2})
    span.set_attribute("a", 3)
    span.set_attributes({"c": 4})
    assert list(span.attributes.items()) == [("b", 2), ("a", 3), ("c", 4)]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("text", "text"),
        ("\u00e9\u4e2d", "\u00e9\u4e2d"),
        ("lone \ud800", "lone \ufffd"),
        (True, True),
        (-5, -5),
        (2**63 - 1, 2**63 - 1),
        (2**63, str(2**63)),
        (0.5, 0.5),
        (b"\x00\xff", b"\x00\xff"),
        (None, None),
        ([1, "a", None, [2.5]], (1, "a", None, (2.5,))),
        ((), ()),
        ({"k": {"l": [1]}}, {"k": {"l": (1,)}}),
        (SpanKind.SERVER, "SpanKind.SERVER"),
    ],
)
def test_an_attribute_reads_back_as_the_api_has_it(recorded: Any, given: Any, read: Any) -> None:
    span = recorded.tracer.start_span("op", attributes={"key": given})
    other = recorded.tracer.start_span("op")
    other.set_attribute("key", given)
    assert span.attributes["key"] == read == other.attributes["key"]
    assert type(span.attributes["key"]) is type(read)


def test_a_value_that_says_nothing_becomes_null_with_a_warning(recorded: Any, caplog: Any) -> None:
    span = recorded.tracer.start_span("op", attributes={"key": object()})
    assert span.attributes["key"] is None
    assert "Invalid type" in caplog.text


def test_a_value_whose_str_raises_does_not_reach_the_caller(recorded: Any, caplog: Any) -> None:
    class Rude:
        def __str__(self) -> Any:
            raise RuntimeError("no")

    span = recorded.tracer.start_span("op", attributes={"key": Rude(), "other": 1})
    assert dict(span.attributes) == {"key": None, "other": 1}


def test_a_list_that_holds_itself_ends(recorded: Any) -> None:
    endless: list[Any] = []
    endless.append(endless)
    span = recorded.tracer.start_span("op", attributes={"key": endless})
    assert isinstance(span.attributes["key"], tuple)


def holding_itself(kind: type) -> Any:
    endless: Any = kind()
    endless.append(endless) if kind is list else endless.update(key=endless)
    return endless


@pytest.mark.parametrize("value", [holding_itself(list), holding_itself(dict), {"list": holding_itself(list)}])
def test_a_value_that_nests_without_end_leaves_a_batch_that_everybody_can_read(
    make_recorder: Any, make_queue: Any, value: Any, caplog: Any
) -> None:
    made, queue = make_recorder(), make_queue()
    made.recorder.add_queue(queue)
    span = made.tracer.start_span("op", attributes={"span": value})
    span.add_event("event", {"event": value})
    span.add_link(REMOTE, {"link": value})
    span.end()
    batch = queue.take(partial=True)
    assert len(ExportTraceServiceRequest.FromString(batch.data).resource_spans) == 1
    assert _core.Batch.parse_json(batch.to_json()).to_json() == batch.to_json()
    assert caplog.text.count("nests too deep") == 3  # once a value


@pytest.mark.parametrize(("kind", "levels"), [(list, 46), (dict, 30)])
def test_a_value_nests_as_deep_as_receivers_read_and_ends_in_null(recorded: Any, kind: Any, levels: int) -> None:
    value: Any = kind()
    for _ in range(levels + 5):
        value = [value] if kind is list else {"key": value}
    span = recorded.tracer.start_span("op", attributes={"key": value})
    read, depth = span.attributes["key"], 0
    while read is not None:
        read, depth = read[0] if kind is list else read["key"], depth + 1
    assert depth == levels


@pytest.mark.parametrize("kind", [list, dict])
def test_a_value_that_doubles_with_each_level_is_cut_at_4_mib(
    make_recorder: Any, make_queue: Any, kind: Any, caplog: Any
) -> None:
    made, queue = make_recorder(), make_queue(max_bytes=32 << 20)
    made.recorder.add_queue(queue)
    value: Any = [1]
    for _ in range(28):
        value = [value, value] if kind is list else {"a": value, "b": value}
    made.tracer.start_span("op", attributes={"key": value}).end()
    assert 1 << 20 < queue.take(partial=True).nbytes < 5 << 20
    assert caplog.text.count("more than 4 MiB") == 1


def test_what_lies_behind_the_cut_is_left_out_and_what_lies_before_stays(recorded: Any) -> None:
    span = recorded.tracer.start_span("op", attributes={"key": ["first", "x" * 5_000_000, "last"], "next": [1]})
    assert dict(span.attributes) == {"key": ("first",), "next": (1,)}


@pytest.mark.parametrize("key", ["", None, 17, b"bytes"])
def test_an_invalid_key_is_dropped_and_counted(recorded: Any, key: Any, caplog: Any) -> None:
    span = recorded.tracer.start_span("op")
    span.set_attribute(key, 1)
    assert (dict(span.attributes), span.dropped_attributes) == ({}, 1)
    assert "invalid key" in caplog.text


def test_keys_of_a_mapping_become_strings_where_they_can(recorded: Any, caplog: Any) -> None:
    span = recorded.tracer.start_span("op", attributes={17: {18: 1}, "": 2, None: 3, "good": 4})
    assert dict(span.attributes) == {"17": {"18": 1}, "good": 4}
    assert span.dropped_attributes == 2
    assert "Invalid type" in caplog.text


def test_limits_drop_the_oldest_and_count(make_recorder: Any) -> None:
    tracer = make_recorder(attributes=2, events=1, links=1, event_attributes=1, span_attribute_length=3).tracer
    span = tracer.start_span("op", attributes={"a": "abcdef", "b": 1, "c": 2}, links=[Link(REMOTE), Link(REMOTE)])
    span.add_event("one")
    span.add_event("two", {"x": 1, "y": 2})
    span.set_attribute("b", "\u00e9\u00e9\u00e9\u00e9")
    assert dict(span.attributes) == {"c": 2, "b": "\u00e9\u00e9\u00e9"}
    assert (span.dropped_attributes, span.dropped_events, span.dropped_links) == (1, 1, 1)
    assert [(event.name, dict(event.attributes)) for event in span.events] == [("two", {"y": 2})]
    assert span.events[0].dropped_attributes == 1


def test_events_and_links_read_back(recorded: Any) -> None:
    span = recorded.tracer.start_span("op", links=[Link(REMOTE, {"l": 1})])
    span.add_event("hit", {"k": "v"}, timestamp=5)
    span.add_link(REMOTE)
    assert [(event.name, event.timestamp, dict(event.attributes)) for event in span.events] == [("hit", 5, {"k": "v"})]
    assert [(link.context, dict(link.attributes)) for link in span.links] == [(REMOTE, {"l": 1}), (REMOTE, {})]
    assert span.links[0].context.trace_state == REMOTE.trace_state


def test_ok_is_final_and_unset_says_nothing(recorded: Any) -> None:
    span = recorded.tracer.start_span("op")
    span.set_status(StatusCode.ERROR, "boom")
    span.set_status(StatusCode.UNSET)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "boom")
    span.set_status(Status(StatusCode.OK))
    span.set_status(StatusCode.ERROR, "late")
    assert (span.status.status_code, span.status.description) == (StatusCode.OK, None)


def test_an_exception_is_recorded_and_passes_through(recorded: Any) -> None:
    with pytest.raises(ValueError, match="boom"), recorded.tracer.start_as_current_span("op") as span:
        raise ValueError("boom")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError: boom")
    (event,) = span.events
    assert event.name == "exception"
    assert (event.attributes["exception.type"], event.attributes["exception.message"]) == ("ValueError", "boom")
    assert "raise ValueError" in event.attributes["exception.stacktrace"]


def test_exceptions_are_recorded_only_as_asked(recorded: Any) -> None:
    start = recorded.tracer.start_as_current_span
    with pytest.raises(LookupError), start("op", record_exception=False) as quiet:
        raise LookupError
    with pytest.raises(LookupError), start("op", set_status_on_exception=False) as calm:
        raise LookupError
    assert (quiet.events, quiet.status.status_code) == ((), StatusCode.ERROR)
    assert (len(calm.events), calm.status.status_code) == (1, StatusCode.UNSET)


def test_an_exception_whose_str_raises_does_not_hide_it(recorded: Any) -> None:
    class RudeError(Exception):
        def __str__(self) -> Any:
            raise RuntimeError("no")

    with pytest.raises(RudeError), recorded.tracer.start_as_current_span("op") as span:
        raise RudeError
    assert span.end_time is not None


def test_a_generator_exit_is_no_error_of_a_current_span(recorded: Any) -> None:
    def generate() -> Any:
        with recorded.tracer.start_as_current_span("op") as span:
            yield span

    generator = generate()
    span = next(generator)
    generator.close()
    assert (span.status.status_code, span.events) == (StatusCode.UNSET, ())
    assert span.end_time is not None


def test_end_on_exit_can_be_left_to_the_caller(recorded: Any) -> None:
    with recorded.tracer.start_as_current_span("op", end_on_exit=False) as span:
        pass
    assert span.is_recording()
    span.end()
    assert not span.is_recording()


def test_an_ended_span_ignores_and_warns(recorded: Any, caplog: Any) -> None:
    span = recorded.tracer.start_span("op")
    span.end(end_time=span.start_time + 5)
    span.set_attribute("a", 1)
    span.add_event("late")
    span.update_name("other")
    span.set_status(StatusCode.ERROR)
    span.end()
    assert (span.name, dict(span.attributes), span.events, span.end_time - span.start_time) == ("op", {}, (), 5)
    assert len(caplog.records) == 5


def test_times_given_by_hand_are_kept_and_nonsense_is_not(recorded: Any, caplog: Any) -> None:
    span = recorded.tracer.start_span("op", start_time=17)
    span.end(end_time=18)
    assert (span.start_time, span.end_time) == (17, 18)
    odd = recorded.tracer.start_span("op", start_time=-1)
    odd.end(end_time="soon")
    assert odd.start_time > 10**18
    assert odd.end_time > 10**18
    assert "is no time" in caplog.text


def test_an_unsampled_span_passes_its_id_on_and_records_nothing(make_recorder: Any, make_queue: Any) -> None:
    made, queue = make_recorder(native_sampler=_core.always_off()), make_queue()
    made.recorder.add_queue(queue)
    with made.tracer.start_as_current_span("op") as span:
        assert not span.is_recording()
        assert not span.get_span_context().trace_flags.sampled
        span.set_attribute("a", 1)
        child = made.tracer.start_span("child")
        assert child.get_span_context().trace_id == span.get_span_context().trace_id
        assert child.get_span_context().span_id != span.get_span_context().span_id
    assert queue.take(partial=True) is None
    assert made.recorder.counts()["unsampled"] == 2


def test_a_disabled_tracer_hands_its_parent_on(recorded: Any) -> None:
    recorded.tracer.enabled = False
    with recorded.tracer.start_as_current_span("op", context=in_context(REMOTE)) as span:
        assert not span.is_recording()
        assert span.get_span_context().span_id == REMOTE.span_id
    assert recorded.take() == []


def test_processors_see_spans_start_and_end(recorded: Any) -> None:
    calls: list[Any] = []

    class Processor:
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            calls.append(("start", span.name, parent_context))
            span.set_attribute("by", "processor")

        def _on_ending(self, span: Any) -> None:
            calls.append(("ending", span.name))

        def on_end(self, span: Any) -> None:
            calls.append(("end", dict(span.attributes)))

    recorded.recorder.set_processor(Processor())
    parent = in_context(REMOTE)
    recorded.tracer.start_span("op", context=parent).end()
    assert calls == [("start", "op", parent), ("ending", "op"), ("end", {"by": "processor"})]


def test_a_processor_that_raises_is_logged_and_the_span_goes_on(recorded: Any, caplog: Any) -> None:
    class Rude:
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            raise RuntimeError("no")

        _on_ending = on_end = on_start

    recorded.recorder.set_processor(Rude())
    with recorded.tracer.start_as_current_span("op"):
        pass
    assert [span["name"] for span in recorded.take()] == ["op"]
    assert "processor failed" in caplog.text


@pytest.mark.parametrize("package", ["pyspan", "opentelemetry"])
def test_a_sampler_in_python_decides_and_adds(make_recorder: Any, make_queue: Any, package: str) -> None:
    sampling = pytest.importorskip(f"{package}.sdk.trace.sampling")

    class Sampler:
        def should_sample(
            self, parent_context: Any, trace_id: Any, name: Any, kind: Any, attributes: Any, links: Any
        ) -> Any:
            self.asked = (parent_context, name, kind, attributes, links)
            decision = sampling.Decision.RECORD_AND_SAMPLE
            return sampling.SamplingResult(decision, {**attributes, "rate": 1}, TraceState([("s", "1")]))

    sampler, queue = Sampler(), make_queue()
    made = make_recorder(sampler=sampler)
    made.recorder.add_queue(queue)
    span = made.tracer.start_span("op", kind=SpanKind.CLIENT, attributes={"a": 1})
    span.end()
    assert sampler.asked == (None, "op", SpanKind.CLIENT, {"a": 1}, ())
    assert dict(span.attributes) == {"a": 1, "rate": 1}
    assert span.get_span_context().trace_state == TraceState([("s", "1")])


def test_ids_come_from_the_generator_that_was_given(make_recorder: Any) -> None:
    class Generator:
        def generate_trace_id(self) -> Any:
            return 5

        def generate_span_id(self) -> Any:
            return 6

    context = make_recorder(id_generator=Generator()).tracer.start_span("op").get_span_context()
    assert (context.trace_id, context.span_id, int(context.trace_flags)) == (5, 6, 1)


def test_random_ids_say_that_they_are_random(recorded: Any) -> None:
    assert int(recorded.tracer.start_span("op").get_span_context().trace_flags) & 0x02


def test_a_span_cannot_be_made_without_a_tracer() -> None:
    with pytest.raises(TypeError):
        _core.Span()


def test_a_name_that_is_no_string_becomes_one(recorded: Any) -> None:
    assert recorded.tracer.start_span(17).name == "17"
    assert recorded.tracer.start_span("\ud800").name == "\ufffd"


@pytest.mark.parametrize("no", [None, 0, "", []])
@pytest.mark.parametrize("name", ["record_exception", "set_status_on_exception"])
def test_a_switch_that_is_no_bool_counts_by_its_truth(recorded: Any, name: str, no: object) -> None:
    for start in (recorded.tracer.start_span, recorded.tracer.start_as_current_span):
        with pytest.raises(LookupError), start("op", **{name: no}) as span:
            raise LookupError
        assert len(span.events) == (0 if name == "record_exception" else 1)
        assert span.status.status_code is (StatusCode.ERROR if name == "record_exception" else StatusCode.UNSET)


def test_a_switch_that_cannot_say_whether_it_is_true_is_taken_for_true(recorded: Any) -> None:
    class Mute:
        def __bool__(self) -> bool:
            raise ValueError

    with recorded.tracer.start_as_current_span("op", end_on_exit=Mute()) as span:
        pass
    assert span.end_time is not None


def test_a_status_description_keeps_its_text_though_utf_8_cannot_hold_all_of_it(recorded: Any) -> None:
    span = recorded.tracer.start_span("op")
    span.set_status(StatusCode.ERROR, "caf\u00e9 \ud800 closed")
    span.end()
    assert span.status.description == "caf\u00e9 \ufffd closed"
