"""Tracing in an interpreter under `pyspan run`: configured by the environment, libraries instrumented."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from pyspan._cli.early import too_late
from pyspan._cli.run import STARTED
from pyspan._command import EXIT_CONFIGURATION, EXIT_OK, fail
from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["start"]

logger = logging.getLogger(__name__)

GEVENT_PATCH = "OTEL_PYTHON_AUTO_INSTRUMENTATION_EXPERIMENTAL_GEVENT_PATCH"


def start(before: Collection[str]) -> None:
    """Configure, and load the instrumentors that are installed; `before` are the modules that are imported by now.

    Where that cannot be done the program does not start: who asks for tracing shall not believe that it works. Programs
    that it starts itself go on untraced, with the reason on stderr.
    """
    is_program = os.environ.get(STARTED) == str(os.getpid())
    try:
        _patch()
        _trace()
    except Exception as error:  # noqa: BLE001  # whatever it is, in one line
        reason = error if isinstance(error, ConfigurationError) else repr(error)
        fail("pyspan", f"run: {reason}", EXIT_CONFIGURATION)
        if is_program:
            sys.stderr.flush()
            os._exit(EXIT_CONFIGURATION)  # SystemExit is no way out of a sitecustomize
    if is_program:
        _warn(before)


def _patch() -> None:
    if os.environ.get(GEVENT_PATCH) == "patch_all":
        from gevent import monkey

        monkey.patch_all()


def _trace() -> None:
    try:
        from opentelemetry.instrumentation.auto_instrumentation import _load
        from opentelemetry.instrumentation.version import __version__
    except ImportError:
        import pyspan

        pyspan.configure()
        return
    from pyspan.sdk._auto import PyspanConfigurator, PyspanDistro

    PyspanConfigurator().configure(auto_instrumentation_version=__version__)
    try:
        _load._load_instrumentors(PyspanDistro())  # type: ignore[no-untyped-call]
    except Exception:  # anybody's code; it has logged which one
        logger.exception("The instrumentors after this one are not loaded")


def _warn(before: Collection[str]) -> None:
    """Say it in the program alone: those that it starts are started alike, maybe by the hundred."""
    if late := too_late(before):
        fail("pyspan", f"run: {late}", EXIT_OK)
