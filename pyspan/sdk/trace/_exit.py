"""The last flush: at exit, at SIGTERM, and in workers of multiprocessing, which leave by os._exit."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from pyspan.sdk.trace._fork import in_forked_child
from pyspan.sdk.trace._processor import SHUTDOWN_MILLIS, shutdown_within

if TYPE_CHECKING:
    from pyspan.sdk.trace._provider import TracerProvider

__all__ = ["flush_at_exit", "forget"]


def flush_at_exit(provider: TracerProvider) -> None:
    """Shut `provider` down when the process ends on its own accord, and flush it when SIGTERM ends it."""
    if not _watcher.is_watching:
        _watch()
    _providers.add(provider)


def forget(provider: TracerProvider) -> None:
    """Do without `provider` from now on."""
    _providers.discard(provider)


# Strong references: a provider that only its tracers still know has spans to export.
_providers: set[TracerProvider] = set()


class _Watch:
    """Stands for this module among what is renewed in a forked child."""

    is_watching = False


_watcher = _Watch()


def _watch() -> None:
    _watcher.is_watching = True
    atexit.register(_shut_down_all)
    in_forked_child(_watcher, lambda _: _flush_at_end_of_worker())
    _flush_at_end_of_worker()
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        with contextlib.suppress(ValueError):  # sub-interpreters have no signals
            signal.signal(signal.SIGTERM, _on_sigterm)


def _shut_down_all() -> None:
    deadline = time.monotonic() + SHUTDOWN_MILLIS / 1000
    for provider in list(_providers):
        shutdown_within(provider, (deadline - time.monotonic()) * 1000)


def _flush_all(timeout: float) -> None:
    deadline = time.monotonic() + timeout
    for provider in list(_providers):
        provider.force_flush(max(0, int((deadline - time.monotonic()) * 1000)))


def _on_sigterm(number: int, _: Any) -> None:
    """Flush, then die as the process would have died without us.

    Another thread flushes: the one interrupted here can hold a lock that the flush needs. And it is no shutdown, since
    process 1 of a container survives the signal and goes on.
    """
    timeout = SHUTDOWN_MILLIS / 1000
    flush = threading.Thread(target=_flush_all, args=(timeout,), name="pyspan-sigterm", daemon=True)
    with contextlib.suppress(RuntimeError):  # Python is exiting: it starts no thread, and is flushing already
        flush.start()
        flush.join(timeout)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    signal.signal(number, _on_sigterm)


def _flush_at_end_of_worker() -> None:
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
    util.Finalize(None, _flush_all, args=(SHUTDOWN_MILLIS / 1000,), exitpriority=0)
