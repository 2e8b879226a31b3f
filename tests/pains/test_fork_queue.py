"""Spans that wait in the queue at a fork are lost or sent twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.scripts import assert_no_id_twice, run

if TYPE_CHECKING:
    from tests.support.otlp_sink import OtlpSink


def test_a_raw_fork_delivers_and_the_parent_s_queue_is_sent_once(sink: OtlpSink) -> None:
    run(
        """
        trace_some("parent", 10)
        if os.fork() == 0:
            trace_some("child", 10)
            sys.exit(0)
        os.wait()
        """,
        sink.endpoint,
    )
    assert_no_id_twice(sink, 20)
