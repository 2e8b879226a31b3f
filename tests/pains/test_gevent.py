"""Deadlocks under gevent's monkey-patching."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.scripts import assert_no_id_twice, run

if TYPE_CHECKING:
    from tests.support.otlp_sink import OtlpSink


def test_greenlets_of_gevent_deliver_their_spans(sink: OtlpSink) -> None:
    done = run(
        """
        import gevent
        gevent.joinall([gevent.spawn(trace_some, f"greenlet {n}", 20) for n in range(5)], raise_error=True)
        """,
        sink.endpoint,
        before="from gevent import monkey\nmonkey.patch_all()\n",
    )
    assert done.stderr == ""
    assert_no_id_twice(sink, 100)


def test_threads_that_gevent_has_patched_carry_the_context_by_the_switch(sink: OtlpSink) -> None:
    run(
        """
        import threading
        from concurrent.futures import ThreadPoolExecutor
        from pyspan.context import carried
        carried.carry()
        seen = []
        with tracer.start_as_current_span("request") as request:
            thread = threading.Thread(target=lambda: seen.append(trace.get_current_span()))
            thread.start()
            thread.join()
            with ThreadPoolExecutor(1) as pool:
                seen.append(pool.submit(trace.get_current_span).result())
        assert seen == [request, request], seen
        carried.leave()
        """,
        sink.endpoint,
        before="from gevent import monkey\nmonkey.patch_all()\n",
    )
    assert_no_id_twice(sink, 1)
