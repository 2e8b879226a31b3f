"""Free loopback ports, below the range that outgoing connections draw from, and who answers on one."""

from __future__ import annotations

import random
import socket
import urllib.request

__all__ = ["answers", "free_port", "port_open"]

_random = random.SystemRandom()


def free_port() -> int:
    """Pick a port that nothing listens on, outside 32768-60999: outgoing connections would collide there."""
    for _ in range(200):
        port = _random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port between 20000 and 31999")


def port_open(port: int) -> bool:
    """Say whether something accepts connections on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers(port: int, path: str) -> bool:
    """Say whether HTTP on the loopback port answers 200 for the path."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False
