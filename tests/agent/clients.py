"""Plain OTLP clients for tests of the receivers: gRPC by grpcio, HTTP over a unix socket, raw sockets."""

from __future__ import annotations

import http.client
import socket
from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["post_grpc", "post_unix", "send_raw"]

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def post_grpc(port: int, body: bytes, *, compression: grpc.Compression | None = None) -> bytes:
    """Call Export with the bytes as they are; grpc.RpcError where it is refused."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        reply: bytes = channel.unary_unary(EXPORT)(body, timeout=10, compression=compression)
        return reply


def post_unix(path: Path, body: bytes) -> int:
    """POST to the unix socket and return the status."""
    connection = _UnixConnection(path)
    try:
        connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
        return connection.getresponse().status
    finally:
        connection.close()


def send_raw(port: int, data: bytes, timeout: float = 2.0) -> bytes:
    """Send bytes to a TCP port and return what comes back until the other side closes or the time is up."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        try:
            connection.sendall(data)
            while part := connection.recv(65_536):
                received += part
        except OSError:
            pass
    return received


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(str(self._path))
