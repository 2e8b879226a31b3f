"""A request from the application to its worker's thread, to wait for from any thread."""

from __future__ import annotations

import _thread
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["Request", "is_patched", "unpatched"]

# Under gevent the waiting greenlet looks this often: a native thread must not wake a hub that is not its own.
LOOK_PERIOD = 0.005
# Other waits are cut into pieces: a signal that the system hands to another thread interrupts none of them.
WAIT_PIECE = 0.2


def unpatched(module: ModuleType, name: str) -> Any:
    """Return a name of the standard library as it was before gevent patched it.

    Nothing is imported: a signal that comes meanwhile would find the lock of imports taken, which the flush may need.
    """
    monkey = sys.modules.get("gevent.monkey")
    return monkey.get_original(module.__name__, name) if monkey else getattr(module, name)


def is_patched() -> bool:
    """Tell whether gevent has replaced threads by greenlets."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


class Request:
    """Something asked of the worker by a deadline (monotonic seconds), answered once: kept or not."""

    def __init__(self, timeout: float) -> None:
        self.deadline = time.monotonic() + timeout
        self.kept = False
        self._answered = unpatched(_thread, "allocate_lock")()
        self._answered.acquire()
        self._open = True

    @property
    def remaining(self) -> float:
        """Seconds until the deadline, at least 0."""
        return max(self.deadline - time.monotonic(), 0.0)

    def answer(self, *, kept: bool) -> None:
        """Answer the request; a second answer is ignored."""
        if self._open:
            self._open = False
            self.kept = kept
            self._answered.release()

    def wait(self, grace: float = 0.0) -> bool:
        """Wait for the answer until the deadline and a little longer; True where it came and the request was kept."""
        patched = is_patched()
        while self._open and (left := self.deadline + grace - time.monotonic()) > 0:
            if patched:
                time.sleep(LOOK_PERIOD)
            else:
                self._answered.acquire(timeout=min(left, WAIT_PIECE))
        return self.kept
