"""`pyspan run`: the program in an interpreter that starts tracing before it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["STARTED", "run"]

SITE = Path(__file__).parent / "site"
STARTED = "PYSPAN_RUN_PROCESS"


def run(words: Sequence[str]) -> NoReturn:
    """Become `python WORDS...`, with our `sitecustomize` before all others.

    Since it is the same process, signals, exit code and standard streams are the program's own, and none of our frames
    is in its tracebacks. Python programs that it starts are traced too, as under `opentelemetry-instrument`.

    Raises:
        ConfigurationError: no program, or one that is not there; an interpreter that ignores PYTHONPATH.
    """
    _check(words)
    paths = [str(SITE), *filter(None, [os.environ.get("PYTHONPATH")])]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), STARTED: str(os.getpid())}
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
    os.execve(sys.executable, [sys.executable, *flags, *words], environ)  # noqa: S606  # no shell is the point


def _check(words: Sequence[str]) -> None:
    if not words or words == ["-m"]:
        raise ConfigurationError("run: no program (write pyspan run app.py, or pyspan run -m module)")
    if words[0].startswith("-") and words[0] != "-m":
        raise ConfigurationError(f"run: {words[0]}: unknown flag (write pyspan run app.py, or pyspan run -m module)")
    if words[0] != "-m" and not Path(words[0]).exists():
        raise ConfigurationError(f"run: no file {words[0]!r} (write its path, or -m and a module's name)")
    if sys.flags.ignore_environment or sys.flags.no_site:
        raise ConfigurationError("run: it works through PYTHONPATH and site, which python -E, -I and -S leave out")
