"""Server processes: found, killed, and never left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.components._cache import MissingToolchainError, require, run
from tools.components._process import Process
from tools.components.ports import free_port, port_open

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if ") Z " in Path(f"/proc/{pid}/stat").read_text():
            return True
        time.sleep(0.02)
    return False


def test_a_process_is_stopped_with_its_children(tmp_path: Path) -> None:
    pid_file = tmp_path / "child"
    code = f"import os, time; pid = os.fork(); pid and open({str(pid_file)!r}, 'w').write(str(pid)); time.sleep(60)"
    process = Process("parent", tmp_path)
    process.start([sys.executable, "-c", code])
    process.wait_ready(lambda: pid_file.exists() and bool(pid_file.read_text()), 10.0)
    process.stop()
    assert not process.alive()
    assert _gone(int(pid_file.read_text()))


def test_a_detached_process_is_found_again_and_killed(tmp_path: Path) -> None:
    first = Process("server", tmp_path, detached=True)
    first.start(SLEEPER)
    again = Process("server", tmp_path, detached=True)
    assert again.alive()
    first.kill9()
    assert not again.alive()


def test_a_process_dies_with_its_starter_even_by_kill_9(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from tools.components._process import Process;"
        f"Process('orphan', Path({str(tmp_path)!r})).start({SLEEPER!r}); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(Path.cwd())}) as starter:
        pid_file = tmp_path / "orphan.pid"
        deadline = time.monotonic() + 10.0
        while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)  # the leash is tied by the process itself, shortly after its start
        starter.kill()
    assert _gone(int(pid_file.read_text().split()[0]))


def test_a_process_that_dies_early_shows_the_end_of_its_log(tmp_path: Path) -> None:
    process = Process("broken", tmp_path)
    process.start([sys.executable, "-c", "raise SystemExit('no such setting')"])
    with pytest.raises(RuntimeError, match="no such setting"):
        process.wait_ready(lambda: False, 10.0)


def test_a_free_port_is_outside_the_range_of_outgoing_connections() -> None:
    port = free_port()
    assert 20_000 <= port < 32_000
    assert not port_open(port)


def test_a_missing_program_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(MissingToolchainError, match=r"Kafka is left out, missing: mvn \(Maven\)"):
        require("Kafka", {"mvn": "Maven"})


def test_an_installation_that_hangs_is_ended_with_its_children_and_its_output_shown(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"sh -c .* was not done after 3 s(.|\n)*downloading"):
        run(["sh", "-c", "sleep 600 & echo $! > child; echo downloading; wait"], tmp_path, timeout=3.0)
    assert _gone(int((tmp_path / "child").read_text()))


def test_an_installation_that_fails_shows_the_end_of_its_output(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"ended with 7, see .*install\.log:\nno such artifact"):
        run(["sh", "-c", "echo no such artifact; exit 7"], tmp_path)
