"""Free loopback ports for tests, below the range that outgoing connections draw from."""

from __future__ import annotations

import random
import socket

__all__ = ["free_port"]

_random = random.SystemRandom()


def free_port() -> int:
    """Pick a random port in 20000-31999 that nothing listens on now."""
    for _ in range(200):
        port = _random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port between 20000 and 31999")
