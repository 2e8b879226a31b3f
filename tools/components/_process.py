"""A server process: its own process group, its log in a file, found again by its pid file, never left behind."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["Process"]

LEASH = Path(__file__).with_name("_leash.py")


class Process:
    """Start, find again, signal and stop one server; unless `detached`, it dies with the process that started it."""

    def __init__(self, name: str, directory: Path, *, detached: bool = False) -> None:
        self.name = name
        self.directory = directory.resolve()
        self.log = self.directory / f"{name}.log"
        self._detached = detached
        self._pid_file = self.directory / f"{name}.pid"
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, words: list[str], environment: Mapping[str, str] | None = None) -> None:
        """Start the program in a group of its own and in its directory."""
        self.directory.mkdir(parents=True, exist_ok=True)
        leash = [] if self._detached else [sys.executable, "-S", "-E", str(LEASH)]
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                [*leash, *words],
                cwd=self.directory,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._pid_file.write_text(f"{self._child.pid} {_started_at(self._child.pid)}")
        if not self._detached:
            _owned.add(self)

    def wait_ready(self, ready: Callable[[], bool], timeout: float) -> None:
        """Wait until `ready`; RuntimeError with the end of the log when the process died or the time is over."""
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.alive():
                raise RuntimeError(f"{self.name} died\n{self._tail()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} is not ready after {timeout:.0f} s\n{self._tail()}")
            time.sleep(0.05)

    def alive(self) -> bool:
        """Say whether the process that was started, and no other with its number, is there."""
        if self._child is not None:
            return self._child.poll() is None
        pid, started = self._read_pid()
        return pid > 0 and _started_at(pid) == started

    def stop(self, timeout: float = 30.0) -> None:
        """SIGTERM to the group, SIGKILL for what is left at the end of the time."""
        self._signal(signal.SIGTERM)
        if not self._gone(timeout):
            self._signal(signal.SIGKILL)
            self._gone(5.0)
        self._pid_file.unlink(missing_ok=True)
        _owned.discard(self)

    def kill9(self) -> None:
        """SIGKILL to the group, at once."""
        self._signal(signal.SIGKILL)
        if not self._gone(10.0):
            raise RuntimeError(f"{self.name} survived SIGKILL")

    def _read_pid(self) -> tuple[int, str]:
        try:
            pid, started = self._pid_file.read_text().split(" ", 1)
        except FileNotFoundError:
            return 0, ""
        return int(pid), started

    def _signal(self, number: signal.Signals) -> None:
        if self.alive():
            os.killpg(self._child.pid if self._child else self._read_pid()[0], number)

    def _gone(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def _tail(self) -> str:
        return f"end of {self.log}:\n" + "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])


def _started_at(pid: int) -> str:
    """Read when the kernel started a process, which tells it from a later one of the same number; "" if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


_owned: weakref.WeakSet[Process] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    for process in list(_owned):
        process.stop(5.0)
