"""A `pyspan-agent` of its own process for tests: start, wait until ready, stop, kill -9, and ask its admin port."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

__all__ = ["AgentProcess"]


class AgentProcess:
    """Run `python -m pyspan.agent` on free ports with its spool and its log below `directory`.

    The same object can be started again after `stop` or `kill9`: same ports, same spool.
    """

    def __init__(
        self, directory: Path, *flags: str, exports: Iterable[str] = (), env: dict[str, str] | None = None
    ) -> None:
        self.directory = directory
        self.spool = directory / "spool"
        self.socket = directory / "agent.sock"
        self.http_port, self.grpc_port, self.admin_port = free_port(), free_port(), free_port()
        self.log = directory / "agent.log"
        self.exports = list(exports)
        self.flags = list(flags)
        self.env = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill9()

    @property
    def traces_url(self) -> str:
        """Where OTLP/HTTP goes in, with the path."""
        return f"http://127.0.0.1:{self.http_port}/v1/traces"

    @property
    def command(self) -> list[str]:
        """The command line that `start` runs; `flags` come last and so win."""
        flags = ["--otlp-http", f"127.0.0.1:{self.http_port}", "--otlp-grpc", f"127.0.0.1:{self.grpc_port}"]
        flags += ["--socket", str(self.socket), "--spool", str(self.spool), "--admin", f"127.0.0.1:{self.admin_port}"]
        for export in self.exports:
            flags += ["--export", export]
        return [sys.executable, "-m", "pyspan.agent", *flags, *self.flags]

    def start(self, *, wait: bool = True) -> AgentProcess:
        """Start the process; with `wait`, return once its admin port says that it is alive."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self.env, stdout=log, stderr=subprocess.STDOUT)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, timeout: float = 20.0, path: str = "/livez") -> None:
        """Poll the admin port until it answers 200; AssertionError with the log if the agent ends or is late."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.returncode is not None:
                raise AssertionError(f"the agent ended with {self.returncode}:\n{self.output}")
            try:
                if self.get(path)[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"the agent is not ready after {timeout} s:\n{self.output}")

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._running().send_signal(number)

    def wait(self, timeout: float = 20.0) -> int:
        """Wait for the end of the process and return its exit code."""
        return self._running().wait(timeout)

    def stop(self, timeout: float = 20.0) -> int:
        """SIGTERM, then the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill9(self) -> None:
        """SIGKILL and reap."""
        self._running().kill()
        self._running().wait()

    @property
    def returncode(self) -> int | None:
        """The exit code, None while it runs."""
        return self._running().poll()

    @property
    def output(self) -> str:
        """Everything the process has printed, over all its starts."""
        return self.log.read_text(errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        """GET from the admin port: status and body."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=5) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def status(self) -> dict[str, Any]:
        """The decoded body of /status."""
        body: dict[str, Any] = json.loads(self.get("/status")[1])
        return body

    def post(self, body: bytes, content_type: str = "application/x-protobuf", timeout: float = 10.0) -> int:
        """POST one OTLP request over a fresh connection and return the HTTP status."""
        headers = {"content-type": content_type}
        request = urllib.request.Request(self.traces_url, data=body, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=timeout) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def rss_bytes(self) -> int:
        """Resident memory of the process now."""
        pages = Path(f"/proc/{self._running().pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def peak_rss_bytes(self) -> int:
        """Most resident memory that the process ever had."""
        lines = Path(f"/proc/{self._running().pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))

    def _running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None, "start the agent first"
        return self.process
