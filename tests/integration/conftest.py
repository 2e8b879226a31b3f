"""Real peers as fixtures; where a toolchain is missing the tests that need it are skipped with the reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.peers import TOPIC, running
from tools.components.collector import Collector
from tools.components.jaeger import Jaeger
from tools.components.kafka import Kafka


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with running(Kafka(tmp_path_factory.mktemp("kafka"))) as broker:
        yield broker


@pytest.fixture(scope="session")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A Collector that takes OTLP and writes a file."""
    with running(Collector(tmp_path_factory.mktemp("collector"))) as found:
        yield found


@pytest.fixture(scope="session")
def kafka_collector(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A Collector that reads the topic and writes a file."""
    with running(Collector(tmp_path_factory.mktemp("kafka-collector"), kafka=(kafka.bootstrap, TOPIC))) as found:
        yield found


@pytest.fixture(scope="session")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    """A Jaeger that keeps in memory what it is sent."""
    with running(Jaeger(tmp_path_factory.mktemp("jaeger"))) as found:
        yield found
