"""A server that forks in C, as uWSGI does, calls no hook of Python's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.scripts import assert_no_id_twice, run, spans

if TYPE_CHECKING:
    from tests.support.otlp_sink import OtlpSink


def test_a_fork_in_c_is_noticed_by_the_next_span(sink: OtlpSink) -> None:
    run(
        """
        import ctypes
        trace_some("parent", 5)
        pyspan.force_flush()  # a thread that is importing modules meanwhile would leave its lock to the child for good
        if ctypes.PyDLL(None).fork() == 0:  # as uWSGI forks: no hook of Python's is called
            trace_some("child", 5)
            pyspan.force_flush()
            os._exit(0)
        os.wait()
        """,
        sink.endpoint,
    )
    assert_no_id_twice(sink, 10)
    assert len({instance for instance, _ in spans(sink)}) == 2
