"""All processes of the demo: broker, Collector, agent and the three services; whatever happens, all are stopped."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from tools.components import MissingToolchainError, Process, free_port, port_open
from tools.components.collector import Collector, is_built
from tools.components.collector import get as get_collector
from tools.components.kafka import Kafka
from tools.components.kafka import get as get_kafka

__all__ = ["SERVICES", "TOPIC", "Fleet"]

ROOT = Path(__file__).resolve().parent.parent.parent
SERVICES = ("payments", "notifications", "orders")
TOPIC = "otlp_spans"
# The demo is about these libraries: whatever else is instrumented in this environment stays out of the picture.
UNUSED_INSTRUMENTATIONS = "asyncio,fastapi,flask,requests,sqlite3,threading,urllib,urllib3,wsgi"


class Fleet:
    """Made, it has installed what it needs; start it with `async with`. `missing` says what was left out and why."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.missing: list[str] = []
        self.kafka = Kafka(directory / "kafka") if self._is_installed(get_kafka) else None
        if not is_built():
            print("building the OpenTelemetry Collector: about 10 minutes the first time", flush=True)
        self.collector = Collector(directory / "collector") if self._is_installed(get_collector) else None
        self.ports = {name: free_port() for name in SERVICES}
        self.agent_port, self.admin_port = free_port(), free_port()
        self._stop = ExitStack()

    async def __aenter__(self) -> Fleet:
        try:
            self._start()
        except BaseException:
            self._stop.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.close()

    @property
    def url(self) -> str:
        """Where orders are placed."""
        return f"http://127.0.0.1:{self.ports['orders']}"

    @property
    def agent_file(self) -> Path:
        """What the agent writes where neither Kafka nor the Collector can be had."""
        return self.directory / "spans.jsonl"

    def started(self, service: str) -> Path:
        """Where a service writes down what it started."""
        return self.directory / f"{service}.started"

    def stop_services(self) -> None:
        """Stop the services in order, which flushes their spans."""
        for service in reversed(self._services):
            service.stop()

    def stop_agent(self) -> None:
        """Stop the agent in order, which drains its spool."""
        self._agent.stop(60.0)

    def _is_installed(self, get: Callable[[], Path]) -> bool:
        try:
            get()
        except MissingToolchainError as error:
            self.missing.append(str(error))
            return False
        return True

    def _start(self) -> None:
        if self.kafka:
            self._stop.callback(self.kafka.stop)
            self.kafka.start()
        if self.collector:
            self._stop.callback(self.collector.stop)
            self.collector.start()
        self._agent = self._process("agent", self._agent_command(), self.agent_port, {})
        self._services = [self._start_service(name) for name in SERVICES]

    def _agent_command(self) -> list[str]:
        command = [sys.executable, "-m", "pyspan.agent", "--otlp-http", f"127.0.0.1:{self.agent_port}"]
        command += ["--otlp-grpc", "off", "--shutdown-timeout", "30s", "--spool", str(self.directory / "spool")]
        command += ["--admin", f"127.0.0.1:{self.admin_port}"]
        for export in self._exports():
            command += ["--export", export]
        return command

    def _exports(self) -> list[str]:
        exports = [f"kafka={self.kafka.bootstrap}/{TOPIC}"] if self.kafka else []
        exports += [f"otlp={self.collector.traces_url}"] if self.collector else []
        return exports or [f"file={self.agent_file}"]

    def _start_service(self, name: str) -> Process:
        port = self.ports[name]
        uvicorn = [sys.executable, "-m", "uvicorn", f"examples.shop.{name}:app", "--port", str(port)]
        command = [str(Path(sys.executable).with_name("opentelemetry-instrument")), *uvicorn]
        return self._process(name, command, port, self._service_environment(name))

    def _service_environment(self, name: str) -> dict[str, str]:
        environment = {
            "OTEL_PYTHON_DISTRO": "pyspan",
            "OTEL_SERVICE_NAME": name,
            "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=shop,deployment.environment.name=demo",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.agent_port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_PYTHON_LOG_CORRELATION": "true",
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": UNUSED_INSTRUMENTATIONS,
            "SHOP_DATABASE": f"sqlite:///{name}.sqlite",
            "SHOP_STARTED": str(self.started(name)),
            "SHOP_PAYMENTS": f"http://127.0.0.1:{self.ports['payments']}",
            "SHOP_NOTIFICATIONS": f"http://127.0.0.1:{self.ports['notifications']}",
        }
        return environment | ({"SHOP_KAFKA": self.kafka.bootstrap} if self.kafka else {})

    def _process(self, name: str, command: list[str], port: int, environment: dict[str, str]) -> Process:
        process = Process(name, self.directory)
        process.start(command, {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment})
        self._stop.callback(process.stop, 10.0)
        process.wait_ready(lambda: port_open(port), 60.0)
        return process
