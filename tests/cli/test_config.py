"""`pyspan config`: what is in force, where it comes from, and what is wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from tests.cli.commands import PYSPAN, environment, pyspan

if TYPE_CHECKING:
    from pathlib import Path


def rows(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    """Read value and source by name; a value has no two blanks in a row."""
    split = [re.split(r" {2,}", line.strip()) for line in done.stdout.splitlines()]
    assert all(len(row) == 3 for row in split), done.stdout
    assert len({name for name, _, _ in split}) == len(split)
    return {name: (value, source) for name, value, source in split}


def test_without_variables_all_are_defaults_and_nothing_is_found() -> None:
    done = pyspan("config")
    assert (done.returncode, done.stderr) == (0, "")
    settings = rows(done)
    assert settings["OTEL_EXPORTER_OTLP_ENDPOINT"] == ("http://localhost:4318/v1/traces", "default")
    assert settings["OTEL_BSP_MAX_QUEUE_SIZE"] == ("524288", "default")
    assert {source for _, source in settings.values()} == {"default"}


def test_each_value_names_the_variable_that_it_comes_from() -> None:
    done = pyspan(
        "config",
        OTEL_SERVICE_NAME="shop",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://collector:4317",
        OTEL_EXPORTER_OTLP_TRACES_TIMEOUT="3",
        OTEL_TRACES_SAMPLER="traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0.25",
        OTEL_BSP_SCHEDULE_DELAY="100",
        DD_VERSION="7",
    )
    assert (done.returncode, done.stderr) == (0, "")
    settings = rows(done)
    assert settings["service.name"] == ("shop", "OTEL_SERVICE_NAME")
    assert settings["service.version"] == ("7", "DD_VERSION")
    assert settings["OTEL_EXPORTER_OTLP_ENDPOINT"] == ("http://collector:4317", "OTEL_EXPORTER_OTLP_ENDPOINT")
    assert settings["OTEL_EXPORTER_OTLP_PROTOCOL"] == ("grpc", "default")
    assert settings["OTEL_EXPORTER_OTLP_TIMEOUT"] == ("3 s", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
    assert settings["OTEL_TRACES_SAMPLER"] == ("TraceIdRatioBased{0.25}", "OTEL_TRACES_SAMPLER")
    assert settings["OTEL_BSP_SCHEDULE_DELAY"] == ("100", "OTEL_BSP_SCHEDULE_DELAY")


def test_no_secret_is_printed() -> None:
    done = pyspan(
        "config",
        OTEL_EXPORTER_OTLP_ENDPOINT="https://user:hunter2@c:4318/?key=hunter2",
        OTEL_EXPORTER_OTLP_HEADERS="authorization=hunter2,x-tenant=hunter2",
        SENTRY_DSN="https://hunter2@o1.ingest.sentry.io/1",
        DD_API_KEY="hunter2",
    )
    assert done.returncode == 0
    assert "hunter2" not in done.stdout + done.stderr
    assert "authorization=" in rows(done)["OTEL_EXPORTER_OTLP_HEADERS"][0]


def test_a_wrong_value_is_named_with_what_holds_instead() -> None:
    done = pyspan("config", OTEL_BSP_SCHEDULE_DELAY="soon", OTEL_TRACES_SAMPLER="sometimes")
    assert done.returncode == 2
    assert sorted(line.split("=")[0] for line in done.stderr.splitlines()) == [
        "pyspan: OTEL_BSP_SCHEDULE_DELAY",
        "pyspan: OTEL_TRACES_SAMPLER",
    ]
    assert rows(done)["OTEL_BSP_SCHEDULE_DELAY"] == ("5000", "default")


def test_a_value_that_ends_configure_is_the_only_line() -> None:
    done = pyspan("config", OTEL_TRACES_EXPORTER="oltp")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pyspan: OTEL_TRACES_EXPORTER='oltp' in the environment cannot be used: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("variables", "finding"),
    [
        ({"OTEL_TRACE_EXPORTER": "otlp"}, "OTEL_TRACE_EXPORTER is unknown: did you mean OTEL_TRACES_EXPORTER?"),
        ({"PYSPAN_KAFKA_BROKER": "b:9092"}, "PYSPAN_KAFKA_BROKER is unknown: did you mean PYSPAN_KAFKA_BROKERS?"),
        (
            {"OTEL_EXPORTER_OTLP_INSECURE": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "https://c:4318"},
            "OTEL_EXPORTER_OTLP_INSECURE has no effect: OTEL_EXPORTER_OTLP_ENDPOINT says https; ",
        ),
    ],
)
def test_unknown_and_contradictory_variables_are_found(variables: dict[str, str], finding: str) -> None:
    done = pyspan("config", **variables)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"pyspan: {finding}")


@pytest.mark.parametrize("value", ["a\nOTEL_SDK_DISABLED  true  default", "\x1b[2Jshop", "ünïcode  shop\r"])
def test_a_value_stays_on_its_line_and_steers_no_terminal(value: str) -> None:
    done = pyspan("config", OTEL_SERVICE_NAME=value)
    assert len([line for line in done.stdout.splitlines() if "OTEL_SDK_DISABLED" in line.split()[0]]) == 1
    assert all(line.isprintable() for line in done.stdout.splitlines())


def test_each_value_of_a_file_names_its_path_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "otel.json"
    provider = {"processors": [], "sampler": {"trace_id_ratio_based": {"ratio": 0.5}}}
    file.write_text(json.dumps({"file_format": "1.1", "tracer_provider": provider}))
    done = pyspan("config", OTEL_CONFIG_FILE=str(file))
    assert (done.returncode, done.stderr) == (0, "")
    path = "tracer_provider.sampler.trace_id_ratio_based.ratio"
    assert rows(done)[path] == ("0.5", f"{file}:{path}")


def test_a_wrong_value_in_a_file_is_named_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "otel.json"
    file.write_text('{"file_format": "1.1", "disabled": "perhaps"}')
    done = pyspan("config", OTEL_CONFIG_FILE=str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"pyspan: disabled='perhaps' in {file} cannot be used: ")


def test_nothing_is_connected_to_and_no_file_is_made(tmp_path: Path) -> None:
    done = pyspan("config", OTEL_TRACES_EXPORTER=f"file={tmp_path}/deep/spans,kafka=127.0.0.1:1/t,otlp")
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(tmp_path.iterdir())


def test_the_same_findings_come_with_check() -> None:
    done = pyspan("check", OTEL_TRACES_EXPORTER="console", OTEL_SERVICENAME="shop")
    assert done.returncode == 0
    assert done.stderr == "pyspan: OTEL_SERVICENAME is unknown: did you mean OTEL_SERVICE_NAME?\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: COMMAND (see --help)"),
        (["config", "--all"], "unrecognized arguments: --all (see --help)"),
        (["check", "x"], "unrecognized arguments: x (see --help)"),
    ],
)
def test_a_wrong_command_line_is_one_line(words: list[str], message: str) -> None:
    done = pyspan(*words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"pyspan: {message}\n")


def test_an_unknown_command_is_answered_with_the_known_ones() -> None:
    done = pyspan("conf")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert re.search("conf.*config.*check.*run", line)


def test_version_and_help() -> None:
    assert pyspan("--version").stdout == f"pyspan {version('pyspan-tracing')}\n"
    assert all(f"    {command} " in pyspan("--help").stdout for command in ("config", "check", "run"))
    assert "pyspan run -m MODULE [ARGUMENT ...]" in pyspan("run", "--help").stdout


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_the_encoding_of_the_output_cannot_hold_is_escaped(encoding: str) -> None:
    done = pyspan("config", OTEL_SERVICE_NAME="日本", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert rows(done)["service.name"][0] == "\\u65e5\\u672c"


@pytest.mark.parametrize("command", ["config", "check"])
@pytest.mark.parametrize(
    "variable",
    ["OTEL_SERVICE_NAME", "OTEL_PROPAGATORS", "DD_TAGS", "PYSPAN_BAGGAGE_ATTRIBUTES", "OTEL_BSP_MAX_QUEUE_SIZE"],
)
def test_bytes_that_are_no_text_and_huge_values_end_in_no_traceback(command: str, variable: str) -> None:
    for value in (os.fsdecode(b"a:\xff"), "x" * 130_000):
        done = pyspan(command, OTEL_TRACES_EXPORTER="console", **{variable: value})
        assert done.returncode in (0, 2), done.stderr
        assert all(line.startswith("pyspan: ") and len(line) < 2_000 for line in done.stderr.splitlines()), done.stderr


@pytest.mark.parametrize("command", ["config", "check"])
@pytest.mark.parametrize(
    ("redirection", "said"),
    [
        (">/dev/full", "pyspan: standard output can't be written: No space left on device\n"),
        (">&-", ""),
        ("<&- 2>&-", ""),
    ],
)
def test_an_output_that_cannot_be_written_is_no_traceback(
    command: str, redirection: str, said: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$0" {command} {redirection}', str(PYSPAN)],
        env=environment(OTEL_TRACES_EXPORTER=f"file={tmp_path}/spans"),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stderr.endswith(said)
    assert "Traceback" not in done.stderr
    assert done.returncode == (1 if said else 0)


def test_a_reader_that_has_left_is_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [str(PYSPAN), "config"], env=environment(), stdout=writing, stderr=subprocess.PIPE, timeout=50, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"pyspan: standard output can't be written: Broken pipe\n")


def test_a_folder_that_is_gone_and_no_home_change_nothing(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["/bin/sh", "-c", 'rmdir "$PWD" && "$0" config', str(PYSPAN)],
        cwd=gone,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert rows(done) == rows(pyspan("config")) | {"service.instance.id": rows(done)["service.instance.id"]}
