"""The load: bodies over a few keep-alive connections, each waiting for its answer as an exporter does."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from itertools import count
from typing import TYPE_CHECKING

from benches.agent.bodies import bodies

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CONNECTIONS", "send"]

CONNECTIONS = 4


def send(port: int, requests: int) -> None:
    """Send so many requests to the port, in turn from all bodies; raise on the first that is not answered by 200."""
    ready, turns = [_request(body) for body in bodies()], count()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        senders = [pool.submit(_converse, port, ready, turns, requests) for _ in range(CONNECTIONS)]
        for sender in senders:
            sender.result()


def _converse(port: int, ready: Sequence[bytes], turns: count[int], requests: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (turn := next(turns)) < requests:
            connection.sendall(ready[turn % len(ready)])
            answer = HTTPResponse(connection)
            answer.begin()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"the agent answered {answer.status}")


def _request(body: bytes) -> bytes:
    head = (
        "POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-protobuf\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
