"""uWSGI, where Python runs inside it: what it will do to this process, by its module `uwsgi`."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["WAITING", "after_fork", "at_exit", "findings", "forks_unseen", "hold_signals", "server"]

ENDING = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM}
FORK_HOOKS = "py-call-uwsgi-fork-hooks"
WAITING = (
    "uWSGI will fork this process, which no thread of ours may run in meanwhile: spans that end while the application "
    f"loads wait for pyspan.force_flush(), and are lost without it (set {FORK_HOOKS} = true, or lazy-apps = true)"
)
NO_THREADS = "uWSGI runs without threads: spans wait for the next request (set enable-threads = true)"


def server() -> Any:
    """Return the module that uWSGI puts into its processes; None in others."""
    found = sys.modules.get("uwsgi")
    return found if hasattr(found, "worker_id") else None


def forks_unseen() -> bool:
    """Return whether uWSGI is yet to fork this process without telling Python.

    If another thread has the interpreter lock at that moment, nobody ever gives it back in the child.
    """
    uwsgi = server()
    if uwsgi is None or uwsgi.worker_id() or uwsgi.mule_id() or uwsgi.i_am_the_spooler():
        return False
    is_alone = uwsgi.numproc == 1 and not _is_set(uwsgi, "master")
    return not is_alone and not _is_set(uwsgi, FORK_HOOKS)


def hold_signals() -> None:
    """Have the calling thread receive none of uWSGI's signals to end, where it is uWSGI's.

    Its handler exits at once in whichever thread it is called: in ours that is a deadlock with the main thread, and in
    the main thread the end of a flush that is under way.
    """
    if server() is not None:
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)


def findings() -> Iterator[str]:
    """Say which option of uWSGI is missing."""
    if getattr(server(), "has_threads", True) == 0:
        yield NO_THREADS


def after_fork(hook: Callable[[], object]) -> None:
    """Have uWSGI call `hook` in each worker that it forks."""
    _chain("post_fork_hook", hook)


def at_exit(hook: Callable[[], object]) -> None:
    """Have uWSGI call `hook` before a worker leaves: under `skip-atexit-teardown` it calls none of Python's."""
    _chain("atexit", hook)


class _Chained:
    """Takes the only place for a hook that there is, and calls what was there."""

    def __init__(self, before: Callable[[], object] | None, hook: Callable[[], object]) -> None:
        self._before = before
        self.hook = hook

    def __call__(self) -> None:
        try:
            if self._before is not None:
                self._before()
        finally:
            self.hook()


def _chain(place: str, hook: Callable[[], object]) -> None:
    uwsgi = server()
    before = getattr(uwsgi, place, None)
    if uwsgi is not None and getattr(before, "hook", None) is not hook:
        setattr(uwsgi, place, _Chained(before, hook))


def _is_set(uwsgi: Any, name: str) -> bool:
    """Read a switch: True on the command line, bytes in a file."""
    value = uwsgi.opt.get(name, False)
    return value is True or (isinstance(value, bytes) and value.lower() != b"false")
