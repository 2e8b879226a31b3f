"""The pytest plugin as its users run it: in a pytest of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry import trace

from tests.docs.blocks import blocks

pytest_plugins = ["pytester"]

# Those of others that take long to import.
OPTIONS = ["-W", "error", *(f"-pno:{name}" for name in ("cacheprovider", "benchmark", "hypothesispytest", "timeout"))]
TRACER = "from opentelemetry import trace\nimport pytest\ntracer = trace.get_tracer('shop')\n"


def run(pytester: pytest.Pytester, code: str) -> pytest.RunResult:
    pytester.makepyfile(TRACER + code)
    return pytester.runpytest_subprocess(*OPTIONS)


def test_spans_are_compared_as_a_tree(pytester: pytest.Pytester) -> None:
    done = run(
        pytester,
        """
def test_checkout(pyspan_spans):
    with tracer.start_as_current_span("checkout", kind=trace.SpanKind.SERVER, attributes={"order.items": 3, "x": 1}):
        with tracer.start_as_current_span("charge") as charge:
            charge.set_status(trace.StatusCode.ERROR, "declined")
            charge.add_event("retry")
    pyspan_spans.assert_tree('''
        checkout [SERVER] order.items=3
          charge [INTERNAL] ERROR: declined (retry)
    ''', "order.*")
""",
    )
    done.assert_outcomes(passed=1)


def test_a_tree_that_differs_is_shown_as_a_diff(pytester: pytest.Pytester) -> None:
    done = run(
        pytester,
        """
def test_checkout(pyspan_spans):
    with tracer.start_as_current_span("checkout"):
        tracer.start_span("refund").end()
    pyspan_spans.assert_tree('''
        checkout [INTERNAL]
          charge [INTERNAL]
    ''')
""",
    )
    done.assert_outcomes(failed=1)
    wanted = ["*the spans make another tree:", "*--- expected", "*+++ recorded"]
    done.stdout.fnmatch_lines(
        [*wanted, "*  checkout [[]INTERNAL]", "*-  charge [[]INTERNAL]", "*+  refund [[]INTERNAL]"]
    )
    done.stdout.no_fnmatch_line("*dedent*")


def test_ids_and_times_are_the_same_in_every_test(pytester: pytest.Pytester) -> None:
    done = run(
        pytester,
        """
