"""The command line: exit codes, messages, `--check`."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from pyspan.agent import cli

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("PYSPAN_AGENT_")]:
        monkeypatch.delenv(name)


def test_check_prints_what_is_in_force_and_where_from(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["--check", "--batch-spans", "7"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"batch-spans +7 +--batch-spans\n", out)
    assert re.search(r"otlp-http +127\.0\.0\.1:4318 +default\n", out)
    assert not list(tmp_path.iterdir()), "--check creates nothing"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--otlp-htp", "x"], "--otlp-htp: unknown flag (did you mean --otlp-http?)"),
        (["--admin", "nowhere"], "--admin = nowhere: no port (write HOST:PORT, such as 127.0.0.1:4318)"),
        (["--admin", "127.0.0.1:4318"], "--admin = 127.0.0.1:4318: otlp-http has this address too"),
        (["--otlp-http", "off", "--otlp-grpc", "off"], "every receiver is off"),
        (["--spool", "/proc/version/spool"], "belongs to the kernel"),
        (["--spool-max-bytes", "1MiB"], "less than two segments"),
        (["--socket", "/tmp/" + "x" * 120], "longer than 107 bytes"),
        (["--socket", "/nonexistent/agent.sock"], "the folder /nonexistent is not there (create it)"),
        (["--export", "file=/tmp"], "is a folder"),
        (["--export", "otlp=http://h:1", "--export", "otlp=http://h:1/"], "is there twice"),
        (["--config", "/nonexistent.toml"], "--config = /nonexistent.toml: No such file"),
    ],
)
def test_a_wrong_configuration_ends_with_2_and_no_traceback(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--check", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("pyspan-agent: ")
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_a_missing_extra_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    assert cli.main([]) == 2
    assert "pip install 'pyspan-tracing[agent]'" in capsys.readouterr().err


def test_a_missing_kafka_client_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pyspan.agent.check.find_spec", lambda name: None)
    assert cli.main(["--check", "--export", "kafka=h:9092/otlp_spans"]) == 2
    assert "pip install 'pyspan-tracing[kafka]'" in capsys.readouterr().err


def test_what_only_the_client_can_judge_is_found_by_the_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PYSPAN_KAFKA_SECURITY_PROTOCOL", "tsl")
    assert cli.main(["--check", "--export", "kafka=h:9092/otlp_spans"]) == 2
    assert "PYSPAN_KAFKA_SECURITY_PROTOCOL" in capsys.readouterr().err
    config = tmp_path / "agent.toml"
    config.write_text('[[export]]\nto = "otlp=http://h:1"\nheaders = { "a b" = "c" }\n')
    assert cli.main(["--check", "--config", str(config)]) == 2
    assert f"{config}:export = otlp=http://h:1: the entry 'a b' is no HTTP header" in capsys.readouterr().err


def test_help_names_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert all(f"--{key}" in out for key in ("otlp-http", "export", "spool-fsync-interval", "config", "check"))


def test_the_config_variable_names_the_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYSPAN_AGENT_CONFIG", "/nonexistent.toml")
    assert cli.main(["--check"]) == 2
    assert "/nonexistent.toml" in capsys.readouterr().err
