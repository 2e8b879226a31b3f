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
