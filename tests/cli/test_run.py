"""`pyspan run`: the program runs as under `python`, and is traced."""

from __future__ import annotations

import signal
import subprocess
import sys
import venv
from typing import TYPE_CHECKING

import pytest

from tests.cli.commands import PYSPAN, environment, pyspan
from tests.support.otlp_sink import OtlpSink
from tests.support.scripts import names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRACED = "from opentelemetry import trace\ntrace.get_tracer('app').start_span('work').end()\n"
# What a program can see of how it was started.
PRINTS = """
import __main__, os, signal, sys
print(sys.argv, sys.path, sys.flags, sys.orig_argv[1:], sys.stdin.read())
print(sorted(set(vars(__main__)) - {"__annotations__"}), __name__, __file__, __spec__ and __spec__.name, os.getcwd())
print(sys.warnoptions, signal.getsignal(signal.SIGINT))
sys.exit(7)
"""


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink
        assert not sink.violations


@pytest.fixture
def app(tmp_path: Path) -> Path:
    app = tmp_path / "app.py"
    app.write_text(TRACED)
    return app


def both_ways(folder: Path, *words: str) -> list[tuple[int, str, str]]:
    """Run a program under `python` and under `pyspan run`."""
    results = []
    for command in ([sys.executable], [str(PYSPAN), "run"]):
        done = subprocess.run(
            [*command, *words],
            env=environment(OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none", OTEL_LOGS_EXPORTER="none"),
            cwd=folder,
            input="typed",
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        results.append((done.returncode, done.stdout, done.stderr))
    return results


@pytest.mark.parametrize("words", [["app.py", "-m", "x", "--", "--help"], ["-m", "app", "-m", "--", "--help"]])
def test_a_program_sees_what_it_sees_under_python(app: Path, words: list[str]) -> None:
    app.write_text(PRINTS)
    plain, traced = both_ways(app.parent, *words)
    assert traced == plain
    assert plain[0] == 7


@pytest.mark.parametrize("code", ["def fail():\n    raise ValueError('sold out')\nfail()\n", "x = (\n"])
def test_a_traceback_has_no_frame_of_ours(app: Path, code: str) -> None:
    app.write_text(code)
    plain, traced = both_ways(app.parent, "app.py")
    assert traced == plain
    assert plain[0] == 1


def test_a_module_that_is_not_there_is_pythons_to_report(tmp_path: Path) -> None:
    plain, traced = both_ways(tmp_path, "-m", "nosuch")
    assert traced == plain


def test_its_spans_arrive(app: Path, sink: OtlpSink) -> None:
    done = pyspan("run", str(app), OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint, OTEL_METRICS_EXPORTER="none")
    assert (done.returncode, done.stderr) == (0, "")
    assert names(sink) == ["work"]


def test_sigterm_reaches_it_and_its_spans_arrive(app: Path, sink: OtlpSink) -> None:
    app.write_text(TRACED + "import signal\nprint('ready', flush=True)\nsignal.pause()\n")
    environ = environment(OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint, OTEL_METRICS_EXPORTER="none")
    process = subprocess.Popen([str(PYSPAN), "run", str(app)], env=environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM
    assert names(sink) == ["work"]


def test_python_programs_that_it_starts_are_traced_too(app: Path, sink: OtlpSink) -> None:
    parent = app.with_name("parent.py")
    parent.write_text(f"import subprocess, sys\nsubprocess.run([sys.executable, {str(app)!r}], check=True)\n")
    done = pyspan("run", str(parent), OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint, OTEL_METRICS_EXPORTER="none")
    assert (done.returncode, done.stderr) == (0, "")
    assert names(sink) == ["work"]


def test_the_sitecustomize_of_others_runs_before_ours(app: Path, sink: OtlpSink) -> None:
    app.with_name("sitecustomize.py").write_text(
        f"import os\nos.environ['OTEL_EXPORTER_OTLP_ENDPOINT'] = {sink.endpoint!r}\n"
    )
    app.write_text(TRACED + "import sitecustomize\nprint(sitecustomize.__file__)\n")
    done = pyspan("run", str(app), PYTHONPATH=str(app.parent), OTEL_METRICS_EXPORTER="none")
    assert (done.stdout, done.stderr) == (f"{app.with_name('sitecustomize.py')}\n", "")
    assert names(sink) == ["work"]


def test_without_the_instrumentation_packages_it_traces_all_the_same(app: Path, sink: OtlpSink) -> None:
    app.with_name("sitecustomize.py").write_text("import sys\nsys.modules['opentelemetry.instrumentation'] = None\n")
    done = pyspan("run", str(app), PYTHONPATH=str(app.parent), OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint)
    assert (done.returncode, done.stderr) == (0, "")
    assert names(sink) == ["work"]


def test_gevent_is_patched_in_first_where_the_environment_asks_for_it(app: Path, sink: OtlpSink) -> None:
    app.write_text(TRACED + "from gevent import monkey\nprint(monkey.is_module_patched('threading'))\n")
    done = pyspan(
        "run",
        str(app),
        OTEL_PYTHON_AUTO_INSTRUMENTATION_EXPERIMENTAL_GEVENT_PATCH="patch_all",
        OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint,
        OTEL_METRICS_EXPORTER="none",
    )
    assert (done.stdout, done.stderr) == ("True\n", "")
    assert names(sink) == ["work"]


def test_a_program_does_not_start_where_it_cannot_be_traced(app: Path) -> None:
    app.write_text("print('started')\n")
    done = pyspan("run", str(app), OTEL_TRACES_EXPORTER="oltp")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pyspan: run: OTEL_TRACES_EXPORTER='oltp' in the environment cannot be used: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_program_that_it_starts_goes_on_without_tracing(app: Path) -> None:
    app.write_text("print('started')\n")
    parent = app.with_name("parent.py")
    environ = "env={**os.environ, 'OTEL_TRACES_EXPORTER': 'oltp'}"
    parent.write_text(
        f"import os, subprocess, sys\nsubprocess.run([sys.executable, {str(app)!r}], check=True, {environ})\n"
    )
    done = pyspan("run", str(parent), OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none")
    assert (done.returncode, done.stdout) == (0, "started\n")
    assert "pyspan: run: OTEL_TRACES_EXPORTER='oltp'" in done.stderr


def test_an_interpreter_without_pyspan_runs_and_says_that_it_is_not_traced(app: Path) -> None:
    bare = app.with_name("bare")
    venv.create(bare, symlinks=True)
    app.write_text(
        f"import subprocess\nsubprocess.run([{str(bare / 'bin' / 'python')!r}, '-c', 'print(1)'], check=True)\n"
    )
    done = pyspan("run", str(app), OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none")
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr == f"pyspan: run: {bare}/bin/python is not traced: No module named 'pyspan'\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "run: no program (write pyspan run app.py, or pyspan run -m module)"),
        (["-m"], "run: no program (write pyspan run app.py, or pyspan run -m module)"),
        (["--"], "run: no program (write pyspan run app.py, or pyspan run -m module)"),
        (["nosuch.py", "-m"], "run: no file 'nosuch.py' (write its path, or -m and a module's name)"),
        (["-u", "app.py"], "run: -u: unknown flag (write pyspan run app.py, or pyspan run -m module)"),
    ],
)
def test_what_cannot_be_run_is_one_line(words: list[str], message: str) -> None:
    done = pyspan("run", *words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"pyspan: {message}\n")


@pytest.mark.parametrize("flag", ["-E", "-I", "-S"])
def test_an_interpreter_that_would_not_trace_is_refused(app: Path, flag: str) -> None:
    code = f"import sys; sys.path += {sys.path!r}; from pyspan._cli import main; sys.exit(main(['run', {str(app)!r}]))"
    words = [sys.executable, flag, "-c", code]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 2
    assert "which python -E, -I and -S leave out" in done.stderr


LATE = (
    "flask, httpx imported before anything could be instrumented, by a sitecustomize or a .pth file: what was taken "
    "from there until then may stay untraced; import it in the program, or name it in "
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
)
QUIET = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}


def test_libraries_that_were_imported_too_early_are_named_once(app: Path) -> None:
    app.with_name("sitecustomize.py").write_text("import flask.app, httpx, click\n")
    app.write_text("import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'print(1)'], check=True)\n")
    done = pyspan("run", str(app), PYTHONPATH=str(app.parent), **QUIET)
    assert (done.stdout, done.stderr) == ("1\n", f"pyspan: run: {LATE}\n")


def test_metadata_that_was_left_behind_is_passed_over(app: Path) -> None:
    app.with_name("nameless-1.dist-info").mkdir()
    app.with_name("nameless-1.dist-info").joinpath("top_level.txt").write_text("flask\n")
    app.with_name("sitecustomize.py").write_text("import flask\n")
    done = pyspan("run", str(app), PYTHONPATH=str(app.parent), **QUIET)
    assert done.stderr == f"pyspan: run: {LATE.replace('flask, httpx', 'flask')}\n"


@pytest.mark.parametrize("disabled", ["flask, httpx,httpx2", "*"])
def test_libraries_that_shall_not_be_instrumented_may_come_early(app: Path, disabled: str) -> None:
    app.with_name("sitecustomize.py").write_text("import httpx, flask\n")
    done = pyspan("run", str(app), PYTHONPATH=str(app.parent), OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=disabled, **QUIET)
    assert done.stderr == ""
