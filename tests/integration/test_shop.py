"""The demo as its own check: what the shop starts comes out of Kafka and the Collector."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parent.parent.parent


def _demo(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ONCE": "1", **environment}
    words = [sys.executable, "-m", "examples.shop"]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=390, check=False)


def test_the_shop_delivers_every_span_that_it_starts() -> None:
    done = _demo({})
    assert done.returncode == 0, done.stdout + done.stderr
    if "MISSING" in done.stdout:
        pytest.skip(re.findall(r"MISSING: (.*)", done.stdout)[0])
    assert re.findall(r"received by (\w+): .*: same", done.stdout) == ["Kafka", "Collector"]


def test_the_shop_goes_on_without_a_broker_and_a_collector(tmp_path: Path) -> None:
    alone = tmp_path / "bin"
    alone.mkdir()
    (alone / "python").symlink_to(sys.executable)
    done = _demo({"PATH": str(alone), "XDG_CACHE_HOME": str(tmp_path)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MISSING: Kafka is left out, missing: java" in done.stdout
    assert "MISSING: The OpenTelemetry Collector is left out, missing: go" in done.stdout
    assert re.search(r"received by the agent's file: .*: same", done.stdout)
