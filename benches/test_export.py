"""Spans a second from one process on one core into a local OTLP/HTTP sink, how many are lost, and its memory."""

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

SECONDS = 5
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


def _flood(kind: str, url: str) -> tuple[float, float, float]:
    """Return spans a second of those that arrived, the percentage that did not, and the megabytes it took."""
    command = _on(CORES[0], "benches.export_app", kind, f"{url}/v1/traces", str(SECONDS))
    made = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    with urllib.request.urlopen(url) as answer:
        arrived = int(answer.read())
    return arrived / made["wall_s"], 100 * (1 - arrived / made["made"]), made["grown_mb"]


@pytest.mark.timeout(600)
def test_sustained_export(report: Any, sink: Any) -> None:
    rounds = [(_flood("pyspan", sink), _flood("sdk", sink)) for _ in range(3)]
    (rates, losses, megabytes), (peer_rates, peer_losses, peer_megabytes) = (
        tuple(zip(*side, strict=True)) for side in zip(*rounds, strict=True)
    )
    report("flood of one core for 5 s, exported", Pair(max(rates), max(peer_rates)))
    report("flood of one core for 5 s, lost", Pair(max(losses), max(peer_losses)))
    report("flood of one core for 5 s, memory at its peak", Pair(max(megabytes), max(peer_megabytes)))
