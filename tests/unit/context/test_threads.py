"""The context in threads, timers and pools, by one switch."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing.pool
import queue
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as context_api
from opentelemetry.instrumentation.threading import ThreadingInstrumentor

import pyspan
from pyspan.context import carried
from pyspan.context.attach import Attached
from pyspan.errors import ConfigurationError
from pyspan.sdk.trace import TracerProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

tracer = TracerProvider(shutdown_on_exit=False).get_tracer("x")
METHODS = [
    (threading.Thread, "start"),
    (threading.Thread, "run"),
    (threading.Timer, "run"),
    (ThreadPoolExecutor, "submit"),
]


def current() -> str:
    return str(getattr(trace.get_current_span(), "name", "none"))


class Subclass(threading.Thread):
    """A thread with a `run` of its own."""

    def __init__(self, put: Callable[[str], None]) -> None:
        super().__init__()
        self.put = put

    def run(self) -> None:
        self.put(current())


def by_thread() -> str:
    seen: queue.Queue[str] = queue.Queue()
    thread = threading.Thread(target=lambda: seen.put(current()))
    thread.start()
    thread.join()
    return seen.get(timeout=30)


def by_subclass() -> str:
    seen: queue.Queue[str] = queue.Queue()
    thread = Subclass(seen.put)
    thread.start()
    thread.join()
    return seen.get(timeout=30)


def by_timer() -> str:
    seen: queue.Queue[str] = queue.Queue()
    timer = threading.Timer(0, lambda: seen.put(current()))
    timer.start()
    timer.join()
    return seen.get(timeout=30)


def by_submit() -> str:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(current).result(30)


def by_map() -> str:
    with ThreadPoolExecutor(1) as pool:
        return next(pool.map(lambda _: current(), [1]))


def by_run_in_executor() -> str:
    async def main() -> str:
        return await asyncio.get_running_loop().run_in_executor(None, current)

    return asyncio.run(main())


def by_thread_pool() -> str:
    with multiprocessing.pool.ThreadPool(1) as pool:
        return str(pool.apply(current))


WAYS = [by_thread, by_subclass, by_timer, by_submit, by_map, by_run_in_executor, by_thread_pool]


@pytest.fixture
def switched_on() -> Iterator[None]:
    carried.carry()
    yield
    carried.leave()


@pytest.fixture
def package() -> Iterator[ThreadingInstrumentor]:
    package = ThreadingInstrumentor()
    yield package
    if package.is_instrumented_by_opentelemetry:
        package.uninstrument()


@pytest.mark.parametrize("way", WAYS)
def test_the_context_is_carried_where_the_switch_is_on(way: Callable[[], str], switched_on: None) -> None:
    with tracer.start_as_current_span("request"):
        assert way() == "request"
    assert way() == "none"


@pytest.mark.parametrize("way", WAYS)
def test_the_context_is_not_carried_where_the_switch_is_off(way: Callable[[], str]) -> None:
    with tracer.start_as_current_span("request"):
        assert way() == "none"


@pytest.mark.parametrize("way", ["to_thread", "task", "gather"])
def test_asyncio_carries_the_context_by_itself(way: str) -> None:
    async def work() -> str:
        return current()

    async def main() -> str:
        with tracer.start_as_current_span("request"):
            if way == "to_thread":
                return await asyncio.to_thread(current)
            if way == "task":
                return await asyncio.create_task(work())
            return (await asyncio.gather(work()))[0]

    assert asyncio.run(main()) == "request"


def test_a_span_in_a_thread_has_the_starter_s_span_as_parent_and_the_baggage_too(switched_on: None) -> None:
    def work() -> tuple[Any, object]:
        span: Any = tracer.start_span("work")
        return span.parent, baggage.get_baggage("tenant")

    with tracer.start_as_current_span("request") as span, ThreadPoolExecutor(1) as pool:
        with Attached(baggage.set_baggage("tenant", "blue")):
            future = pool.submit(work)
        assert future.result(30) == (span.get_span_context(), "blue")


def test_a_thread_of_a_pool_keeps_nothing_of_the_task_that_it_was_started_for(switched_on: None) -> None:
    with ThreadPoolExecutor(1) as pool:
        with tracer.start_as_current_span("first"):
            assert pool.submit(current).result(30) == "first"
        assert pool.submit(current).result(30) == "none"
    with tracer.start_as_current_span("first"):
        threads = multiprocessing.pool.ThreadPool(1)
    with threads:
        assert threads.apply(current) == "none"


def test_results_and_exceptions_of_tasks_are_theirs(switched_on: None) -> None:
    with tracer.start_as_current_span("request"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(divmod, 7, 2).result(30) == (3, 1)
        assert pool.submit(dict, a=1).result(30) == {"a": 1}
        with pytest.raises(ZeroDivisionError):
            pool.submit(divmod, 1, 0).result(30)


def test_a_thread_is_let_go_with_its_context_when_it_has_ended(switched_on: None) -> None:
    gc.collect()
    gc.disable()
    try:
        with tracer.start_as_current_span("request"):
            thread = Subclass(lambda _: None)
            thread.start()
            thread.join()
        known = weakref.ref(thread)
        del thread
        assert known() is None
    finally:
        gc.enable()


def test_a_thread_that_is_started_twice_is_refused_as_ever(switched_on: None) -> None:
    with tracer.start_as_current_span("request"):
        thread = threading.Thread(target=current)
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="threads can only be started once"):
            thread.start()
    assert "run" not in vars(thread)


def test_a_run_that_was_set_on_the_thread_itself_is_called_and_stays(switched_on: None) -> None:
    seen: list[str] = []

    def run() -> None:
        seen.append(current())

    thread = threading.Thread()
    vars(thread)["run"] = run
    with tracer.start_as_current_span("request"):
        thread.start()
        thread.join()
    assert (seen, thread.run) == (["request"], run)


def test_off_puts_back_what_was_there() -> None:
    before = [vars(owner)[name] for owner, name in METHODS]
    carried.carry()
    carried.carry()
    assert [vars(owner)[name] for owner, name in METHODS] != before
    carried.leave()
    assert [vars(owner)[name] for owner, name in METHODS] == before


def test_what_wraps_our_methods_meanwhile_stays_when_the_switch_goes_off(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    carried.carry()
    ours = threading.Thread.start

    def theirs(thread: threading.Thread) -> None:
        started.append(thread)
        ours(thread)

    monkeypatch.setattr(threading.Thread, "start", theirs)
    carried.leave()
    with tracer.start_as_current_span("request"):
        assert by_thread() == "none"
        carried.carry()
        assert by_thread() == "request"
    assert len(started) == 2
    monkeypatch.undo()
    carried.leave()
    assert vars(threading.Thread)["start"] is not ours


@pytest.mark.parametrize("first", ["package", "pyspan"])
@pytest.mark.parametrize("way", [by_thread, by_timer, by_submit, by_map])
def test_beside_opentelemetry_s_package_nothing_is_done_twice(
    way: Callable[[], str], first: str, package: ThreadingInstrumentor, monkeypatch: pytest.MonkeyPatch
) -> None:
    package.instrument()
    alone = attached_by(way, monkeypatch)
    package.uninstrument()
    steps = [package.instrument, carried.carry]
    for step in steps if first == "package" else reversed(steps):
        step()
    try:
        assert attached_by(way, monkeypatch) == alone
    finally:
        package.uninstrument()
        carried.leave()


def test_beside_opentelemetry_s_package_the_rest_is_carried_by_us(package: ThreadingInstrumentor) -> None:
    package.instrument()
    carried.carry()
    try:
        with tracer.start_as_current_span("request"):
            assert (by_subclass(), by_thread_pool()) == ("request", "request")
    finally:
        carried.leave()


def attached_by(way: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Count how often the request's context is made current elsewhere."""
    attached: list[object] = []
    attach = context_api.attach

    def count(context: Any) -> Any:
        attached.append(context)
        return attach(context)

    with tracer.start_as_current_span("request"), monkeypatch.context() as patched:
        patched.setattr(context_api, "attach", count)
        assert way() == "request"
    return len(attached)


def test_configure_switches_on_and_shutdown_off(unconfigured: None) -> None:
    pyspan.configure(exporter="none", propagate_threads=True)
    with tracer.start_as_current_span("request"):
        assert by_thread() == "request"
        pyspan.shutdown()
        assert by_thread() == "none"


def test_a_variable_switches_on(unconfigured: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSPAN_PROPAGATE_THREADS", "true")
    pyspan.configure(exporter="none")
    assert carried.is_carried()
    pyspan.shutdown()
    pyspan.configure(exporter="none", propagate_threads=False)
    assert not carried.is_carried()


def test_a_switch_that_is_none_is_refused(unconfigured: None) -> None:
    with pytest.raises(ConfigurationError, match=r"propagate_threads='yes' in pyspan.configure\(\) .* True or False"):
        pyspan.configure(exporter="none", propagate_threads="yes")  # type: ignore[arg-type]  # that is the test


def test_pyspan_s_own_threads_carry_nothing(switched_on: None) -> None:
    with tracer.start_as_current_span("request"):
        seen: queue.Queue[str] = queue.Queue()
        threading.Thread(target=lambda: seen.put(current()), name="pyspan-worker").start()
        assert seen.get(timeout=30) == "none"
