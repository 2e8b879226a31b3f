"""Real peers as fixtures; where a toolchain is missing the tests that need it are skipped with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import pytest

from tools.components._cache import MissingToolchainError
from tools.components.collector import Collector
from tools.components.kafka import Kafka
from tools.components.zipkin import Zipkin

TOPIC = "otlp_spans"
T = TypeVar("T", Kafka, Collector, Zipkin)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    yield from _running(Kafka(tmp_path_factory.mktemp("kafka")))


@pytest.fixture(scope="session")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A Collector that takes OTLP and writes a file."""
    yield from _running(Collector(tmp_path_factory.mktemp("collector")))


@pytest.fixture(scope="session")
def kafka_collector(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A Collector that reads the topic and writes a file."""
    yield from _running(Collector(tmp_path_factory.mktemp("kafka-collector"), kafka=(kafka.bootstrap, TOPIC)))


@pytest.fixture(scope="session")
def zipkin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zipkin]:
    yield from _running(Zipkin(tmp_path_factory.mktemp("zipkin")))


def _running(component: T) -> Iterator[T]:
    try:
        component.start()
    except MissingToolchainError as error:
        pytest.skip(str(error))
    yield component
    component.stop()
