"""Real uWSGI: the spans of every worker arrive, whatever way it forks them, recycles them and ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.otlp_sink import OtlpSink
from tests.support.ports import free_port
from tests.support.scripts import assert_no_id_twice, names, spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.timeout(180)

UWSGI = Path(sys.executable).with_name("uwsgi")
ROOT = Path(__file__).parents[2]
PATIENCE = 60
# Longer than a test takes: only what the end of a worker flushes arrives.
LATE = {"OTEL_BSP_SCHEDULE_DELAY": "600000"}
FORK_HOOKS = "--py-call-uwsgi-fork-hooks"
RECYCLING = ("--max-requests", "5", "--min-worker-lifetime", "0")
APP = """
import os
import time
import pyspan
from opentelemetry import trace
pyspan.configure("uwsgi", export_open_spans_after=3600)
tracer = trace.get_tracer("app")
with tracer.start_as_current_span("loading"):
    pass

def application(environ, start_response):
    with tracer.start_as_current_span("request"):
        start_response("200 OK", [("Content-Type", "text/plain")])
        time.sleep(0.02)
        return [str(os.getpid()).encode()]
"""


class Server:
    """One uWSGI of two workers and a master; `answered` counts the requests that each worker answered."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.answered = Counter[str]()
        self._folder = folder
        self._environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str, app: str = APP, **environ: str) -> None:
        module = self._folder / "shop.py"
        module.write_text(app)
        # A reload starts the interpreter that the virtual environment was made of.
        packages = [self._folder, ROOT, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
        path = {"PYTHONPATH": os.pathsep.join(map(str, packages))}
        words = ["--http-socket", f"127.0.0.1:{self._port}", "--master", "--processes", "2", "--wsgi-file", str(module)]
        words += ["--need-app", "--master-fifo", str(self._folder / "commands"), *options]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [UWSGI, *words],
                cwd=self._folder,
                env={**os.environ, **self._environ, **path, **environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")

    def ask_until(self, is_enough: Callable[[Counter[str]], bool]) -> None:
        """Ask for two at a time, so that one worker cannot do it all, until the answers are enough."""
        deadline = time.monotonic() + PATIENCE
        with ThreadPoolExecutor(2) as pool:
            while not is_enough(self.answered):
                assert time.monotonic() < deadline, (self.answered, self.log)
                self.answered.update(filter(None, pool.map(self._ask, range(2))))

    def command(self, letter: str) -> None:
        """Say to the master what its operator says: r to reload, q to end when the requests have ended."""
        (self._folder / "commands").write_text(letter)

    def end(self) -> None:
        """End, and wait for that."""
        self.command("q")
        self.wait()

    def terminate(self) -> None:
        """Send the master SIGTERM, and wait for the end."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self.wait()

    def wait(self) -> None:
        assert self._process is not None
        self._process.wait(timeout=PATIENCE)

    def kill(self) -> None:
        """Leave nothing behind, also no worker that hangs."""
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            self._process.wait()

    def _ask(self, _: int) -> str:
        """Return which worker answered; nothing where uWSGI is not there yet, or reloads."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/", timeout=20) as response:
                return str(response.read().decode())
        except OSError:
            time.sleep(0.1)
            return ""


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink
        assert not sink.violations


@pytest.fixture
def server(sink: OtlpSink, tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, sink.endpoint)
    yield server
    server.kill()


def assert_each_request_is_traced_once(server: Server, sink: OtlpSink) -> None:
    """Compare with what was answered: how many, and by how many processes."""
    found = [(instance, span.name) for instance, span in spans(sink)]
    assert Counter(name for _, name in found)["request"] == sum(server.answered.values()), server.log
    assert len({instance for instance, name in found if name == "request"}) == len(server.answered), server.log
    assert_no_id_twice(sink, len(found))


@pytest.mark.parametrize(
    "options",
    [
        (),
        (FORK_HOOKS,),
        ("--lazy-apps",),
        ("--enable-threads", "--threads", "2"),
        ("--skip-atexit-teardown",),
    ],
    ids=lambda options: " ".join(options) or "nothing",
)
def test_the_spans_of_every_worker_arrive(server: Server, sink: OtlpSink, options: tuple[str, ...]) -> None:
    server.start(*options, **LATE)
    server.ask_until(lambda answered: len(answered) == 2)
    server.end()
    assert_each_request_is_traced_once(server, sink)


@pytest.mark.parametrize("options", [(), (FORK_HOOKS,), ("--skip-atexit-teardown",)])
def test_workers_that_are_recycled_lose_no_span(server: Server, sink: OtlpSink, options: tuple[str, ...]) -> None:
    server.start(*RECYCLING, *options, **LATE)
    server.ask_until(lambda answered: len(answered) >= 5)
    server.end()
    assert_each_request_is_traced_once(server, sink)


def test_a_recycled_worker_that_is_told_to_end_meanwhile_loses_no_span(server: Server, sink: OtlpSink) -> None:
    server.start(*RECYCLING, "--die-on-term", "--processes", "1", **LATE)
    server.ask_until(lambda answered: set(answered.values()) == {5})
    server.terminate()
    assert_each_request_is_traced_once(server, sink)


def test_a_reload_loses_no_span(server: Server, sink: OtlpSink) -> None:
    server.start(**LATE)
    server.ask_until(lambda answered: len(answered) == 2)
    server.command("r")
    server.ask_until(lambda answered: len(answered) == 4)
    server.end()
    assert_each_request_is_traced_once(server, sink)


def test_openssl_is_not_imported_by_a_thread_of_a_worker_that_may_be_ending(server: Server) -> None:
    server.start(app=f"{APP}\nimport sys\nprint('ssl is there:', 'ssl' in sys.modules, flush=True)\n")
    server.ask_until(bool)
    server.end()
    assert "ssl is there: True" in server.log


def test_a_worker_that_loads_the_application_itself_ends_at_sigterm(server: Server) -> None:
    server.start("--lazy-apps", "--die-on-term")
    server.ask_until(bool)
    server.terminate()
    assert "goodbye to uWSGI" in server.log


def test_what_is_traced_while_the_application_loads_waits_for_a_flush_which_is_said(
    server: Server, sink: OtlpSink
) -> None:
    server.start(app=f"{APP}\npyspan.force_flush()\n", **LATE)
    sink.wait_for_spans(1, PATIENCE)
    assert names(sink) == ["loading"]
    server.ask_until(lambda answered: len(answered) == 2)
    server.end()
    assert_each_request_is_traced_once(server, sink)
    assert server.log.count("set py-call-uwsgi-fork-hooks = true, or lazy-apps = true") == 1


def test_with_fork_hooks_it_is_exported_by_itself(server: Server, sink: OtlpSink) -> None:
    server.start(FORK_HOOKS, OTEL_BSP_SCHEDULE_DELAY="50")
    sink.wait_for_spans(1, PATIENCE)
    assert names(sink) == ["loading"]
    assert "uWSGI will fork" not in server.log


def test_an_exporter_in_python_gets_the_spans_of_every_worker(server: Server, tmp_path: Path) -> None:
    exporter = """
from pyspan.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
exporter = ConsoleSpanExporter(out=open("spans", "a"), formatter=lambda span: span.name + "\\n")
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(exporter))
"""
    server.start(app=APP.replace("tracer =", f"{exporter}\ntracer ="), OTEL_TRACES_EXPORTER="none", **LATE)
    server.ask_until(lambda answered: len(answered) == 2)
    server.end()
    written = (tmp_path / "spans").read_text().splitlines()
    assert written == ["request"] * sum(server.answered.values())
