"""Jaeger, a trace store that serves sampling too: `python -m tools.components.jaeger get|start|stop|kill9`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.components._cache import cache, locked, require, run
from tools.components._command import command
from tools.components._process import Process
from tools.components.ports import answers, free_port

__all__ = ["Jaeger", "get", "is_built"]

VERSION = "1.76.0"  # the module of Jaeger 2.13.0, whose own number Go's module paths do not allow
MODULE = "github.com/jaegertracing/jaeger"
EVERYTHING = {"default_strategy": {"type": "probabilistic", "param": 1.0}}


def _home() -> Path:
    return cache() / f"jaeger-{VERSION}"


def is_built() -> bool:
    """Say whether `get` would return at once."""
    return (_home() / "jaeger").exists()


def get() -> Path:
    """Build Jaeger unless it is there (about 10 minutes the first time on two cores) and return the program."""
    program = _home() / "jaeger"
    with locked("jaeger"):
        if not is_built():
            require("Jaeger", {"go": "Go, 1.25 or newer"})
            _build(program)
    return program


def _build(program: Path) -> None:
    sources = _home() / "build"
    sources.mkdir(parents=True, exist_ok=True)
    run(["go", "mod", "download", f"{MODULE}@v{VERSION}"], _home())
    _write_module(_downloaded(), sources)
    unfinished = program.with_suffix(".part")
    options = ["-mod=mod", "-trimpath", "-ldflags=-s -w", "-o", str(unfinished)]
    run(["go", "build", *options, f"{MODULE}/cmd/jaeger"], sources, {"CGO_ENABLED": "0"})
    unfinished.replace(program)


def _downloaded() -> Path:
    cached = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True).stdout.strip()
    return Path(cached) / f"{MODULE}@v{VERSION}"


def _write_module(release: Path, sources: Path) -> None:
    """Require Jaeger from a module that has Jaeger's own versions and replacements: `go install` takes none of those.

    Its sums come along too: Go's checksum database has no record of some versions that Jaeger needs.
    """
    _, _, requirements = (release / "go.mod").read_text().partition("\n")
    module = f"module pyspan.invalid/jaeger\n{requirements}\nrequire {MODULE} v{VERSION}\n"
    (sources / "go.mod").write_text(module)
    (sources / "go.sum").write_text((release / "go.sum").read_text())


class Jaeger:
    """One server that keeps its spans in memory: OTLP over HTTP and gRPC in, the query API and sampling strategies out.

    `strategies` is what its file of sampling strategies holds from the next start on.
    """

    def __init__(
        self, directory: Path, *, strategies: Mapping[str, object] = EVERYTHING, detached: bool = False
    ) -> None:
        self.http_port, self.grpc_port, self._health_port = free_port(), free_port(), free_port()
        self._query_port, self._query_grpc_port = free_port(), free_port()
        self._sampling_port, self._sampling_grpc_port = free_port(), free_port()
        self._directory = directory.resolve()
        self.strategies = strategies
        self._process = Process("jaeger", directory, detached=detached)

    @property
    def log(self) -> Path:
        """Where Jaeger's output goes."""
        return self._process.log

    @property
    def traces_url(self) -> str:
        """The full URL that takes OTLP over HTTP."""
        return f"http://127.0.0.1:{self.http_port}/v1/traces"

    @property
    def grpc_address(self) -> str:
        """The address that takes OTLP over gRPC."""
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def query_url(self) -> str:
        """The base URL of the query API."""
        return f"http://127.0.0.1:{self._query_port}"

    @property
    def sampling_url(self) -> str:
        """The base URL of the remote sampling."""
        return f"http://127.0.0.1:{self._sampling_port}"

    def start(self) -> str:
        """Start and return the base URL of the query API."""
        program = get()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._strategies_file.write_text(json.dumps(self.strategies))
        settings = self._directory / "jaeger.json"
        settings.write_text(json.dumps(self._settings(), indent=2))
        self._process.start([str(program), f"--config=file:{settings}"])
        self._process.wait_ready(lambda: answers(self._health_port, "/status"), 60.0)
        return self.query_url

    def stop(self) -> None:
        """Stop in order; the spans are gone."""
        self._process.stop()

    def kill9(self) -> None:
        """End it as a crash would."""
        self._process.kill9()

    @property
    def _strategies_file(self) -> Path:
        return self._directory / "strategies.json"

    def _settings(self) -> dict[str, object]:
        extensions = self._extensions()
        pipeline = {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}
        return {
            "extensions": extensions,
            "receivers": {"otlp": {"protocols": _served(self.http_port, self.grpc_port)}},
            "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
            "service": {
                "extensions": list(extensions),
                "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "info"}},
                "pipelines": {"traces": pipeline},
            },
        }

    def _extensions(self) -> dict[str, object]:
        query = _served(self._query_port, self._query_grpc_port)
        sampling = _served(self._sampling_port, self._sampling_grpc_port)
        return {
            "healthcheckv2": {"use_v2": True, "http": {"endpoint": f"127.0.0.1:{self._health_port}"}},
            "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": 100_000}}}},
            # Jaeger would send spans of its own to port 4317.
            "jaeger_query": {"storage": {"traces": "memory"}, "enable_tracing": False, **query},
            "remote_sampling": {"file": {"path": str(self._strategies_file)}, **sampling},
        }


def _served(http: int, grpc: int) -> dict[str, object]:
    return {"http": {"endpoint": f"127.0.0.1:{http}"}, "grpc": {"endpoint": f"127.0.0.1:{grpc}"}}


if __name__ == "__main__":
    sys.exit(command("jaeger", get, lambda directory: Jaeger(directory, detached=True)))
