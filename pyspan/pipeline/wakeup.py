"""Waiting in the event loop for the eventfd of a native queue or spool."""

from __future__ import annotations

import asyncio
from typing import Protocol

import anyio

__all__ = ["Wakeup"]


class Signal(Protocol):
    """What SpanQueue and SpoolReader offer."""

    def fileno(self) -> int: ...
    def clear_wakeup(self) -> None: ...


class Wakeup:
    """Keeps one reader registered with the loop, where waiting anew each time would register and remove it."""

    def __init__(self, signal: Signal) -> None:
        self._signal = signal
        self._event = anyio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(signal.fileno(), self._on_readable)

    def set(self) -> None:
        """Wake the waiter, from the loop's own thread."""
        self._event.set()

    async def wait(self, timeout: float) -> bool:
        """Return True after a wake-up, False after the timeout; look for work after this, never before."""
        with anyio.move_on_after(timeout):
            await self._event.wait()
        woken = self._event.is_set()
        if woken:
            self._event = anyio.Event()
        return woken

    def close(self) -> None:
        """Let go of the eventfd."""
        self._loop.remove_reader(self._signal.fileno())

    def _on_readable(self) -> None:
        self._signal.clear_wakeup()
        self._event.set()
