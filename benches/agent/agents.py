"""The agents that are compared, each started as a process of its own with OTLP/HTTP in and OTLP/HTTP gzip out."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

__all__ = ["Running", "pyspan_agent", "rotel"]

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True, slots=True)
class Running:
    """An agent that is listening."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float:
        """Return the CPU time the process has used, in user and kernel mode."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mb(self) -> float:
        """Return the resident memory."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * _PAGE_MB

    def stop(self) -> None:
        """End it and wait."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def pyspan_agent(port: int, sink: str, folder: Path) -> Running:
    """Start pyspan-agent with its spool in the folder."""
    command = [sys.executable, "-m", "pyspan.agent"]
    flags = {"--otlp-http": f"127.0.0.1:{port}", "--otlp-grpc": "off", "--socket": "off", "--admin": "off"}
    flags |= {"--spool": str(folder / "spool"), "--export": f"otlp={sink}"}
    return _start("pyspan-agent", port, [*command, *(part for flag in flags.items() for part in flag)], folder)


def rotel(port: int, sink: str, folder: Path) -> Running | None:
    """Start rotel as its package carries it; None where it is not installed."""
    spec = find_spec("rotel")
    if spec is None or spec.origin is None:
        return None
    program = Path(spec.origin).with_name("rotel-agent")
    flags = {"--otlp-http-endpoint": f"127.0.0.1:{port}", "--otlp-grpc-endpoint": "127.0.0.1:0", "--exporter": "otlp"}
    flags |= {"--otlp-exporter-endpoint": sink, "--otlp-exporter-protocol": "http", "--batch-max-size": "4096"}
    flags |= {"--pid-file": str(folder / "rotel.pid"), "--log-file": str(folder / "rotel.log")}
    command = [str(program), "start", *(part for flag in flags.items() for part in flag)]
    return _start("rotel", port, command, folder)


def _start(name: str, port: int, command: list[str], folder: Path) -> Running:
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(command[0])
    with (folder / f"{name}.out").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
            continue
        return Running(name, port, process)
    process.kill()
    raise RuntimeError(f"{name} does not listen: {(folder / f'{name}.out').read_text()[-2000:]}")
