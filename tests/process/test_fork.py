"""Processes forked after the start trace as their parent does: nothing is lost, sent twice, or given an id twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.otlp_sink import OtlpSink
from tests.support.scripts import assert_no_id_twice, names, run, spans

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink
        assert not sink.violations


def test_processes_of_multiprocessing_deliver_their_spans(sink: OtlpSink) -> None:
    done = run(
        """
        trace_some("parent before", 3)
        context = multiprocessing.get_context("fork")
        children = [context.Process(target=trace_some, args=(f"child {n}", 50)) for n in range(4)]
        for child in children: child.start()
        for child in children: child.join()
        assert all(child.exitcode == 0 for child in children)
        trace_some("parent after", 3)
        """,
        sink.endpoint,
    )
    assert done.stderr == ""
    assert_no_id_twice(sink, 206)
    assert len({instance for instance, _ in spans(sink)}) == 5


def test_a_pool_that_is_terminated_delivers_what_its_workers_ended(sink: OtlpSink) -> None:
    run(
        """
        with multiprocessing.get_context("fork").Pool(2) as pool:
            pool.starmap(trace_some, [(f"task {n}", 5) for n in range(8)])
        """,
        sink.endpoint,
    )
    assert_no_id_twice(sink, 40)


def test_a_process_pool_executor_delivers_what_its_workers_ended(sink: OtlpSink) -> None:
    run(
        """
        from concurrent.futures import ProcessPoolExecutor
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
            list(pool.map(trace_some, [f"task {n}" for n in range(8)], [5] * 8))
        """,
        sink.endpoint,
    )
    assert_no_id_twice(sink, 40)


def test_tracing_that_starts_in_the_worker_itself_delivers(sink: OtlpSink) -> None:
    run(
        """
        pyspan.shutdown()
        def work():
            pyspan.configure("worker")
            with trace.get_tracer("new").start_as_current_span("inside"): pass
        child = multiprocessing.get_context("fork").Process(target=work)
        child.start(); child.join()
        """,
        sink.endpoint,
    )
    assert names(sink) == ["inside"]


def test_a_span_belongs_to_the_process_that_started_it_though_a_forked_child_ends_it_too(sink: OtlpSink) -> None:
    run(
        """
        with tracer.start_as_current_span("around"):
            child = os.fork()
            with tracer.start_as_current_span("child" if child == 0 else "parent"):
                pass
        stats = pyspan.stats()
        assert (stats["live"], stats["left_to_parent"]) == (0, 1 if child == 0 else 0)
        if child: assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
        """,
        sink.endpoint,
    )
    assert names(sink) == ["around", "child", "parent"]
    around, child, parent = sorted((span for _, span in spans(sink)), key=lambda span: span.name)
    assert child.parent_span_id == parent.parent_span_id == around.span_id


def test_ids_of_a_child_are_its_own_also_without_a_queue(sink: OtlpSink) -> None:
    run(
        """
        from pyspan.sdk.trace import TracerProvider
        tracer = TracerProvider(shutdown_on_exit=False).get_tracer("no exporter")
        tracer.start_span("seeds the generator")
        reading, writing = os.pipe()
        child = os.fork()
        os.write(writing, b"%032x" % tracer.start_span("x").get_span_context().trace_id)
        if child == 0: os._exit(0)
        os.wait()
        ids = os.read(reading, 64)
        assert len(ids) == 64
        assert ids[:32] != ids[32:]
        """,
        sink.endpoint,
    )


def test_a_python_exporter_works_in_the_child(sink: OtlpSink) -> None:
    done = run(
        """
        from pyspan.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
        provider = trace.get_tracer_provider()
        provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(formatter=lambda s: s.name + "\\n")))
        trace_some("parent", 2)
        if os.fork() == 0:
            trace_some("child", 2)
            sys.exit(0)
        os.wait()
        """,
        sink.endpoint,
    )
    assert sorted(done.stdout.split("\n")) == ["", "child 0", "child 1", "parent 0", "parent 1"]


def test_a_forked_child_counts_its_spans_anew(sink: OtlpSink) -> None:
    run(
        """
        trace_some("parent", 3)
        tracer.start_span("dropped")
        pyspan.force_flush()
        with tracer.start_as_current_span("around"):
            child = os.fork()
            if child == 0:
                trace_some("child", 2)
                tracer.start_span("dropped")
        stats = pyspan.stats()
        names = [(each["name"], each["spans"]) for each in stats["unended_by_name"]]
        counts = [stats[name] for name in ("started", "sampled", "ended", "unended", "live", "left_to_parent")]
        assert names == [("dropped", 1)], names
        assert counts == ([3, 3, 2, 1, 0, 1] if child == 0 else [5, 5, 4, 1, 0, 0]), counts
        if child: assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
        """,
        sink.endpoint,
    )


def test_metrics_and_open_spans_of_a_forked_child_are_its_own(sink: OtlpSink) -> None:
    run(
        """
        def metrics():
            data = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
            return {metric.name: sum(point.value for point in metric.data.data_points)
                    for metric in data if metric.name.startswith(("otel.sdk.span", "otel.sdk.exporter.span"))}

        with tracer.start_as_current_span("around"):
            trace_some("parent", 3)
            pyspan.force_flush()
            child = os.fork()
            if child == 0:
                with tracer.start_as_current_span("of the child"):
                    deadline = time.monotonic() + 30
                    while pyspan.stats()["snapshots"] == 0:
                        assert time.monotonic() < deadline
                        time.sleep(0.01)
                    read = metrics()
                    assert (read["otel.sdk.span.started"], read["otel.sdk.span.live"]) == (1, 1), read
                    assert read["otel.sdk.exporter.span.exported"] == 0, read
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
        assert metrics()["otel.sdk.span.started"] == 4
        """,
        sink.endpoint,
        before="""
