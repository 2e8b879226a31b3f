"""The end of an agent: the drain on SIGTERM, the second signal, and starts that can't be."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.agent.load import Load
from tests.agent.test_delivery import ledger, wait_until
from tests.support.otlp_messages import make_request
from tests.support.otlp_sink import Answer, OtlpSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.agent_process import AgentProcess


@pytest.fixture
def hangup_not_ignored() -> Iterator[None]:
    """What nohup has us ignore, the agent would inherit, and rightly ignore too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangup_not_ignored")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_flushes_what_is_waiting(
    number: signal.Signals, make_agent: Callable[..., AgentProcess], sink: OtlpSink
) -> None:
    agent = make_agent("--batch-wait", "30s", exports=[f"otlp={sink.endpoint}"]).start()
    body, keys = make_request(10)
    agent.post(body)
    started = time.monotonic()
    agent.signal(number)
    assert agent.wait() == 0
    assert time.monotonic() - started < 3
    assert sink.delivered().keys() == set(keys)


def test_a_drain_under_load_keeps_every_acknowledged_span(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink
) -> None:
    agent = make_agent(exports=[f"otlp={sink.endpoint}"]).start()
    with Load(agent) as load:
        load.wait_for(3_000)
        assert agent.stop() == 0
    assert load.acknowledged <= sink.delivered().keys()


def test_what_the_deadline_cuts_off_stays_in_the_spool_and_is_sent_after_the_restart(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink
) -> None:
    sink.stop()
    agent = make_agent("--shutdown-timeout", "0.5", exports=[f"otlp={sink.endpoint}"]).start()
    body, keys = make_request(10)
    agent.post(body)
    started = time.monotonic()
    assert agent.stop() == 0
    assert time.monotonic() - started < 4
    assert "10 spans stay in the spool" in agent.output
    sink.start()
    agent.start()
    sink.wait_for_spans(10)
    assert sink.delivered().keys() == set(keys)


def test_the_log_names_what_was_delivered_and_is_sent_again(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink
) -> None:
    held, held_keys = make_request(1)
    sink.rule = lambda request: Answer(status=503) if held_keys[0] in request.span_ids else Answer()
    agent = make_agent("--batch-wait", "1ms", "--shutdown-timeout", "0.5", exports=[f"otlp={sink.endpoint}"]).start()
    agent.post(held)
    sink.wait_for(lambda sink: len(sink.requests) > 0)
    for _ in range(5):
        agent.post(make_request(10)[0])
    wait_until(lambda: ledger(agent)["exported"] == 50)
    assert agent.stop() == 0
    assert "51 spans stay in the spool and are sent after the restart, 50 of them for another time" in agent.output


def test_a_hangup_that_nohup_ignores_stays_ignored(make_agent: Callable[..., AgentProcess], sink: OtlpSink) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        agent = make_agent(exports=[f"otlp={sink.endpoint}"]).start()
    finally:
        signal.signal(signal.SIGHUP, before)
    agent.signal(signal.SIGHUP)
    agent.post(make_request(10)[0])
    sink.wait_for_spans(10)
    assert agent.returncode is None


@pytest.mark.parametrize("target", [">&-", ">/dev/full"])
def test_it_runs_also_where_standard_output_is_closed_or_full(
    target: str, make_agent: Callable[..., AgentProcess], sink: OtlpSink
) -> None:
    agent = make_agent(exports=[f"otlp={sink.endpoint}"])
    shell = ["sh", "-c", f'exec "$@" {target} 2>>"$0"', str(agent.log), *agent.command]
    agent.process = subprocess.Popen(shell, env=agent.env)
    agent.wait_ready()
    agent.post(make_request(10)[0])
    sink.wait_for_spans(10)
    assert agent.stop() == 0
    assert ("standard output can't be written (No space left on device)" in agent.output) is (target == ">/dev/full")
    assert "pyspan-agent is ready" not in spool_contents(agent), "what is printed goes into no file of the agent's"


def spool_contents(agent: AgentProcess) -> str:
    return "".join(path.read_text(errors="replace") for path in agent.spool.rglob("*") if path.is_file())


def test_a_second_signal_ends_at_once(make_agent: Callable[..., AgentProcess], sink: OtlpSink) -> None:
    sink.rule = lambda request: Answer(delay=20)
    agent = make_agent("--shutdown-timeout", "30s", exports=[f"otlp={sink.endpoint}"]).start()
    agent.post(make_request(10)[0])
    agent.signal(signal.SIGTERM)
    wait_until(lambda: "draining" in agent.output)
    assert agent.get("/readyz")[0] == 503
    agent.signal(signal.SIGTERM)
    assert agent.wait(3) == 1
    assert "ending at once" in agent.output


def test_a_second_agent_on_the_same_spool_is_refused(make_agent: Callable[..., AgentProcess], sink: OtlpSink) -> None:
    first = make_agent(exports=[f"otlp={sink.endpoint}"]).start()
    second = make_agent("--spool", str(first.spool), exports=[f"otlp={sink.endpoint}"], name="second").start(wait=False)
    assert second.wait() == 2
    assert f"in use by process {first.process.pid if first.process else 0}" in second.output
    assert "Traceback" not in second.output


@pytest.mark.parametrize("flag", ["--otlp-http", "--otlp-grpc", "--admin"])
def test_a_port_in_use_is_named_with_its_flag(
    flag: str, make_agent: Callable[..., AgentProcess], sink: OtlpSink, tmp_path: Path
) -> None:
    address = f"127.0.0.1:{sink.port}"
    agent = make_agent(flag, address, exports=[f"file={tmp_path / 'spans.jsonl'}"]).start(wait=False)
    assert agent.wait() == 1
    assert address in agent.output
    assert flag in agent.output
    assert "Traceback" not in agent.output


def test_the_start_says_where_everything_is(make_agent: Callable[..., AgentProcess], sink: OtlpSink) -> None:
    agent = make_agent(exports=[f"otlp={sink.endpoint}"]).start()
    for text in (f"127.0.0.1:{agent.http_port}", f"127.0.0.1:{agent.grpc_port}", str(agent.socket), str(agent.spool)):
        assert text in agent.output
    assert f"http://127.0.0.1:{agent.admin_port}/status" in agent.output


def test_a_stale_socket_file_does_not_stop_the_start(make_agent: Callable[..., AgentProcess], sink: OtlpSink) -> None:
    agent = make_agent(exports=[f"otlp={sink.endpoint}"]).start()
    agent.kill9()
    assert agent.socket.exists()
    agent.start()
    assert ledger(agent)["accepted"] == 0
