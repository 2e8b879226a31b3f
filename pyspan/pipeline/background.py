"""The application's worker: one event loop in one daemon thread, which starts with the first span.

Nothing of asyncio or anyio is imported until that thread runs: they cost 50 ms, which no caller is to wait for. Under
uWSGI they are there before it forks.
"""

from __future__ import annotations

import _thread
import contextvars
import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from pyspan.config.uwsgi import WAITING, forks_unseen, hold_signals, server
from pyspan.pipeline.forking import hold_forks
from pyspan.pipeline.log import RareLog, logger
from pyspan.pipeline.request import Request, is_patched, unpatched
from pyspan.pipeline.settings import WorkerSettings
from pyspan.pipeline.stats import Stats

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspan._core import SpanQueue
    from pyspan.pipeline.exporter import Exporter

__all__ = ["BackgroundWorker"]

RESTART_PAUSE = 1.0
# What the worker's thread may be late by when it answers at the deadline.
GRACE = 0.1


class BackgroundWorker:
    """Ships a tracer's queue without ever blocking the application.

    `make_exporter` is called in the worker's thread, again in each forked child; `on_thread_start` before it, in a
    context of its own. All methods may be called from any thread, in coroutines, while Python exits, and after a fork.
    """

    def __init__(
        self,
        queue: SpanQueue,
        make_exporter: Callable[[Stats], Exporter],
        settings: WorkerSettings | None = None,
        *,
        name: str = "exporter",
        on_thread_start: Callable[[], object] | None = None,
    ) -> None:
        self._queue = queue
        self._make_exporter = make_exporter
        self._settings = settings or WorkerSettings()
        self._name = name
        self._on_thread_start = on_thread_start
        self._lock = _allocate_lock()
        self._run = _Run(name)
        if server() is not None:
            _import_at_once()
        queue.on_first_span(self.start)

    @property
    def stats(self) -> Stats:
        """Counts of this process."""
        return self._current().stats

    def start(self) -> None:
        """Start the thread, once per process; while Python exits none can start, and `shutdown` does the work.

        Where uWSGI is yet to fork, the next span asks again.
        """
        run = self._current()
        if forks_unseen():
            _LOG.warning("uwsgi", WAITING)
            self._queue.ask_again()
            return
        with self._lock:
            if not run.started:
                run.started = _start_thread(lambda: self._work(run))

    def force_flush(self, timeout: float = 30.0) -> bool:
        """Ship what has been queued so far; False where that took longer than `timeout` seconds or lost some of it.

        What a full queue has dropped before was never queued: that is in the counts and in the log.
        """
        run = self._current()
        if self._is_idle(run):
            return True
        if not forks_unseen():
            self.start()
        request = Request(timeout)
        if not run.started:
            return self._ship_here(run, request)
        return self._ask(run, run.flushes, request)

    def shutdown(self, timeout: float = 5.0) -> bool:
        """Take no more spans and ship the rest; True where nothing was left after `timeout` seconds.

        What was left is dropped, counted as `dropped_at_shutdown` and logged once.
        """
        run, request = self._close(), Request(timeout)
        kept = False
        try:
            kept = self._finish(run, request)
        finally:  # a signal may raise meanwhile: what is lost is still said
            if not kept:
                self._count_loss(run)
            run.stats.end(self._queue.counts())
        return kept

    def end(self, timeout: float = 5.0) -> None:
        """Have the thread do what `shutdown` does, without waiting, from anywhere: the collector may be calling."""
        run = self._close()
        if run.started and not run.ended:
            run.abandoned = True
            run.closes.append(Request(timeout))
            self._queue.wake()

    def _close(self) -> _Run:
        self._queue.close()
        self._queue.on_first_span(_do_nothing)  # else the queue and its worker would hold each other
        return self._current()

    def _finish(self, run: _Run, request: Request) -> bool:
        if run.started and not run.ended:
            return self._ask(run, run.closes, request)
        return self._is_idle(run) or self._ship_here(run, request)

    def _current(self) -> _Run:
        """Return the state of this process; in a forked child the parent's is put aside, its thread is not here."""
        if self._run.process != os.getpid():
            _OF_PARENTS.append(self._run)
            self._lock = _allocate_lock()
            self._run = _Run(self._name)
        return self._run

    def _is_idle(self, run: _Run) -> bool:
        return self._queue.counts()["queued_spans"] == 0 and run.stats.in_flight == 0

    def _ask(self, run: _Run, mailbox: deque[Request], request: Request) -> bool:
        mailbox.append(request)
        self._queue.wake()
        if run.ended:  # it may have looked into its mailbox for the last time
            request.answer(kept=self._is_idle(run))
        return request.wait(GRACE)

    def _work(self, run: _Run) -> None:
        hold_signals()
        closed = contextvars.copy_context().run(self._work_until_closed, run)
        run.ended = True
        kept = closed and self._is_idle(run)
        if run.abandoned:
            self._count_loss(run)
            run.stats.end(self._queue.counts())
        for request in (*run.flushes, *run.closes):
            request.answer(kept=kept)

    def _work_until_closed(self, run: _Run) -> bool:
        if self._on_thread_start is not None:
            self._on_thread_start()
        while not (closed := self._ship(run)) and not run.closes:
            run.stats.overflow(self._queue.counts())
            unpatched(time, "sleep")(RESTART_PAUSE)
        return closed

    def _ship_here(self, run: _Run, request: Request) -> bool:
        """Ship in the calling thread: Python 3.12 and later start no thread while they exit."""
        run.closes.append(request)
        contextvars.copy_context().run(self._ship, run)
        return request.kept

    def _ship(self, run: _Run) -> bool:
        """Ship until a request to close; False where a fault came first, which loses the batches on their way."""
        may_fork = hold_forks()
        try:
            from pyspan.pipeline.shipping import Shipping

            Shipping(self._queue, lambda: self._make_exporter(run.stats), self._settings, run).run(may_fork)
        except Exception as error:  # noqa: BLE001 - the application must not see it, and its spans still need a worker
            run.stats.fail("worker", f"the worker failed: {error!r}")
            logger.debug("the worker failed", exc_info=True)
            if run.stats.in_flight:
                run.stats.drop("worker_failed", run.stats.in_flight, repr(error))
            return False
        finally:
            may_fork()
        return True

    def _count_loss(self, run: _Run) -> None:
        while (batch := self._queue.take(partial=True)) is not None:
            run.stats.receive(len(batch))
        if run.stats.in_flight:
            why = "the last error is in the log above" if run.stats.last_error else "no answer so far"
            run.stats.drop("at_shutdown", run.stats.in_flight, f"the deadline for shutdown has passed ({why})")