from opentelemetry import metrics as api
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
api.set_meter_provider(MeterProvider([reader]))
""",
        PYSPAN_EXPORT_OPEN_SPANS_AFTER="0.1",
        OTEL_BSP_SCHEDULE_DELAY="60000",
    )


FILE = """
file_format: "1.1"
resource:
  attributes: [%s]
  detection/development: {%s}
tracer_provider: {processors: [{batch: {exporter: {otlp_http: {endpoint: %s/v1/traces}}}}]}
"""
COMPARED = """
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            trace_some("child", 1)
            os.write(writing, repr(dict(trace.get_tracer_provider().resource.attributes)).encode())
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
        mine, theirs = dict(trace.get_tracer_provider().resource.attributes), eval(os.read(reading, 65536))
        """


@pytest.mark.parametrize(
    ("detectors", "own"),
    [
        ("detectors: []", []),
        ("detectors: [{process: }]", ["process.parent_pid", "process.pid"]),
        ("detectors: [{service: }]", ["service.instance.id"]),
        ("detectors: [{process: }, {service: }], attributes: {excluded: [process.*]}", ["service.instance.id"]),
    ],
)
def test_under_a_file_a_forked_child_has_the_attributes_of_its_parent_and_what_differs_is_detected_anew(
    sink: OtlpSink, tmp_path: Path, detectors: str, own: list[str]
) -> None:
    file = tmp_path / "otel.yaml"
    file.write_text(FILE % ("{name: team, value: a}", detectors, sink.endpoint))
    run(
        f"""{COMPARED}
        assert mine.keys() == theirs.keys(), (mine, theirs)
        assert sorted(key for key in mine if mine[key] != theirs[key]) == {own}, (mine, theirs)
        """,
        sink.endpoint,
        OTEL_CONFIG_FILE=str(file),
        OTEL_EXPERIMENTAL_RESOURCE_DETECTORS="process",
    )


def test_under_a_file_a_forked_child_keeps_what_the_file_and_code_have_set(sink: OtlpSink, tmp_path: Path) -> None:
    file = tmp_path / "otel.yaml"
    written = "{name: service.instance.id, value: blue}"
    file.write_text(FILE % (written, "detectors: [{service: }, {process: }]", sink.endpoint))
    run(
        f"""
        pyspan.shutdown()
        pyspan.configure(resource={{"process.pid": 1}})
        tracer = trace.get_tracer("again")
        {COMPARED.strip()}
        assert (theirs["service.instance.id"], theirs["process.pid"]) == ("blue", 1)
        assert mine["process.parent_pid"] != theirs["process.parent_pid"]
        """,
        sink.endpoint,
        OTEL_CONFIG_FILE=str(file),
    )
