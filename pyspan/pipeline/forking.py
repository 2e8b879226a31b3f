"""Keeps a fork from happening while a worker's thread imports what it needs.

A child would inherit modules that are half imported, with nobody left to finish them: its own `import asyncio` fails.
"""

from __future__ import annotations

import _thread
import logging
import os
from typing import TYPE_CHECKING

from pyspan.pipeline.request import unpatched

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["hold_forks"]

# The hook of logging takes a lock that imports need. Hooks run in reverse order: registered before ours, it runs after.
_ = logging
# A fork waits no longer than this: a worker that takes longer to start is stuck in a user's code.
LONGEST_WAIT = 5.0


def hold_forks() -> Callable[[], None]:
    """Let forks of other threads wait until the returned function is called; calling it again does nothing."""
    lock = _STARTING[0]
    lock.acquire()
    held = [lock]

    def release() -> None:
        while held:
            held.pop().release()

    return release


def _wait_for_start() -> None:
    _FORKING.append(_STARTING[0].acquire(timeout=LONGEST_WAIT))


def _go_on() -> None:
    if _FORKING.pop():
        _STARTING[0].release()


def _begin_anew() -> None:
    _FORKING.clear()
    _STARTING[0] = unpatched(_thread, "allocate_lock")()


_STARTING = [unpatched(_thread, "allocate_lock")()]
_FORKING: list[bool] = []
os.register_at_fork(before=_wait_for_start, after_in_parent=_go_on, after_in_child=_begin_anew)
