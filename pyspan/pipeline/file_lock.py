"""A lock that keeps the lines of several processes apart which write into one file."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

__all__ = ["locked"]

# A process holds the lock for one batch. One that was stopped meanwhile is not waited for.
LONGEST_WAIT = 10.0
PAUSE = 0.005


@asynccontextmanager
async def locked(open_file: Callable[[], int]) -> AsyncIterator[int]:
    """Hold the lock of the file, which is opened anew for each look: it may be rotated away while we wait.

    Raises:
        OSError: the file cannot be opened, or another process has kept the lock for too long.
    """
    give_up_at = anyio.current_time() + LONGEST_WAIT
    while not _lock(file := open_file()):
        if anyio.current_time() >= give_up_at:
            raise OSError(errno.EWOULDBLOCK, f"another process has kept it locked for {LONGEST_WAIT:g} s")
        await anyio.sleep(PAUSE)
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)


def _lock(file: int) -> bool:
    """Return False where another process has the lock; what knows no locks, as some network folders, goes without."""
    if stat.S_ISCHR(os.fstat(file).st_mode):  # all processes share /dev/null, and strangers may lock it
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno != errno.EWOULDBLOCK
    return True