class _Run:
    """The worker of one process: what its thread and its callers share."""

    def __init__(self, name: str) -> None:
        self.process = os.getpid()
        self.stats = Stats(name)
        self.flushes: deque[Request] = deque()
        self.closes: deque[Request] = deque()
        self.started = False
        self.ended = False
        self.abandoned = False  # nobody waits for the end


_LOG = RareLog()
# A child must not free its copy of the parent's loop: closing it would alter the epoll set that both share.
_OF_PARENTS: list[_Run] = []


def _do_nothing() -> None:
    pass


def _import_at_once() -> None:
    """Import what the thread needs: OpenSSL ends before uWSGI asks for the last flush; an import of it then crashes."""
    import pyspan.pipeline.shipping  # noqa: F401


def _allocate_lock() -> threading.Lock:
    lock: threading.Lock = unpatched(_thread, "allocate_lock")()
    return lock


def _start_thread(work: Callable[[], None]) -> bool:
    try:
        if is_patched():  # a patched thread would be a greenlet, and its loop would hold up all others
            unpatched(_thread, "start_new_thread")(work, ())
        else:
            threading.Thread(target=work, name="pyspan-worker", daemon=True).start()
    except RuntimeError as error:
        logger.debug("no thread for the worker: %s", error)
        return False
    return True
