"""Spans a second from one process on one core into a local OTLP/HTTP sink, and how many of them are lost."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from typing import Any

import pytest

from benches.paired import Pair

OUR_SPANS = 2_000_000
PEER_SPANS = 60_000
CORES = sorted(os.sched_getaffinity(0))


@pytest.fixture
def sink() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(_on(CORES[-1], "benches.export_sink", str(port)))
    url = f"http://127.0.0.1:{port}"
    while _is_silent(port):
        assert process.poll() is None, "the sink has ended"
        time.sleep(0.05)
    yield url
    process.kill()
    process.wait()


def _is_silent(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _on(core: int, module: str, *args: str) -> list[str]:
    return ["taskset", "-c", str(core), sys.executable, "-m", module, *args]


def _flood(kind: str, url: str, spans: int) -> tuple[float, float]:
    """Return spans a second of those that arrived, and the share that did not."""
    command = _on(CORES[0], "benches.export_app", kind, f"{url}/v1/traces", str(spans))
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    with urllib.request.urlopen(url) as answer:
        arrived = int(answer.read())
    return arrived / json.loads(printed)["wall_s"], 1 - arrived / spans


@pytest.mark.timeout(600)
def test_sustained_export(report: Any, sink: Any) -> None:
    rounds = [(_flood("pyspan", sink, OUR_SPANS), _flood("sdk", sink, PEER_SPANS)) for _ in range(3)]
    (rate, _), (peer_rate, peer_lost) = (max(side) for side in zip(*rounds, strict=True))
    lost = max(own[1] for own, _ in rounds)
    report("flood of one core, exported", Pair(rate, peer_rate))
    report("flood of one core, lost", Pair(100 * lost, 100 * peer_lost))
