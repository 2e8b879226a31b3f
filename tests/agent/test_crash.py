"""Restarts, changed configurations and a spool that is taken away: the ledger adds up, nothing is promised in vain."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.agent.test_delivery import ledger, wait_until
from tests.support.otlp_messages import make_request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.agent_process import AgentProcess
    from tests.support.otlp_sink import OtlpSink


def test_counts_outlive_restarts(make_agent: Callable[..., AgentProcess], sink: OtlpSink) -> None:
    agent = make_agent("--batch-wait", "10ms", exports=[f"otlp={sink.endpoint}"]).start()
    agent.post(make_request(30)[0])
    wait_until(lambda: ledger(agent)["exported"] == 30)
    assert agent.stop() == 0
    agent.start()
    assert ledger(agent)["accepted"] == ledger(agent)["exported"] == 30
    agent.post(make_request(12)[0])
    wait_until(lambda: ledger(agent)["exported"] == 42)
    agent.kill9()
    agent.start()
    entry = ledger(agent)
    assert entry["accepted"] == 42
    assert entry["possibly_resent"] == 0


def test_an_exporter_that_was_removed_lets_its_space_go(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink, tmp_path: Path
) -> None:
    sink.stop()
    file = f"file={tmp_path / 'spans.jsonl'}"
    small = ("--spool-max-bytes", "1MiB", "--spool-segment-bytes", "64KiB", "--shutdown-timeout", "0.5")
    agent = make_agent(*small, exports=[f"otlp={sink.endpoint}", file]).start()
    sent = 0
    while agent.post(make_request(100)[0]) == 200:
        sent += 100
        assert sent < 100_000, "the spool takes 1 MiB"
    wait_until(lambda: ledger(agent, 1)["exported"] == sent)
    assert agent.post(make_request(100)[0]) == 503, "the exporter that is down holds the space"
    before = agent.status()["spool"]["bytes"]
    agent.stop()
    agent.exports = [file]
    agent.start()
    assert "is no longer configured" in agent.output
    assert [exporter["to"] for exporter in agent.status()["exporters"]] == [file]
    assert agent.status()["spool"]["bytes"] < before / 4
    assert agent.post(make_request(100)[0]) == 200
    wait_until(lambda: ledger(agent)["exported"] == sent + 100)


def test_a_spool_folder_that_is_there_keeps_its_mode_and_one_warning_says_that_others_may_look(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink
) -> None:
    agent = make_agent(exports=[f"otlp={sink.endpoint}"])
    agent.spool.mkdir()
    agent.spool.chmod(0o2775)
    agent.start()
    agent.post(make_request(10)[0])
    sink.wait_for_spans(10)
    assert agent.spool.stat().st_mode & 0o7777 == 0o2775
    assert agent.output.count("mode 2775 lets others look into it") == 1
    for path in agent.spool.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_a_spool_folder_of_another_user_that_may_be_written_can_be_used(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink
) -> None:
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("to give a folder away takes root, and to bear it without its powers takes setpriv")
    agent = make_agent(exports=[f"otlp={sink.endpoint}"])
    agent.spool.mkdir()
    os.chown(agent.spool, 65_534, 65_534)
    with agent.log.open("ab") as log:
        command = ["setpriv", "--bounding-set=-fowner", "--inh-caps=-fowner", *agent.command]
        agent.process = subprocess.Popen(command, env=agent.env, stdout=log, stderr=subprocess.STDOUT)
    agent.wait_ready()
    agent.post(make_request(10)[0])
    sink.wait_for_spans(10)
    assert agent.stop() == 0


def test_an_exporter_that_comes_back_starts_with_what_is_received_from_then_on(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink, tmp_path: Path
) -> None:
    both = [f"otlp={sink.endpoint}", f"file={tmp_path / 'spans.jsonl'}"]
    agent = make_agent("--batch-wait", "1ms", exports=both).start()
    agent.post(make_request(10)[0])
    wait_until(lambda: ledger(agent, 0)["exported"] == ledger(agent, 1)["exported"] == 10)
    assert agent.stop() == 0
    agent.exports = both[1:]
    agent.start()
    assert "its offset is dropped, 0 spans that it had not exported are given up" in agent.output
    agent.post(make_request(10)[0])
    wait_until(lambda: ledger(agent)["exported"] == 20)
    assert agent.stop() == 0
    agent.exports = both
    agent.start()
    assert "starts with what is received from now on" in agent.output
    body, keys = make_request(10)
    agent.post(body)
    sink.wait_for(lambda sink: set(keys) <= set(sink._delivered))
    wait_until(lambda: ledger(agent)["exported"] == 10)
    assert (len(sink.delivered()), max(sink.delivered().values())) == (20, 1)
    agent.kill9()
    agent.start()
    assert ledger(agent)["exported"] == 10


def test_a_spool_folder_removed_under_a_running_agent_refuses_and_says_so(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink
) -> None:
    agent = make_agent("--batch-wait", "1ms", exports=[f"otlp={sink.endpoint}"]).start()
    assert agent.post(make_request(10)[0]) == 200
    sink.stop()
    held, held_keys = make_request(10)
    assert agent.post(held) == 200
    shutil.rmtree(agent.spool)
    assert agent.get("/readyz")[0] == 503
    assert f"the spool folder {agent.spool} was removed while in use" in agent.get("/readyz")[1]
    assert agent.post(make_request(10)[0]) == 503
    agent.spool.mkdir()
    assert agent.post(make_request(10)[0]) == 503
    assert ledger(agent)["accepted"] == 20
    sink.start()
    sink.wait_for(lambda sink: set(held_keys) <= set(sink._delivered), timeout=30)
    assert agent.stop() == 0
    agent.start()
    assert agent.get("/readyz")[0] == 200
    assert agent.post(make_request(10)[0]) == 200


def test_what_is_sent_again_after_a_damage_of_its_place_is_counted_and_damaged_files_are_named(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink
) -> None:
    agent = make_agent("--batch-wait", "1ms", exports=[f"otlp={sink.endpoint}"]).start()
    for _ in range(5):
        agent.post(make_request(100)[0])
    wait_until(lambda: ledger(agent)["exported"] == 500)
    assert agent.stop() == 0
    (place,) = agent.spool.glob("*.reader")
    place.write_bytes(b"x" * place.stat().st_size)
    agent.start()
    wait_until(lambda: ledger(agent)["pending"] == 0)
    assert ledger(agent)["possibly_resent"] == 500
    assert set(sink.delivered().values()) == {2}
    assert agent.stop() == 0
    (segment,) = agent.spool.glob("*.segment")
    segment.write_bytes(b"x" * 4096)
    agent.start()
    wait_until(lambda: f"(set aside: {segment.name}.damaged)" in agent.output)
