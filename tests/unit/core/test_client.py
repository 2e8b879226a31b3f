"""The native OTLP client as Python sees it: replies, callbacks, signals, forks and the end of the interpreter."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from concurrent import futures
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING

import pytest

from pyspan._core import Batch, OtlpClient
from tests.support.otlp_messages import make_request
from tests.support.otlp_sink import Answer, OtlpSink, partial_success

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from pyspan._core import OtlpReply

    Compression = Literal["none", "gzip", "zstd"]


def client_of(endpoint: str, compression: Compression = "none") -> OtlpClient:
    return OtlpClient(endpoint, protocol="http/protobuf", headers={"x-tenant": "blue"}, compression=compression)


def url_of(sink: OtlpSink) -> str:
    return f"{sink.endpoint}/v1/traces"


def batch_of(spans: int) -> Batch:
    return Batch.parse(make_request(spans)[0])


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as running:
        yield running
        assert running.violations == []


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_an_export_arrives_whole_with_its_headers(sink: OtlpSink, compression: Compression) -> None:
    data, keys = make_request(20)
    reply = client_of(url_of(sink), compression).export(Batch.parse(data), 5.0)
    assert (reply.kind, reply.code, reply.rejected_spans, reply.retry_after) == ("ok", 200, 0, None)
    (request,) = sink.requests
    assert list(request.span_ids) == keys
    assert request.headers["x-tenant"] == "blue"
    assert request.headers["user-agent"].startswith("pyspan/")
    assert int(request.headers["content-length"]) == reply.sent_bytes


def test_a_refusal_and_its_pause_are_reported(sink: OtlpSink) -> None:
    sink.answer_next(Answer(503, headers={"Retry-After": "7"}), partial_success(3, "too old"))
    client = client_of(url_of(sink))
    refused = client.export(batch_of(5), 5.0)
    assert (refused.kind, refused.code, refused.retry_after) == ("http", 503, 7.0)
    partial = client.export(batch_of(5), 5.0)
    assert (partial.kind, partial.rejected_spans, partial.message) == ("ok", 3, "too old")


def test_a_submitted_batch_calls_back_from_the_runtime_thread(sink: OtlpSink) -> None:
    done: Queue[tuple[OtlpReply, int]] = Queue()
    client_of(url_of(sink)).submit(batch_of(3), 5.0, lambda reply: done.put((reply, threading.get_native_id())))
    reply, thread = done.get(timeout=5)
    assert reply.kind == "ok"
    assert Path(f"/proc/self/task/{thread}/comm").read_text() == "pyspan-io\n"


def test_a_callback_that_raises_harms_nobody(sink: OtlpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    unraisable: Queue[object] = Queue()
    monkeypatch.setattr(sys, "unraisablehook", lambda event: unraisable.put(str(event.exc_value)))
    client = client_of(url_of(sink))
    client.submit(batch_of(1), 5.0, lambda reply: 1 / 0)
    assert unraisable.get(timeout=5) == "division by zero"
    assert client.export(batch_of(1), 5.0).kind == "ok"


def test_a_cancelled_call_is_never_heard_of_again(sink: OtlpSink) -> None:
    sink.answer_next(Answer(delay=0.3))
    replies: list[OtlpReply] = []
    client = client_of(url_of(sink))
    client.submit(batch_of(1), 5.0, replies.append).cancel()
    assert client.export(batch_of(1), 5.0).kind == "ok"
    time.sleep(0.5)
    assert replies == []


def test_a_timeout_is_kept(sink: OtlpSink) -> None:
    sink.answer_next(Answer(delay=3.0))
    begun = time.monotonic()
    reply = client_of(url_of(sink)).export(batch_of(1), 0.2)
    assert reply.kind == "timeout"
    assert time.monotonic() - begun < 1.0


def test_a_blocking_export_lets_other_threads_run(sink: OtlpSink) -> None:
    sink.answer_next(Answer(delay=0.5))
    ticks = 0
    with futures.ThreadPoolExecutor() as pool:
        export = pool.submit(client_of(url_of(sink)).export, batch_of(1), 5.0)
        while not export.done():
            ticks += 1
            time.sleep(0.01)
    assert ticks > 10


def test_a_blocking_export_is_interrupted_by_a_signal(sink: OtlpSink) -> None:
    def interrupt(*_: object) -> None:
        raise InterruptedError

    sink.answer_next(Answer(delay=5.0))
    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    begun = time.monotonic()
    try:
        with pytest.raises(InterruptedError):
            client_of(url_of(sink)).export(batch_of(1), 10.0)
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert time.monotonic() - begun < 1.0


def test_a_client_goes_on_after_close(sink: OtlpSink) -> None:
    client = client_of(url_of(sink))
    client.close()
    assert client.export(batch_of(1), 5.0).kind == "ok"


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("localhost:4318", "expected http://, https:// or unix://"),
        ("http://", "empty host"),
    ],
)
def test_a_bad_endpoint_is_named(endpoint: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        client_of(endpoint)
    assert repr(endpoint).replace("'", '"') in str(error.value)


def test_a_bad_timeout_is_named() -> None:
    for timeout in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="timeout"):
            client_of("http://127.0.0.1:1").export(batch_of(1), timeout)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="forking with threads warns from 3.12 on")
def test_a_forked_child_exports_over_connections_of_its_own(sink: OtlpSink) -> None:
    client, batch = client_of(url_of(sink)), batch_of(1)
    assert client.export(batch, 5.0).kind == "ok"
    children = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            ok = client.export(batch, 5.0).kind == "ok" and client.export(batch, 5.0).kind == "ok"
            os._exit(0 if ok else 1)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    assert client.export(batch, 5.0).kind == "ok"
    assert len(sink.requests) == 8


def test_a_fork_within_an_export_harms_neither_side(sink: OtlpSink) -> None:
    script = f"""
        import os, threading
        from pyspan._core import Batch, OtlpClient
        client = OtlpClient({url_of(sink)!r}, protocol="http/protobuf", headers={{}}, compression="none")
        batch = Batch.parse({make_request(1)[0]!r})
        stop = threading.Event()
        def export():
            while not stop.is_set():
                assert client.export(batch, 5.0).kind == "ok"
        threads = [threading.Thread(target=export) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                os._exit(0 if client.export(batch, 5.0).kind == "ok" else 1)
            assert os.waitpid(pid, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        print("whole")
    """
    assert run_python(script, "-W", "ignore") == (0, "whole\n", "")


def test_the_interpreter_ends_while_calls_are_under_way(sink: OtlpSink) -> None:
    sink.rule = lambda request: Answer(delay=0.02)
    script = f"""
        from pyspan._core import Batch, OtlpClient
        client = OtlpClient({url_of(sink)!r}, protocol="http/protobuf", headers={{}}, compression="none")
        batch = Batch.parse({make_request(1)[0]!r})
        def again(reply):
            client.submit(batch, 5.0, again)
        for _ in range(8):
            client.submit(batch, 5.0, again)
        print("ending")
    """
    for _ in range(10):
        assert run_python(script) == (0, "ending\n", "")


def run_python(script: str, *flags: str) -> tuple[int, str, str]:
    command = [sys.executable, *flags, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_plain_http_server_is_no_grpc_backend(sink: OtlpSink) -> None:
    endpoint = sink.endpoint
    reply = OtlpClient(endpoint, protocol="grpc", headers={}, compression="none").export(batch_of(1), 5.0)
    assert reply.kind == "transport"


def test_a_name_that_does_not_resolve_is_a_transport_failure() -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("nowhere.invalid", 4318)
    reply = client_of("http://nowhere.invalid:4318/v1/traces").export(batch_of(1), 5.0)
    assert reply.kind == "transport"
    assert reply.message
