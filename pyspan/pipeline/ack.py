"""Which position may be acknowledged while several batches are on their way."""

from __future__ import annotations

from collections import deque

__all__ = ["AckTracker", "Ticket"]


class Ticket:
    """One batch on its way."""

    __slots__ = ("done", "position")

    def __init__(self, position: int) -> None:
        self.position = position
        self.done = False


class AckTracker:
    """Turns ends of deliveries in any order into positions that are contiguous."""

    def __init__(self) -> None:
        self._open: deque[Ticket] = deque()

    def start(self, position: int) -> Ticket:
        """Take note of a batch, in the order of the source."""
        ticket = Ticket(position)
        self._open.append(ticket)
        return ticket

    def finish(self, ticket: Ticket) -> int | None:
        """Return the position before which everything is done, None where it has not moved."""
        ticket.done = True
        position = None
        while self._open and self._open[0].done:
            position = self._open.popleft().position
        return position
