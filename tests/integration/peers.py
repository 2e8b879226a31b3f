"""A real peer for the length of a block; where its toolchain is missing the test is skipped with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from tools.components import MissingToolchainError
from tools.components.chromium import Chromium
from tools.components.collector import Collector
from tools.components.jaeger import Jaeger
from tools.components.kafka import Kafka

__all__ = ["TOPIC", "running"]

TOPIC = "otlp_spans"
Peer = TypeVar("Peer", Chromium, Kafka, Collector, Jaeger)


@contextmanager
def running(peer: Peer) -> Iterator[Peer]:
    """Start and, whatever happens, stop it."""
    try:
        peer.start()
    except MissingToolchainError as error:
        pytest.skip(str(error))
    try:
        yield peer
    finally:
        peer.stop()