@pytest.mark.parametrize("run", [1, 2])
def test_numbers(pyspan_spans, run):
    with tracer.start_as_current_span("outer"):
        with tracer.start_as_current_span("inner") as inner:
            inner.add_event("noted")
    tracer.start_span("next").end()
    ids = [(span.name, span.context.trace_id, span.context.span_id) for span in pyspan_spans]
    assert ids == [("inner", 1, 2), ("outer", 1, 1), ("next", 2, 3)]
    times = [(span.start_time // 10**6, span.end_time // 10**6) for span in pyspan_spans]
    assert times == [(2, 4), (1, 5), (6, 7)]
    assert pyspan_spans.named("inner").events[0].timestamp == 3 * 10**6
""",
    )
    done.assert_outcomes(passed=2)


def test_the_wall_clock_and_the_provider_of_before_are_back_after_the_test(pytester: pytest.Pytester) -> None:
    done = run(
        pytester,
        """
import time
from pyspan.sdk.trace import TracerProvider
own = TracerProvider()

def test_without_a_provider(pyspan_spans):
    assert trace.get_tracer_provider() is pyspan_spans.provider

def test_none_is_back():
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    assert not tracer.start_span("nobody records").is_recording()
    trace.set_tracer_provider(own)

def test_beside_a_provider(pyspan_spans):
    tracer.start_span("recorded here").end()
    assert [span.name for span in pyspan_spans] == ["recorded here"]

def test_it_is_back():
    assert trace.get_tracer_provider() is own
    span = tracer.start_span("recorded there")
    assert span.resource is own.resource
    assert abs(span.start_time / 1e9 - time.time()) < 3600
""",
    )
    done.assert_outcomes(passed=4)


def test_a_span_that_somebody_left_open_is_no_parent(pytester: pytest.Pytester) -> None:
    done = run(
        pytester,
        """
def test_leaves_one_open(pyspan_spans):
    from opentelemetry.context import attach
    attach(trace.set_span_in_context(tracer.start_span("left open")))
    pyspan_spans.allow_loss()

def test_starts_anew(pyspan_spans):
    tracer.start_span("first").end()
    assert pyspan_spans.named("first").parent is None
""",
    )
    done.assert_outcomes(passed=2)


def test_spans_that_are_lost_fail_the_test_with_the_reasons(pytester: pytest.Pytester) -> None:
    done = run(
        pytester,
        """
def test_loses(pyspan_spans):
    kept = tracer.start_span("never ends")
    late = tracer.start_span("late")
    pyspan_spans.provider.shutdown()
    late.end()
""",
    )
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(
        ["*spans were lost: 1 ended after the provider was shut down; 1 never ended (never ends)*allow_loss*"]
    )


def test_a_test_that_loses_spans_on_purpose_says_so(pytester: pytest.Pytester) -> None:
    done = run(
        pytester,
        """
def test_loses(pyspan_spans):
    tracer.start_span("never ends")
    pyspan_spans.allow_loss()
""",
    )
    done.assert_outcomes(passed=1)


def test_a_name_that_is_not_there_once_is_answered_with_the_tree(pytester: pytest.Pytester) -> None:
    done = run(
        pytester,
        """
def test_looks(pyspan_spans):
    tracer.start_span("checkout").end()
    pyspan_spans.named("charge")
""",
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*0 spans are named 'charge', not one:", "*checkout [[]INTERNAL]"])


def test_spans_of_threads_are_all_there_in_an_order_of_their_text(pytester: pytest.Pytester) -> None:
    done = run(
        pytester,
        """
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Barrier

def test_threads(pyspan_spans):
    together = Barrier(4)
    def work(number):
        together.wait()
        with tracer.start_as_current_span(f"part {number}"):
            for _ in range(100):
                tracer.start_span("step").end()
    with ThreadPoolExecutor(4) as pool, tracer.start_as_current_span("whole"):
        for done in [pool.submit(copy_context().run, work, number) for number in range(4)]:
            done.result()
    assert len({span.context.span_id for span in pyspan_spans}) == len(pyspan_spans) == 405
    parts = [f"  part {number} [INTERNAL]" + "\\n    step [INTERNAL]" * 100 for number in range(4)]
    pyspan_spans.assert_tree("\\n".join(["whole [INTERNAL]", *parts]), order="text")
""",
    )
    done.assert_outcomes(passed=1)


def test_async_tests_have_the_fixture_too(pytester: pytest.Pytester) -> None:
    done = run(
        pytester,
        """
import anyio

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
async def test_tasks(pyspan_spans):
    async def work(name):
        with tracer.start_as_current_span(name):
            await anyio.sleep(0)
    with tracer.start_as_current_span("whole"):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work, "left")
            tasks.start_soon(work, "right")
    pyspan_spans.assert_tree('''
        whole [INTERNAL]
          left [INTERNAL]
          right [INTERNAL]
    ''', order="text")
""",
    )
    done.assert_outcomes(passed=1)


def test_the_environment_changes_nothing(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,host.name=here")
    done = run(
        pytester,
        """
def test_records(pyspan_spans):
    tracer.start_span("checkout", attributes={"one": 1, "two": 2}).end()
    assert dict(pyspan_spans.named("checkout").attributes) == {"one": 1, "two": 2}
    assert dict(pyspan_spans.named("checkout").resource.attributes) == {"service.name": "tests"}
""",
    )
    done.assert_outcomes(passed=1)


def test_a_run_that_traces_nothing_imports_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
import sys

def test_imports(pytestconfig):
    assert pytestconfig.pluginmanager.has_plugin("pyspan")
    loaded = {name.partition(".")[0] for name in sys.modules if name.partition(".")[0] == "opentelemetry"}
    assert loaded | {name for name in sys.modules if name.startswith("pyspan")} == {
        "pyspan", "pyspan.testing", "pyspan.testing.plugin"
    }
""")
    done = pytester.runpytest_subprocess(*OPTIONS)
    done.assert_outcomes(passed=1)


def test_a_tree_deeper_than_the_stack_is_drawn(pytester: pytest.Pytester) -> None:
    done = run(
        pytester,
        """
def test_deep(pyspan_spans):
    context = None
    spans = []
    for _ in range(3_000):
        spans.append(tracer.start_span("down", context))
        context = trace.set_span_in_context(spans[-1])
    for span in spans:
        span.end()
    assert len(pyspan_spans.tree().splitlines()) == 3_000
""",
    )
    done.assert_outcomes(passed=1)


def test_the_guide_is_true(pytester: pytest.Pytester) -> None:
    example, by_hand = [block.code for block in blocks("python") if block.path.name == "testing.md"]
    pytester.makepyfile(test_example=example, test_by_hand=by_hand)
    done = pytester.runpytest_subprocess(*OPTIONS)
    done.assert_outcomes(passed=1)


def test_each_import_gives_the_function_that_draws() -> None:
    from pyspan.testing import captured
    from pyspan.testing import tree as draw

    with captured() as spans:
        spans.provider.get_tracer("shop").start_span("checkout").end()
    assert draw(spans) == "checkout [INTERNAL]"


def test_tests_that_run_in_threads_take_turns() -> None:
    from pyspan.testing import captured

    def run(number: int) -> list[str]:
        with captured() as spans:
            for _ in range(50):
                trace.get_tracer("shop").start_span(f"span of {number}").end()
            return [f"{span.name} {span.context.span_id}" for span in spans if span.context]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(run, range(8)))
    assert found == [[f"span of {number} {span_id}" for span_id in range(1, 51)] for number in range(8)]


def test_one_block_within_another_is_refused_and_harms_neither() -> None:
    from pyspan.testing import captured

    with captured() as outer:
        with pytest.raises(RuntimeError, match="running in this thread already"), captured():
            pass
        trace.get_tracer("shop").start_span("kept").end()
    outer.assert_tree("kept [INTERNAL]")
    with captured() as again:
        trace.get_tracer("shop").start_span("again").end()
    again.assert_tree("again [INTERNAL]")
