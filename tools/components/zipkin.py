"""Zipkin, a trace store with a query API, from Maven: `python -m tools.components.zipkin get|start|stop|kill9`."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from pathlib import Path

from tools.components._cache import cache, from_maven, locked
from tools.components._command import command
from tools.components._process import Process
from tools.components.ports import free_port

__all__ = ["Zipkin", "get"]

VERSION = "3.5.1"


def get() -> Path:
    """Install the server's jar unless it is there, and return it."""
    home = cache() / f"zipkin-{VERSION}"
    jar = home / f"zipkin-server-{VERSION}-exec.jar"
    with locked("zipkin"):
        home.mkdir(parents=True, exist_ok=True)
        artifact = f"io.zipkin:zipkin-server:{VERSION}:jar:exec"
        from_maven("Zipkin", home, "copy", f"-Dartifact={artifact}", f"-DoutputDirectory={home}")
    return jar


class Zipkin:
    """One server that keeps its spans in memory."""

    def __init__(self, directory: Path, *, port: int | None = None, detached: bool = False) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process = Process("zipkin", directory, detached=detached)

    def start(self) -> str:
        """Start and return the base URL."""
        jar = get()
        # Armeria would bind every interface unless told otherwise.
        settings = (f"port={self.port}", "address=127.0.0.1", "protocols[0]=http")
        java = ["java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar", str(jar)]
        self._process.start([*java, *(f"--armeria.ports[0].{setting}" for setting in settings)])
        self._process.wait_ready(self._healthy, 90.0)
        return self.url

    def stop(self) -> None:
        """Stop in order."""
        self._process.stop()

    def kill9(self) -> None:
        """End it as a crash would."""
        self._process.kill9()

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as reply:
                return bool(reply.status == 200)
        except (urllib.error.URLError, OSError):
            return False


if __name__ == "__main__":
    sys.exit(command("zipkin", get, lambda directory: Zipkin(directory, port=19411, detached=True)))
