"""The backend of the benchmark: unpacks every request and counts every span id, in a process of its own."""

from __future__ import annotations

import gzip
import multiprocessing
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspan._core import Batch

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

__all__ = ["Seen", "Sink"]

_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Seen:
    """What arrived in a round: requests, spans, distinct span ids, and how often the rarest and the commonest came."""

    requests: int
    spans: int
    distinct: int
    rarest: int
    commonest: int


class Sink:
    """An OTLP/HTTP backend on a port."""

    def __init__(self, port: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(port, theirs), daemon=True)
        self._process.start()
        self._pipe.recv()

    def wait(self, spans: int, timeout: float) -> Seen:
        """Wait until so many spans arrived, or for so many seconds; report them and start again from nothing."""
        self._pipe.send((spans, timeout))
        seen = self._pipe.recv()
        assert isinstance(seen, Seen)
        return seen

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()


class _Counts:
    def __init__(self) -> None:
        self.ids: Counter[str] = Counter()
        self.requests = 0
        self.spans = 0
        self._changed = threading.Condition()

    def add(self, ids: list[str]) -> None:
        with self._changed:
            self.ids.update(ids)
            self.requests += 1
            self.spans += len(ids)
            self._changed.notify_all()

    def wait(self, spans: int, timeout: float) -> Seen:
        deadline = time.monotonic() + timeout
        with self._changed:
            while self.spans < spans and time.monotonic() < deadline:
                self._changed.wait(0.05)
            often = self.ids.values() or (0,)
            seen = Seen(self.requests, self.spans, len(self.ids), min(often), max(often))
            self.ids, self.requests, self.spans = Counter(), 0, 0
            return seen


def _serve(port: int, pipe: Connection) -> None:
    counts = _Counts()
    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    threading.Thread(target=_accept, args=(listener, counts), daemon=True).start()
    pipe.send("ready")
    while True:
        pipe.send(counts.wait(*pipe.recv()))


def _accept(listener: socket.socket, counts: _Counts) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_converse, args=(connection, counts), daemon=True).start()


def _converse(connection: socket.socket, counts: _Counts) -> None:
    with connection, connection.makefile("rb") as stream:
        while head := _read_head(stream.readline):
            body = stream.read(int(head["content-length"]))
            data = gzip.decompress(body) if head.get("content-encoding") == "gzip" else body
            counts.add([span_id for _, span_id in Batch.parse(data).span_ids()])
            connection.sendall(_OK)


def _read_head(readline: object) -> dict[str, str]:
    head: dict[str, str] = {}
    while line := readline().strip():  # type: ignore[operator]
        name, _, value = line.decode("latin-1").partition(":")
        head[name.lower()] = value.strip()
    return head
