"""A gRPC client that deadlocks or crashes in a forked process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from tests.support.ports import free_port
from tests.support.scripts import run

if TYPE_CHECKING:
    from collections.abc import Iterator

FORKING = """
trace_some("parent before", 5)
pyspan.force_flush()  # the connection is open
children = []
for _ in range(4):
    child = os.fork()
    trace_some("after", 5)
    if child == 0:
        sys.exit(0)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
assert pyspan.force_flush()
print("grpc" in sys.modules, "google.protobuf" in sys.modules)
"""


class Backend(trace_service_pb2_grpc.TraceServiceServicer):
    """The published gRPC server, which notes what spans it was given."""

    def __init__(self) -> None:
        self.port = free_port()
        self.span_ids: list[bytes] = []

    def Export(
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: object
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        scopes = [scope for resource in request.resource_spans for scope in resource.scope_spans]
        self.span_ids += [span.span_id for scope in scopes for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
def backend() -> Iterator[Backend]:
    backend = Backend()
    server = grpc.server(ThreadPoolExecutor(4))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(backend, server)  # type: ignore[no-untyped-call]
    server.add_insecure_port(f"127.0.0.1:{backend.port}")
    server.start()
    yield backend
    server.stop(None).wait()


def test_forked_processes_export_by_grpc_without_its_library(backend: Backend) -> None:
    done = run(
        FORKING,
        f"http://127.0.0.1:{backend.port}",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        PYTHONWARNINGS="ignore::DeprecationWarning",  # Python 3.12 warns of forks beside threads
    )
    assert (done.stdout, done.stderr) == ("False False\n", "")
    assert len(backend.span_ids) == len(set(backend.span_ids)) == 5 + 8 * 5
