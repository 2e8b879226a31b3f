"""Waiting in the event loop for the eventfd of a native queue or spool, or for a pipe that is full."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Wakeup", "writable"]


class Signal(Protocol):
    """What SpanQueue and SpoolReader offer."""

    def fileno(self) -> int: ...
    def clear_wakeup(self) -> None: ...


class Wakeup:
    """Keeps one reader registered with the loop, where waiting anew each time would register and remove it.

    `on_signal` is called in the loop at each signal, whether anybody waits or not.
    """

    def __init__(self, signal: Signal, on_signal: Callable[[], None] = lambda: None) -> None:
        self._signal = signal
        self._on_signal = on_signal
        self._event = anyio.Event()
        self._file = signal.fileno()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._file, self._on_readable)

    def set(self) -> None:
        """Wake the waiter, from the loop's own thread."""
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Return True after a wake-up, False where none came in time."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        woken = self._event.is_set()
        if woken:
            self._event = anyio.Event()
        return woken

    def close(self) -> None:
        """Let go of the eventfd."""
        self._loop.remove_reader(self._file)

    def _on_readable(self) -> None:
        self._signal.clear_wakeup()
        self._on_signal()
        self._event.set()


async def writable(file: int) -> None:
    """Wait until a pipe or a terminal takes more."""
    loop, event = asyncio.get_running_loop(), anyio.Event()
    loop.add_writer(file, event.set)
    try:
        await event.wait()
    finally:
        loop.remove_writer(file)
