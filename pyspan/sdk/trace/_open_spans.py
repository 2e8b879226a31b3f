"""Exports spans before they end, where somebody asked for that."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from typing import TYPE_CHECKING

from pyspan.config.environ import MOST
from pyspan.config.uwsgi import forks_unseen, hold_signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspan import _core

__all__ = ["OpenSpans"]

logger = logging.getLogger(__name__)

# How late an open span may be exported: a quarter of its time, within these bounds in seconds.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 5.0


class OpenSpans:
    """Looks for long spans in a daemon thread that starts with the first span of a process.

    It calls `export`, a method, and ends with its owner, or once that returns False.
    """

    def __init__(self, export: Callable[[], bool], recorder: _core.Recorder, after: float) -> None:
        if not 0 < after <= MOST:
            raise ValueError(f"export_open_spans_after={after!r} is no time; give seconds above 0, {MOST} at most.")
        self._pause = min(max(after / 4, SHORTEST_PAUSE), LONGEST_PAUSE)
        self._export = weakref.WeakMethod(export)
        recorder.know_open(after, self._start)

    def _start(self) -> None:
        if forks_unseen():
            return
        thread = threading.Thread(target=_export_until_gone, args=(self._export, self._pause), daemon=True)
        thread.name = "pyspan-open-spans"
        try:
            thread.start()
        except RuntimeError:  # Python is exiting and starts none: the last flush exports what is open
            logger.debug("no thread for open spans", exc_info=True)


def _export_until_gone(known: weakref.WeakMethod[Callable[[], bool]], pause: float) -> None:
    hold_signals()
    while _export(known()):
        time.sleep(pause)


def _export(export: Callable[[], bool] | None) -> bool:
    """Export what is due; False once there is nothing left to export from."""
    return export is not None and export()
