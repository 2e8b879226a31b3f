"""The command line: exit codes, messages, `--check`."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pyspan.agent import cli
from pyspan.agent.config import SETTINGS

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
        (["--spool-max-bytes", "99999999999999T"], "out of range (give 64KiB to 1024TiB)"),
        (["--spool-segment-bytes", "9" * 400], "out of range (give 4KiB to 4GiB)"),
        (["--in-flight", "1000000000"], "out of range (give 1 to 1024)"),
        (["--in-flight", "0"], "out of range (give 1 to 1024)"),
        (["--receiver-threads", "1000000"], "out of range (give 1 to 256)"),
        (["--batch-spans", "1" + "0" * 30], "out of range (give 1 to 1000000)"),
        (["--batch-spans", "9" * 5000], "out of range (give 1 to 1000000)"),
        (["--batch-bytes", "1"], "out of range (give 1KiB to 1GiB)"),
        (["--batch-wait", "2h"], "out of range (give 0s to 1h)"),
        (["--spool-fsync-interval", "1" + "0" * 300], "out of range (give 1ms to 1h)"),
        (["--spool-fsync-interval", "0"], "out of range (give 1ms to 1h)"),
        (["--failing-after", "25h"], "out of range (give 100ms to 24h)"),
        (["--failing-after", "0s"], "out of range (give 100ms to 24h)"),
        (["--max-connections", "0"], "out of range (give 1 to 1000000)"),
        (["--ready-when-failing", "maybe"], "--ready-when-failing = maybe: not true or false"),
        (["--otlp-http", "0.0.0.0:9", "--otlp-grpc", "127.0.0.1:9"], "otlp-http has this address too"),
        (["--otlp-http", "127.0.0.1:9", "--admin", "[::]:9"], "otlp-http has this address too"),
        (["--socket", "/tmp/pyspan-both", "--spool", "/tmp/pyspan-both"], "is the folder of the spool"),
        (["--export", "file=/dev/full"], "is a device or a pipe"),
        (["--spool", "/tmp/pyspan-spool", "--export", "file=/tmp/pyspan-spool/x.jsonl"], "lies in the spool"),
        (["--spool", "/tmp/" + "x" * 300], "file name too long (choose another path)"),
        (["--export", "file=/tmp/" + "x" * 300], "file name too long (choose another path)"),
        (["--export", "file=/tmp/" + "x" * 300 + "/y"], "file name too long (choose another path)"),
        (["--shutdown-timeout", "-5s"], "--shutdown-timeout = -5s: a duration is not negative"),
        (["--shutdown-timeout", "-5"], "--shutdown-timeout = -5: a duration is not negative"),
        (["--max-body-bytes", "1GiB", "--spool-max-bytes", "64MiB"], "--max-body-bytes = 1073741824: larger than"),
        (["--spool"], "--spool: expected one argument (see --help)"),
        (["--export"], "--export: expected one argument (see --help)"),
        (["--spool", "--check"], "--spool: expected one argument (see --help)"),
        (["--port", "1"], "--port: unknown flag (see --help)"),
        (["--http", "1"], "--http: unknown flag (did you mean --otlp-http?)"),
        (["--otlp=http://u:hunter2@h"], "--otlp=http://REDACTED:REDACTED@h: unknown flag"),
        (["--export", "file=/nonexistent/spans.jsonl"], "the folder /nonexistent is not there (create it)"),
        (["--export", "file=/proc/spans.jsonl"], "/proc belongs to the kernel"),
        (["--spool", "/proc/self/spool"], "belongs to the kernel"),
        (["--socket", "/etc/passwd"], "--socket = /etc/passwd: is there and no socket"),
        (["--export", "otlp=http://localhost:4318"], "is this agent's own otlp-http: spans would go in circles"),
        (["--export", "otlp-grpc=127.0.0.1:4317"], "is this agent's own otlp-grpc"),
        (["--export", "otlp=http://127.0.0.1:4317"], "is this agent's own otlp-grpc"),
        (["--otlp-http", "0.0.0.0:1", "--export", "otlp=http://[::1]:1"], "is this agent's own otlp-http"),
        (["--export", "otlp=http://0.0.0.0:4318"], "is this agent's own otlp-http"),
        (["--socket", "/tmp/pyspan-own.sock", "--export", "otlp=unix:///tmp/pyspan-own.sock"], "own socket"),
        (["--export", "kafka=[::1]:9092"], "--export = kafka=[::1]:9092: no topic"),
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
    assert captured.err.count("\n") == 1
    assert len(captured.err) < 1000
    assert "hunter2" not in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_a_pipe_is_no_file_to_append_to(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert cli.main(["--check", "--export", f"file={tmp_path / 'pipe'}"]) == 2
    assert "is a device or a pipe" in capsys.readouterr().err


def test_an_export_to_an_address_of_this_machine_is_a_loop_where_the_receiver_listens_on_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = address_of_this_machine()
    assert cli.main(["--check", "--otlp-http", "0.0.0.0:9", "--export", f"otlp=http://{own}:9"]) == 2
    assert "is this agent's own otlp-http" in capsys.readouterr().err
    for elsewhere in ("192.0.2.7", "[2001:db8::7]", "elsewhere.example"):
        assert cli.main(["--check", "--otlp-http", "0.0.0.0:9", "--export", f"otlp=http://{elsewhere}:9"]) == 0


def address_of_this_machine() -> str:
    """Ask for the address that packets to others leave by; none is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network but loopback")
        return str(probe.getsockname()[0])


