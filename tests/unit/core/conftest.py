"""A native recorder with a queue, without the Python side of the tracer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import pyspan.sdk.trace  # noqa: F401 - registers the native classes with the API
from pyspan import _core

UNLIMITED = dict.fromkeys(
    (
        "attributes",
        "events",
        "links",
        "event_attributes",
        "link_attributes",
        "attribute_length",
        "span_attribute_length",
    )
)


@pytest.fixture
def make_recorder() -> Any:
    """Make a recorder and its tracer; limits and samplers by name."""

    def make(sampler: Any = None, native_sampler: Any = None, id_generator: Any = None, **limits: Any) -> Any:
        native = native_sampler if native_sampler or sampler else _core.always_on()
        resource = SimpleNamespace(attributes={"service.name": "shop"})
        encoded = _core.encode_resource(resource.attributes)
        recorder = _core.Recorder(
            resource, encoded, "", _core.Limits(**{**UNLIMITED, **limits}), sampler, native, id_generator
        )
        scope = SimpleNamespace(name="tests")
        return SimpleNamespace(
            recorder=recorder, tracer=recorder.tracer(scope, _core.encode_scope("tests", "1", {}), "")
        )

    return make


@pytest.fixture
def make_queue() -> Any:
    """Make a queue; limits by name."""

    def make(**settings: Any) -> Any:
        defaults = {"max_spans": 1000, "max_bytes": 1 << 20, "batch_spans": 100, "batch_bytes": 1 << 19}
        return _core.SpanQueue(**{**defaults, **settings})

    return make


@pytest.fixture
def recorded(make_recorder: Any, make_queue: Any) -> Any:
    """A recorder whose spans can be taken: `recorded.tracer`, `recorded.take()`."""
    made, queue = make_recorder(), make_queue()
    made.recorder.add_queue(queue)
    made.queue = queue
    made.take = lambda: batch.spans() if (batch := queue.take(partial=True)) else []
    return made
