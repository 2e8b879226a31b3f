"""The native OTLP client beside real peers: TLS on both sides and the published gRPC server."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from pyspan._core import Batch, OtlpClient
from tests.support.otlp_messages import make_request
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Literal


def client_of(
    url: str, certificate: bytes, client_certificate: bytes | None = None, client_key: bytes | None = None
) -> OtlpClient:
    return OtlpClient(
        url,
        protocol="http/protobuf",
        headers={},
        compression="gzip",
        certificate=certificate,
        client_certificate=client_certificate,
        client_key=client_key,
    )


def batch_of(spans: int) -> Batch:
    return Batch.parse(make_request(spans)[0])


class Tls:
    """A certificate authority made for the test, with a server's and a client's certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        openssl = shutil.which("openssl") or pytest.skip("the openssl program is missing: TLS is not tested")
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        new = [openssl, "req", "-x509", *key, "-days", "2"]
        use = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]  # as Python 3.13 wants it
        self._run(*new, *use, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority")
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"]
        name = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        self._run(*new, *signed, *name, "-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=server")
        self._run(*new, *signed, "-keyout", "client.key", "-out", "client.pem", "-subj", "/CN=client")

    def _run(self, *command: str) -> None:
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def server_context(self, *, alpn: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.folder / "ca.pem")
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        context.verify_mode = ssl.CERT_REQUIRED
        context.set_alpn_protocols([alpn])
        return context


class Ok(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls(tmp_path_factory.mktemp("tls"))


def test_tls_with_both_sides_certified(tls: Tls) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Ok)
    server.socket = tls.server_context(alpn="http/1.1").wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://localhost:{server.server_port}/v1/traces"
    own = tls.read("client.pem"), tls.read("client.key")
    try:
        assert client_of(url, tls.read("ca.pem"), *own).export(batch_of(1), 5.0).kind == "ok"
        stranger = client_of(url, tls.read("client.pem"), *own).export(batch_of(1), 5.0)
        assert stranger.kind == "transport"
        assert "certificate" in stranger.message
        anonymous = client_of(url, tls.read("ca.pem")).export(batch_of(1), 5.0)
        assert anonymous.kind == "transport"
    finally:
        server.shutdown()
        server.server_close()


class Service(trace_service_pb2_grpc.TraceServiceServicer):
    """A real gRPC backend that answers as told."""

    def __init__(self) -> None:
        self.spans: list[int] = []
        self.metadata: dict[str, str | bytes] = {}
        self.status: tuple[grpc.StatusCode, str] | None = None
        self.compression = grpc.Compression.NoCompression
        self.message = ""

    def Export(
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        self.metadata = dict(context.invocation_metadata())
        context.set_compression(self.compression)
        if self.status is not None:
            context.abort(*self.status)
        scopes = [scope for resource in request.resource_spans for scope in resource.scope_spans]
        self.spans.append(sum(len(scope.spans) for scope in scopes))
        response = trace_service_pb2.ExportTraceServiceResponse()
        response.partial_success.rejected_spans = 2
        response.partial_success.error_message = self.message
        return response


def grpc_server(service: Service) -> grpc.Server:
    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(service, server)  # type: ignore[no-untyped-call]
    return server


@pytest.fixture
def grpc_backend() -> Iterator[tuple[Service, str]]:
    service, port = Service(), free_port()
    server = grpc_server(service)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    yield service, f"http://127.0.0.1:{port}"
    server.stop(None).wait()


def test_grpc_over_tls(tls: Tls) -> None:
    service, port = Service(), free_port()
    server = grpc_server(service)
    certified = grpc.ssl_server_credentials([(tls.read("server.key"), tls.read("server.pem"))])
    server.add_secure_port(f"127.0.0.1:{port}", certified)
    server.start()
    endpoint, authority = f"https://localhost:{port}", tls.read("ca.pem")
    client = OtlpClient(endpoint, protocol="grpc", headers={}, compression="gzip", certificate=authority)
    assert client.export(batch_of(4), 5.0).kind == "ok"
    assert service.spans == [4]
    server.stop(None).wait()


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_real_grpc_server_understands_us(
    grpc_backend: tuple[Service, str], compression: Literal["none", "gzip"]
) -> None:
    service, url = grpc_backend
    client = OtlpClient(url, protocol="grpc", headers={"x-tenant": "blue"}, compression=compression)
    reply = client.export(batch_of(7), 5.0)
    assert (reply.kind, reply.code, reply.rejected_spans) == ("ok", 0, 2)
    assert service.spans == [7]
    assert service.metadata["x-tenant"] == "blue"


def test_a_reply_that_a_grpc_server_has_compressed_is_read(grpc_backend: tuple[Service, str]) -> None:
    service, url = grpc_backend
    service.compression, service.message = grpc.Compression.Gzip, "late " * 100  # what is short is left as it is
    headers = {"grpc-accept-encoding": "identity,gzip"}  # what grpc-go does without, this server asks for
    reply = OtlpClient(url, protocol="grpc", headers=headers, compression="gzip").export(batch_of(7), 5.0)
    assert (reply.kind, reply.rejected_spans, reply.message) == ("ok", 2, service.message)


def test_a_real_grpc_server_refuses_us_in_words_we_understand(grpc_backend: tuple[Service, str]) -> None:
    service, url = grpc_backend
    service.status = (grpc.StatusCode.RESOURCE_EXHAUSTED, "quota for “blue” is used up")
    client = OtlpClient(url, protocol="grpc", headers={}, compression="none")
    reply = client.export(batch_of(1), 5.0)
    assert (reply.kind, reply.code, reply.message) == ("grpc", 8, "quota for “blue” is used up")
