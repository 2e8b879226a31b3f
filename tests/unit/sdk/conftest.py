"""The state that `pyspan.configure()` changes, as an application finds it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from opentelemetry import propagate, trace

import pyspan

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def unconfigured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have no provider and no variable that chooses one, and leave the API's globals as they were."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(propagate, "_HTTP_TEXT_FORMAT", propagate.get_global_textmap())
    for name in [name for name in os.environ if name.startswith(("OTEL_", "DD_", "SENTRY_", "TRACE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", type(trace._TRACER_PROVIDER_SET_ONCE)())
    yield
    pyspan.shutdown()
