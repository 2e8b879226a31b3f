"""Waiting in the event loop for the descriptor of a native queue or spool, or for a pipe that is full."""

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

    A signal wakes one waiter, the last who came, else the next who comes. `on_signal` is called in the loop at each
    signal, whether anybody waits or not.
    """

    def __init__(self, signal: Signal, on_signal: Callable[[], None] = lambda: None) -> None:
        self._signal = signal
        self._on_signal = on_signal
        self._waiters: list[asyncio.Future[None]] = []
        self._is_set = False
        self._file = signal.fileno()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._file, self._on_readable)

    def set(self) -> None:
        """Wake one waiter, from the loop's own thread."""
        while self._waiters:
            waiter = self._waiters.pop()
            if not waiter.done():  # as one is that was cancelled
                waiter.set_result(None)
                return
        self._is_set = True

    async def wait(self) -> None:
        """Wait for a wake-up that nobody else has had."""
        if self._is_set:
            self._is_set = False
            return
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():  # woken and cancelled at once: somebody else is to have the wake-up
                self.set()
            raise

    def close(self) -> None:
        """Let go of the descriptor."""
        self._loop.remove_reader(self._file)

    def _on_readable(self) -> None:
        self._signal.clear_wakeup()
        self._on_signal()
        self.set()


async def writable(file: int) -> None:
    """Wait until a pipe or a terminal takes more."""
    loop, event = asyncio.get_running_loop(), anyio.Event()
    loop.add_writer(file, event.set)
    try:
        await event.wait()
    finally:
        loop.remove_writer(file)
