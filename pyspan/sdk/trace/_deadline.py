"""The time that other people's code is given: made usable where it is asked for, kept to while the process ends."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, TypeVar

from pyspan._printable import described
from pyspan.config.environ import capped
from pyspan.config.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["call_within", "counting_down", "in_thread", "process", "share", "usable_millis", "usable_seconds"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

# A wait in pieces: a signal that the system hands to another thread does not interrupt one.
JOIN_PIECE = 0.2
# What a call may take that was left no time.
LEAST = 0.1
LONGEST = 86_400.0


class _Process:
    is_ending = False


process = _Process()


def usable_millis(timeout: object, default: float) -> float:
    """Return the milliseconds that a caller gives, as `usable_seconds` does."""
    return _usable("timeout_millis", timeout, default, LONGEST * 1000)


def usable_seconds(timeout: object, default: float) -> float:
    """Return the seconds that a caller gives, from 0 to a day; what is no number is logged, and the default holds."""
    return _usable("timeout", timeout, default, LONGEST)


def _usable(name: str, timeout: object, default: float, longest: float) -> float:
    """A flush and a shutdown raise nothing for it: a time left that was reckoned wrong must cost no spans."""
    if isinstance(timeout, (int, float)) and not isinstance(timeout, bool) and timeout == timeout:  # noqa: PLR0124 - NaN
        return float(max(0, min(timeout, longest)))
    given = capped(redact(described(timeout)))
    logger.warning("%s=%s is no number from 0 to %d, %g is used", name, given, longest, default)
    return default


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
