"""Acknowledging while several batches are on their way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyspan.pipeline.ack import AckTracker


def test_a_position_moves_only_past_what_is_done() -> None:
    acks = AckTracker()
    first, second, third = acks.start(10), acks.start(20), acks.start(30)
    assert acks.finish(second) is None
    assert acks.finish(first) == 20
    assert acks.finish(third) == 30


@given(st.permutations(range(8)))
def test_in_any_order_positions_grow_and_end_at_the_last(order: list[int]) -> None:
    acks = AckTracker()
    tickets = [acks.start(position) for position in range(1, 9)]
    seen = [position for number in order if (position := acks.finish(tickets[number])) is not None]
    assert seen == sorted(set(seen))
    assert seen[-1] == 8
