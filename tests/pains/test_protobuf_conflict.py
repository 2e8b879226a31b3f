"""Packages of the application that want another protobuf or gRPC than the tracer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.scripts import assert_no_id_twice, run

if TYPE_CHECKING:
    from tests.support.otlp_sink import OtlpSink

WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(["google", "google.protobuf", "grpc", "opentelemetry.proto"]))  # as if not installed
"""


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_spans_are_exported_where_neither_protobuf_nor_grpc_can_be_imported(sink: OtlpSink, compression: str) -> None:
    done = run("trace_some('x', 10)", sink.endpoint, before=WITHOUT, OTEL_EXPORTER_OTLP_COMPRESSION=compression)
    assert done.stderr == ""
    assert_no_id_twice(sink, 10)
