"""Waiting for spans to come out of a file of JSON lines, and comparing them with what was sent."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from tests.integration.canonical import Canonical, from_json

__all__ = ["Key", "assert_delivered", "key_of", "wait_for"]

Key = tuple[str, str]


def key_of(span: Canonical) -> Key:
    """Trace id and span id."""
    return span["trace_id"], span["span_id"]


def wait_for(path: Path, keys: set[Key], timeout: float = 60.0) -> tuple[dict[Key, Canonical], Counter[Key]]:
    """Read the file until all the keys are in it; the spans of those keys, and how often each came."""
    deadline = time.monotonic() + timeout
    while True:
        found = [span for line in _whole_lines(path) for span in from_json(line) if key_of(span) in keys]
        counts = Counter(map(key_of, found))
        if len(counts) == len(keys) or time.monotonic() > deadline:
            return {key_of(span): span for span in found}, counts
        time.sleep(0.1)


def _whole_lines(path: Path) -> list[bytes]:
    if not path.exists():
        return []
    return [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def assert_delivered(sent: list[Canonical], path: Path, timeout: float = 60.0) -> None:
    """Check that each span came out once and the same in every field."""
    wanted = {key_of(span): span for span in sent}
    assert wanted, "nothing was sent"
    found, counts = wait_for(path, set(wanted), timeout)
    assert len(found) == len(wanted), f"{len(wanted) - len(found)} of {len(wanted)} spans are missing"
    assert set(counts.values()) == {1}, f"{sum(counts.values()) - len(counts)} spans came twice"
    for key, span in wanted.items():
        assert found[key] == span
