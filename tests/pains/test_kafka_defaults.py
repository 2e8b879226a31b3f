"""acks=1, no compression, no key by trace: what a broker has on its disk shows that ours are safe."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer

from tests.integration.peers import running
from tests.support.agent_process import AgentProcess
from tests.support.otlp_messages import check_spans, make_request
from tools.components.kafka import Kafka

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOPIC = "defaults"
# KIP-98: base offset, length, leader epoch, magic, CRC, attributes, last offset delta, two timestamps, producer id.
HEADER = struct.Struct(">qiibIhiqqq")
ZSTD = 4


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_records_are_zstd_from_an_idempotent_producer_and_keyed_by_their_trace(tmp_path: Path) -> None:
    body, keys = make_request(800)
    with running(Kafka(tmp_path / "kafka")) as broker:
        with AgentProcess(tmp_path, exports=[f"kafka={broker.bootstrap}/{TOPIC}"]) as agent:
            assert agent.post(body) == 200
            assert agent.stop(60.0) == 0
        records = asyncio.run(read_records(broker.bootstrap, len(keys)))
        batches = [batch for log in (tmp_path / "kafka").rglob(f"{TOPIC}-*/*.log") for batch in batches_of(log)]
    assert batches
    assert {attributes & 7 for attributes, _ in batches} == {ZSTD}
    assert all(producer >= 0 for _, producer in batches), "-1 is a producer that is not idempotent, so not acks=all"
    assert len(records) == len({trace_id for trace_id, _ in keys}), "one record a trace"
    for key, value in records:
        assert {trace_id for trace_id, _ in check_spans(value)} == {key.decode()}


async def read_records(broker: str, spans: int) -> list[tuple[bytes, bytes]]:
    """Read keys and values until they hold so many spans."""
    found: list[tuple[bytes, bytes]] = []
    async with AIOKafkaConsumer(TOPIC, bootstrap_servers=broker, auto_offset_reset="earliest") as consumer:
        while sum(len(check_spans(value)) for _, value in found) < spans:
            record = await asyncio.wait_for(consumer.getone(), 60.0)
            found.append((record.key, record.value))
    return found


def batches_of(log: Path) -> Iterator[tuple[int, int]]:
    """Read attributes and producer id of each record batch in a segment of the broker's log."""
    data, at = log.read_bytes(), 0
    while at + HEADER.size <= len(data):
        _, length, _, magic, _, attributes, _, _, _, producer = HEADER.unpack_from(data, at)
        if length <= 0:
            return
        assert magic == 2
        yield attributes, producer
        at += 12 + length
