"""The OpenTelemetry Collector, built from Go modules: `python -m tools.components.collector get|start|stop|kill9`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.components._cache import cache, locked, require, run
from tools.components._command import command
from tools.components._process import Process
from tools.components.ports import answers, free_port

__all__ = ["Collector", "get", "is_built"]

VERSION = "0.155.0"
CORE = "go.opentelemetry.io/collector"
CONTRIB = "github.com/open-telemetry/opentelemetry-collector-contrib"
PARTS = {
    "receivers": [f"{CORE}/receiver/otlpreceiver", f"{CONTRIB}/receiver/kafkareceiver"],
    "exporters": [
        f"{CORE}/exporter/otlpexporter",
        f"{CORE}/exporter/otlphttpexporter",
        f"{CONTRIB}/exporter/fileexporter",
    ],
    "extensions": [f"{CONTRIB}/extension/healthcheckextension"],
}
PROVIDERS = {f"{CORE}/confmap/provider/{kind}provider": "1.61.0" for kind in ("env", "file")}
VERSIONS = {part: VERSION for parts in PARTS.values() for part in parts} | PROVIDERS


def _home() -> Path:
    return cache() / f"collector-{VERSION}"


def is_built() -> bool:
    """Say whether `get` would return at once."""
    return (_home() / "collector").exists()


def get() -> Path:
    """Build the Collector unless it is there (about 10 minutes the first time on two cores) and return the program."""
    program = _home() / "collector"
    with locked("collector"):
        if not is_built():
            require("The OpenTelemetry Collector", {"go": "Go, 1.25 or newer"})
            _build(program)
    return program


def _build(program: Path) -> None:
    sources = _home() / "build"
    sources.mkdir(parents=True, exist_ok=True)
    environment = {"CGO_ENABLED": "0", "GOBIN": str(_home())}
    run(["go", "install", f"{CORE}/cmd/builder@v{VERSION}"], _home(), environment)
    manifest = _home() / "manifest.json"
    manifest.write_text(json.dumps(_manifest(sources)))
    # The builder's own `go mod tidy` also wants what only the tests of dependencies need, which a mirror may not have:
    # it writes the Go sources, the module file is written here, and `go build -mod=mod` resolves the rest.
    words = [str(_home() / "builder"), f"--config={manifest}", "--skip-get-modules", "--skip-compilation"]
    run(words, _home(), environment)
    (sources / "go.mod").write_text(_module_file())
    unfinished = program.with_suffix(".part")
    run(["go", "build", "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o", str(unfinished), "."], sources, environment)
    unfinished.replace(program)


def _manifest(sources: Path) -> dict[str, object]:
    parts = {kind: [{"gomod": f"{name} v{VERSIONS[name]}"} for name in names] for kind, names in PARTS.items()}
    providers = [{"gomod": f"{name} v{version}"} for name, version in PROVIDERS.items()]
    return {
        "dist": {"name": "collector", "version": VERSION, "output_path": str(sources)},
        **parts,
        "providers": providers,
    }


def _module_file() -> str:
    needed = VERSIONS | {f"{CORE}/service": VERSION, f"{CORE}/otelcol": VERSION}
    requirements = "\n".join(f"\t{name} v{version}" for name, version in needed.items())
    return f"module {CORE}/cmd/builder\n\ngo 1.25.0\n\nrequire (\n{requirements}\n)\n"


class Collector:
    """One Collector: OTLP over HTTP and gRPC, and a Kafka topic if one is named, into a file and further exporters.

    `exporters` are the Collector's own settings by the exporter's name, beside the file exporter that is always there.
    """

    def __init__(
        self,
        directory: Path,
        *,
        kafka: tuple[str, str] | None = None,
        exporters: Mapping[str, object] | None = None,
        detached: bool = False,
    ) -> None:
        self.http_port, self.grpc_port, self._health_port = free_port(), free_port(), free_port()
        self.spans_file = directory.resolve() / "traces.jsonl"
        self._directory = directory.resolve()
        self._kafka = kafka
        self._exporters = dict(exporters or {})
        self._process = Process("collector", directory, detached=detached)

    @property
    def log(self) -> Path:
        """Where the Collector's output goes."""
        return self._process.log

    @property
    def traces_url(self) -> str:
        """The full URL that takes OTLP over HTTP."""
        return f"http://127.0.0.1:{self.http_port}/v1/traces"

    @property
    def grpc_address(self) -> str:
        """The address that takes OTLP over gRPC."""
        return f"127.0.0.1:{self.grpc_port}"

    def start(self) -> str:
        """Start and return the URL for OTLP over HTTP."""
        program = get()
        self._directory.mkdir(parents=True, exist_ok=True)
        settings = self._directory / "collector.json"
        settings.write_text(json.dumps(self._settings(), indent=2))
        self._process.start([str(program), f"--config=file:{settings}"])
        self._process.wait_ready(lambda: answers(self._health_port, "/"), 60.0)
        return self.traces_url

    def stop(self) -> None:
        """Stop in order: what was received is in the file afterwards."""
        self._process.stop()

    def kill9(self) -> None:
        """End it as a crash would."""
        self._process.kill9()

    def _settings(self) -> dict[str, object]:
        exporters = {"file": {"path": str(self.spans_file), "flush_interval": "100ms"}, **self._exporters}
        receivers = self._receivers()
        pipeline = {"receivers": list(receivers), "exporters": list(exporters)}
        return {
            "extensions": {"health_check": {"endpoint": f"127.0.0.1:{self._health_port}"}},
            "receivers": receivers,
            "exporters": exporters,
            "service": {
                "extensions": ["health_check"],
                "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "info"}},
                "pipelines": {"traces": pipeline},
            },
        }

    def _receivers(self) -> dict[str, object]:
        grpc = {"endpoint": self.grpc_address, "max_recv_msg_size_mib": 16}
        otlp = {"protocols": {"grpc": grpc, "http": {"endpoint": f"127.0.0.1:{self.http_port}"}}}
        if self._kafka is None:
            return {"otlp": otlp}
        broker, topic = self._kafka
        traces = {"topics": [topic], "encoding": "otlp_proto"}
        kafka = {"brokers": [broker], "group_id": "collector", "initial_offset": "earliest", "traces": traces}
        return {"otlp": otlp, "kafka": kafka}


if __name__ == "__main__":
    sys.exit(command("collector", get, lambda directory: Collector(directory, detached=True)))
