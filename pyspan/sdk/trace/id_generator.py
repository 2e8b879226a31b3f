"""Where ids come from; mirrors `opentelemetry.sdk.trace.id_generator`."""

from __future__ import annotations

import abc

__all__ = ["IdGenerator", "RandomIdGenerator"]


class IdGenerator(abc.ABC):
    """Makes trace and span ids; one of one's own is called from Python for every span."""

    @abc.abstractmethod
    def generate_span_id(self) -> int:
        """Return a 64-bit id, not 0."""

    @abc.abstractmethod
    def generate_trace_id(self) -> int:
        """Return a 128-bit id, not 0; samplers need its low 56 bits to be random."""

    def is_trace_id_random(self) -> bool:
        """Return whether the low 56 bits are random, which sets the W3C flag `random`."""
        return False


class RandomIdGenerator(IdGenerator):
    """Random ids; a provider given this very class makes them natively, seeded anew after fork."""

    def generate_span_id(self) -> int:
        return _random(64) or self.generate_span_id()

    def generate_trace_id(self) -> int:
        return _random(128) or self.generate_trace_id()

    def is_trace_id_random(self) -> bool:
        return True


def _random(bits: int) -> int:
    from random import getrandbits  # ids are no secrets; imported late for the sake of `import pyspan.sdk.trace`

    return getrandbits(bits)