@pytest.mark.parametrize("target", [">&-", ">/dev/full"])
def test_a_check_whose_answer_cannot_be_written_has_no_traceback(target: str) -> None:
    command = f'exec "$0" -m pyspan.agent --check {target}'
    shell = ["sh", "-c", command, sys.executable]
    ended = subprocess.run(shell, check=False, stderr=subprocess.PIPE, text=True, timeout=60)
    assert "Traceback" not in ended.stderr
    assert (ended.returncode, ended.stderr) in {
        (0, ""),
        (1, "pyspan-agent: standard output can't be written: No space left on device\n"),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timeout = 0", "timeout 0: out of range (give 1ms to 10m)"),
        ("timeout = 1e300", "timeout 1e+300: not a duration"),
        ("headers = { authorization = 5 }", "header 'authorization' is a number, not text"),
        ("header = {}", "'header' is no option of otlp= (did you mean headers?)"),
        ('sasl_password = "hunter2"', "'sasl_password' is no option of otlp="),
    ],
)
def test_an_option_of_a_table_that_cannot_be_used_is_named_without_the_secrets_beside_it(
    text: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = tmp_path / "agent.toml"
    secret = "" if "headers" in text else 'headers = { key = "hunter2" }\n'
    config.write_text(f'[[export]]\nto = "otlp=http://h:1/?key=hunter2"\n{secret}{text}\n')
    assert cli.main(["--check", "--config", str(config)]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith(f"pyspan-agent: {config}:export = otlp=http://h:1/?key=REDACTED: ")
    assert message in errors
    assert "hunter2" not in errors


def test_kafka_options_of_a_table_are_checked_and_their_secrets_never_shown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = tmp_path / "agent.toml"
    sasl = 'security_protocol = "SASL_PLAINTEXT"\nsasl_mechanism = "SCRAM-SHA-512"\nsasl_password = "hunter2"\n'
    config.write_text(f'[[export]]\nto = "kafka=h:9092/spans"\n{sasl}')
    assert cli.main(["--check", "--config", str(config)]) == 2
    assert "security_protocol='SASL_PLAINTEXT' in its table cannot be used: it needs sasl_username" in (
        capsys.readouterr().err
    )
    config.write_text(f'[[export]]\nto = "kafka=h:9092/spans"\nsasl_username = "shop"\n{sasl}')
    assert cli.main(["--check", "--config", str(config)]) == 0
    assert "hunter2" not in "".join(capsys.readouterr())


def test_check_shows_urls_without_their_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--check", "--export", "otlp=http://u:hunter2@h:1/?key=hunter2"]) == 0
    out = capsys.readouterr().out
    assert "otlp=http://REDACTED:REDACTED@h:1/v1/traces?key=REDACTED" in out
    assert "hunter2" not in out


def test_a_small_spool_bounds_the_body_where_nobody_chose_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--check", "--spool-max-bytes", "1MiB", "--spool-segment-bytes", "64KiB"]) == 0
    assert re.search(r"max-body-bytes +1048576 +default\n", capsys.readouterr().out)


def test_help_gives_the_range_of_each_number(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    out = " ".join(capsys.readouterr().out.split())
    for setting in SETTINGS:
        assert setting.limits is None or f"{setting.limits[0]} to {setting.limits[1]})" in out


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
