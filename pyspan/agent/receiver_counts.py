"""The flat counts of the native receivers, taken apart by receiver."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["RECEIVERS", "ReceiverCount", "receiver_counts"]

RECEIVERS = ("otlp_http", "otlp_grpc", "socket")


class ReceiverCount(NamedTuple):
    """One count of one receiver, such as otlp_http, accepted_spans; reasons of refusal are called refused.<reason>."""

    receiver: str
    name: str
    value: int


def receiver_counts(stats: Mapping[str, int]) -> Iterator[ReceiverCount]:
    """Take `otlp_http.accepted_spans` apart; keys of no receiver are left out."""
    for key, value in stats.items():
        receiver, _, name = key.partition(".")
        if receiver in RECEIVERS:
            yield ReceiverCount(receiver, name, value)
