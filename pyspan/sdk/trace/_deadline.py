"""The time that other people's code is given: checked where it is asked for, kept to while the process ends."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, TypeVar

from pyspan.config.environ import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["call_within", "checked_millis", "counting_down", "in_thread", "process", "share"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

# A wait in pieces: a signal that the system hands to another thread does not interrupt one.
JOIN_PIECE = 0.2
# What a call may take that was left no time.
LEAST = 0.1
LONGEST_MILLIS = 86_400_000


class _Process:
    is_ending = False


process = _Process()


def checked_millis(timeout: object) -> float:
    """Return a number of milliseconds that a caller gave.

    Raises:
        ConfigurationError: it is no number from 0 to 86,400,000.
    """
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 <= timeout <= LONGEST_MILLIS:
        raise problem("timeout_millis", timeout, f"give milliseconds from 0 to {LONGEST_MILLIS}", "the call")
    return timeout


def counting_down(parts: Sequence[T]) -> list[tuple[int, T]]:
    """Return each part with how many come after it."""
    return [(len(parts) - place, part) for place, part in enumerate(parts, 1)]


def share(deadline: float, others: int) -> float:
    """Return the seconds that one part is given: all there are, but at the end of the process its share of them.

    One that hangs must not cost the others their spans.
    """
    rest = deadline - time.monotonic()
    return rest / (others + 1) if process.is_ending else rest


def call_within(call: Callable[[], T], seconds: float, what: str) -> T | None:
    """Return what `call` returns; while the process ends, None for one that takes longer, which is then left behind.

    Before that the caller waits, as ever. Python 3.12 starts no thread while it exits: there too it waits.
    """
    if not process.is_ending:
        return call()
    returned: list[T] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            returned.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
            raised.append(error)

    if not in_thread(work, max(seconds, LEAST)):
        logger.warning("%s has not returned in %.1f s: the process ends without it", what, max(seconds, LEAST))
    for error in raised:
        raise error
    return returned[0] if returned else None


def in_thread(work: Callable[[], object], timeout: float) -> bool:
    """Work in a daemon thread; False where that takes longer than `timeout` seconds."""
    thread = threading.Thread(target=work, name="pyspan-exit", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # Python is exiting and starts none
        work()
        return True
    deadline = time.monotonic() + timeout
    while thread.is_alive() and (left := deadline - time.monotonic()) > 0:
        thread.join(min(left, JOIN_PIECE))
    return not thread.is_alive()
