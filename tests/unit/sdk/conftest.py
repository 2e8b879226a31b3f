"""The state that `pyspan.configure()` changes, as an application finds it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import propagate, trace

import pyspan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyspan.sdk.trace import TracerProvider


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


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TracerProvider]:
    """Configure by a file of this text."""

    def by_file(text: str, name: str = "otel.yaml", **arguments: Any) -> TracerProvider:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        monkeypatch.setenv("OTEL_CONFIG_FILE", str(path))
        return pyspan.configure(**arguments)

    return by_file
