"""The last flush: at exit, at SIGTERM, and in workers of multiprocessing, which leave by os._exit."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
import time
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from pyspan.config import uwsgi
from pyspan.sdk.trace._deadline import counting_down, in_thread, process, share
from pyspan.sdk.trace._fork import in_forked_child
from pyspan.sdk.trace._processor import SHUTDOWN_MILLIS, shutdown_within

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspan.sdk.trace._wiring import Wiring

__all__ = ["end_with", "flush_at_exit", "forget", "is_known"]

logger = logging.getLogger(__name__)

# How long the line that says what is lost may take to be written.
LAST_LINE = 1.0


class Worker(Protocol):
    """A thread's owner, such as BackgroundWorker and Batcher."""

    def shutdown(self, timeout: float) -> bool: ...
    def end(self) -> None: ...


class Provider(Protocol):
    """A tracer provider, which is shut down like all that has a `shutdown`."""

    def force_flush(self, timeout_millis: int) -> bool: ...


def flush_at_exit(wiring: Wiring, provider: Provider) -> None:
    """Shut `provider` down when the process ends on its own accord, and flush it when SIGTERM ends it.

    Where only its tracers are left by then, what they write to is what is shut down.
    """
    if not _watcher.is_watching:
        _watch()
    _wirings[wiring] = weakref.ref(provider)


def is_known(wiring: Wiring) -> bool:
    """Return whether `wiring` is shut down at exit."""
    return wiring in _wirings


def forget(wiring: Wiring) -> None:
    """Do without `wiring` from now on."""
    _wirings.pop(wiring, None)


def end_with(owner: object, worker: Worker) -> None:
    """Have `worker` ship what it has and end once nobody holds `owner`; the end of the process waits for that."""
    weakref.finalize(owner, _end, worker).atexit = False


_wirings: weakref.WeakKeyDictionary[Wiring, weakref.ref[Provider]] = weakref.WeakKeyDictionary()
# Alive for as long as their threads.
_ending: weakref.WeakSet[Worker] = weakref.WeakSet()


def _end(worker: Worker) -> None:
    if not sys.is_finalizing():
        _ending.add(worker)
        worker.end()


class _Watch:
    """Stands for this module among what is renewed in a forked child."""

    is_watching = False
    is_ending = False  # a signal that comes now is the second word


_watcher = _Watch()


def _watch() -> None:
    _watcher.is_watching = True
    in_forked_child(_watcher, lambda _: _flush_at_end_of_worker())
    _flush_at_end_of_worker()
    if _may_take_sigterm():
        signal.signal(signal.SIGTERM, _on_sigterm)


def _may_take_sigterm() -> bool:
    """Leave the signal to uWSGI, whose own handler Python doesn't know of: ours would wait for the next request."""
    if threading.current_thread() is not threading.main_thread() or uwsgi.server() is not None:
        return False
    return signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def _shut_down_all() -> None:
    _watcher.is_ending = process.is_ending = True
    deadline = time.monotonic() + SHUTDOWN_MILLIS / 1000
    for others, shut_down in counting_down(_shutdowns()):
        try:
            shut_down(max(0.0, share(deadline, others)))
        except KeyboardInterrupt:  # noqa: PERF203 - Ctrl-C makes the deadline now, so that each still says what is lost
            deadline = time.monotonic()
            shut_down(0.0)


def _shutdowns() -> list[Callable[[float], object]]:
    """Return what shuts down each provider, or what is left of it, and each worker on its way out, in seconds."""
    parts = [provider() or wiring for wiring, provider in list(_wirings.items())]
    return [*[partial(_shut_down, part) for part in parts], *[worker.shutdown for worker in list(_ending)]]


def _shut_down(part: Provider | Wiring, timeout: float) -> None:
    shutdown_within(part, timeout * 1000)


def _flush_all(timeout: float) -> None:
    deadline = time.monotonic() + timeout
    for others, (wiring, provider) in counting_down(list(_wirings.items())):
        part = provider() or wiring
        wiring.export_open_spans(everything=True)
        if part.force_flush(max(0, int(share(deadline, others) * 1000))) is False:
            _say_left(wiring)
    for worker in list(_ending):
        worker.shutdown(max(0.0, deadline - time.monotonic()))


def _flush_at_last(timeout: float) -> None:
    process.is_ending = True
    _flush_all(timeout)


def _say_all_left() -> None:
    for wiring in list(_wirings):
        _say_left(wiring)
    for worker in list(_ending):
        worker.shutdown(0.0)


def _say_left(wiring: Wiring) -> None:
    for report in wiring.stats()["exporters"]:
        left = report.get("queued_spans", 0) + report.get("in_flight", 0)
        if left:
            logger.warning("%s: %d spans not delivered in time (the process is ending)", report["exporter"], left)


def _on_sigterm(number: int, _: Any) -> None:
    """Flush, then die as the process would have died without us.

    That is done in another thread: the one interrupted here can hold a lock that is needed. It is no shutdown, since
    process 1 of a container survives the signal and goes on. A second signal, and one that comes while Python exits,
    waits for nothing but the line that says what is lost.
    """
    if _watcher.is_ending:
        in_thread(_say_all_left, LAST_LINE)
    else:
        _watcher.is_ending = process.is_ending = True
        timeout = SHUTDOWN_MILLIS / 1000
        try:
            in_thread(partial(_flush_all, timeout), timeout + LAST_LINE)
        except KeyboardInterrupt:
            in_thread(_say_all_left, LAST_LINE)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    signal.signal(number, _on_sigterm)
    _watcher.is_ending = process.is_ending = False


def _flush_at_end_of_worker() -> None:
    _flush_at_end_of_multiprocessing()
    _flush_at_end_of_celery()
    uwsgi.at_exit(_flush_worker_of_uwsgi)


def _flush_at_end_of_celery() -> None:
    """Have Celery flush before its workers leave: they do by `os._exit`, after this signal."""
    signals: Any = sys.modules.get("celery.signals")
    if signals is not None:
        signals.worker_process_shutdown.connect(_flush_worker, weak=False, dispatch_uid="pyspan")


def _flush_worker(**_: object) -> None:
    _flush_at_last(SHUTDOWN_MILLIS / 1000)


def _flush_worker_of_uwsgi() -> None:
    uwsgi.hold_signals()
    _flush_worker()


def _flush_at_end_of_multiprocessing() -> None:
    """Have multiprocessing flush before its workers leave.

    A forked worker clears the finalizers it inherits before it calls the after-fork hooks, so that is where ours goes
    in; in a worker that runs already, at once.
    """
    util: Any = sys.modules.get("multiprocessing.util")
    if util is None:
        return
    util.register_after_fork(_watcher, _add_finalizer)
    if sys.modules["multiprocessing.process"].parent_process() is not None:
        _add_finalizer(_watcher)


def _add_finalizer(_: _Watch) -> None:
    util: Any = sys.modules["multiprocessing.util"]
    # Finalizers run from high to low priority; queues of multiprocessing end at 10, user code may trace until then.
    util.Finalize(None, _flush_at_last, args=(SHUTDOWN_MILLIS / 1000,), exitpriority=0)


atexit.register(_shut_down_all)
