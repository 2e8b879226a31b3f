"""A broker that asks for name and password: the agent's table and the application's variables log in."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.integration.peers import running
from tests.pains.test_kafka_defaults import TOPIC, read_records
from tests.support.agent_process import AgentProcess
from tests.support.otlp_messages import make_request
from tools.components.kafka import Kafka

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

APPLICATION = """
import pyspan
from opentelemetry import trace

pyspan.configure("shop")
trace.get_tracer("shop").start_span("order").end()
raise SystemExit(0 if pyspan.force_flush(60) else 1)
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with running(Kafka(tmp_path_factory.mktemp("sasl") / "kafka", user=("shop", "hunter2"))) as kafka:
        yield kafka


def configured(folder: Path, broker: Kafka, password: str) -> AgentProcess:
    file = folder / "agent.toml"
    login = f'security_protocol = "SASL_PLAINTEXT"\nsasl_username = "shop"\nsasl_password = "{password}"\n'
    file.write_text(f'[[export]]\nto = "kafka={broker.sasl_bootstrap}/{TOPIC}"\n{login}')
    return AgentProcess(folder, "--config", str(file), env={"BROKER_WORD": "hunter2"})


def test_the_agent_logs_in_by_the_options_of_its_table(broker: Kafka, tmp_path: Path) -> None:
    body, keys = make_request(10)
    with configured(tmp_path, broker, "${BROKER_WORD}") as agent:
        assert agent.post(body) == 200
        assert agent.stop(60.0) == 0
    records = asyncio.run(read_records(broker.bootstrap, len(keys)))
    assert {trace_id for trace_id, _ in keys} <= {key.decode() for key, _ in records}


def test_a_wrong_password_is_kept_waiting_and_told_with_its_place(broker: Kafka, tmp_path: Path) -> None:
    body, keys = make_request(10)
    with configured(tmp_path, broker, "wrong") as agent:
        assert agent.post(body) == 200
        deadline = time.monotonic() + 60.0
        while not (told := agent.status()["exporters"][0]["last_error"]) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert agent.status()["exporters"][0]["ledger"]["pending"] == len(keys)
    assert f"(check {tmp_path / 'agent.toml'}:export)" in told


def test_the_application_logs_in_by_its_variables(broker: Kafka) -> None:
    login = {"SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SASL_USERNAME": "shop", "SASL_PASSWORD": "hunter2"}
    environ = {f"PYSPAN_KAFKA_{name}": value for name, value in login.items()}
    environ["OTEL_TRACES_EXPORTER"] = f"kafka={broker.sasl_bootstrap}/of-the-application"
    ended = subprocess.run(
        [sys.executable, "-c", APPLICATION],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
