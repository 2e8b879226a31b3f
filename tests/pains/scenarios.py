"""What users complain about, as scripts that run over pyspan and over opentelemetry-sdk, with what each makes of them.

Where both make the same of one, opentelemetry-sdk has no such pain any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.pains.both import Ran, silent
from tests.support.otlp_sink import OK, Answer, SinkRequest

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SCENARIOS", "Scenario"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A script, what is looked at when it has run, and what that is over pyspan and over opentelemetry-sdk."""

    slug: str
    code: str
    found: Callable[[Ran], object]
    ours: object
    theirs: object
    rule: Callable[[SinkRequest], Answer] = lambda _: OK
    before: str = ""
    environ: tuple[tuple[str, str], ...] = ()


def said(ran: Ran) -> Any:
    return ran.said


def delivered(ran: Ran) -> int:
    return ran.delivered


LATE = (("OTEL_BSP_SCHEDULE_DELAY", "600000"),)
GEVENT = "from gevent import monkey\nmonkey.patch_all()\n"
NO_PROTOBUF = "import sys\nsys.modules.update(dict.fromkeys(['google', 'google.protobuf', 'opentelemetry.proto']))\n"
# An exporter that waits until it is told to go on, as one does whose backend is slow.
GATE = """
class Gate(SpanExporter):
    def __init__(self):
        self.taken, self.open = 0, threading.Event()

    def export(self, spans):
        self.open.wait(30)
        self.taken += len(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self):
        pass
"""
LIMIT = 100_000


def limited(request: SinkRequest) -> Answer:
    return OK if len(request.body) <= LIMIT else Answer(status=413)


TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TWO = [f"00-{TRACE}-{SPAN}-01", f"00-{'1' * 32}-{SPAN}-01"]  # the header given twice

SCENARIOS = [
    Scenario(
        "silent_drop",
        GATE
        + """
import re
lines = []
class Lines(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())
logging.getLogger().addHandler(Lines())
gate = Gate()
use(BatchSpanProcessor(gate, max_queue_size=20, max_export_batch_size=10), shutdown_on_exit=False)
trace_some("x", 1000)
gate.open.set()
provider.shutdown()
told = sum(int(count) for line in lines for count in re.findall(r"(\\d+) spans dropped", line))
say([gate.taken < 1000, gate.taken + told == 1000])
""",
        said,
        ours=[True, True],
        theirs=[True, False],
    ),
    Scenario(
        "drain_between_ticks",
        GATE
        + """
gate = Gate()
use(BatchSpanProcessor(gate, max_export_batch_size=512))
trace_some("x", 20 * 512)
gate.open.set()
provider.shutdown()
say(gate.taken)
""",
        lambda ran: ran.said == 20 * 512,
        ours=True,
        theirs=False,
        environ=LATE,
    ),
    Scenario(
        "raw_fork",
        """
        import ctypes
        use()
        trace_some("parent", 5)
        provider.force_flush()
        if ctypes.PyDLL(None).fork() == 0:
            trace_some("child", 5)
            provider.force_flush()
            os._exit(0)
        os.wait()
        """,
        lambda ran: (ran.delivered, ran.instances),
        ours=(10, 2),
        theirs=(10, 1),
    ),
    Scenario(
        "fork_queue",
        """
        use()
        trace_some("parent", 10)
        if os.fork() == 0:
            trace_some("child", 10)
            sys.exit(0)
        os.wait()
        """,
        lambda ran: (ran.delivered, sum(ran.sink.delivered().values())),
        ours=(20, 20),
        theirs=(20, 20),
    ),
    Scenario(
        "gevent",
        """
        import gevent
        use()
        gevent.joinall([gevent.spawn(trace_some, f"greenlet {n}", 20) for n in range(5)], raise_error=True)
        """,
        lambda ran: (ran.delivered, ran.stderr),
        ours=(100, ""),
        theirs=(100, ""),
        before=GEVENT,
    ),
    Scenario(
        "shutdown_hang",
        """
        use()
        trace_some("last", 2_000)
        say(time.monotonic())
        """,
        lambda ran: ran.ended - ran.said < 13,
        ours=True,
        theirs=False,
        rule=silent,
    ),
    Scenario(
        "request_stall",
        """
        use(BatchSpanProcessor(OTLPSpanExporter(), max_queue_size=1_000, max_export_batch_size=100))
        begun = time.monotonic()
        trace_some("x", 20_000)
        say(time.monotonic() - begun < 25)
        os._exit(0)
        """,
        said,
        ours=True,
        theirs=True,
        rule=silent,
    ),
    Scenario(
        "flush_timeout",
        """
        use()
        trace_some("x", 1)
        begun = time.monotonic()
        flushed = provider.force_flush(300)
        say([flushed, time.monotonic() - begun < 5])
        os._exit(0)
        """,
        said,
        ours=[False, True],
        theirs=[True, False],
        rule=silent,
    ),
    Scenario(
        "async_generator_detach",
        """
        import asyncio
        use()
        async def stream():
            with tracer.start_as_current_span("stream"):
                yield 1
        async def main():
            generator = stream()
            await asyncio.create_task(generator.__anext__())
            await asyncio.create_task(generator.aclose())
        asyncio.run(main())
        """,
        lambda ran: "Failed to detach context" in ran.stderr,
        ours=False,
        theirs=True,
    ),
    Scenario(
        "thread_context",
        """
        use()
        carry()
        seen = []
        with tracer.start_as_current_span("request") as request:
            thread = threading.Thread(target=lambda: seen.append(trace.get_current_span() is request))
            thread.start()
            thread.join()
        say(seen)
        """,
        said,
        ours=[True],
        theirs=[False],
    ),
    Scenario(
        "process_pool",
        """
        use()
        carry()
        def work():
            return trace.get_current_span().get_span_context().trace_id
        with multiprocessing.get_context("fork").Pool(1) as pool:
            with tracer.start_as_current_span("request") as request:
                say(pool.apply(work) == request.get_span_context().trace_id)
        """,
        said,
        ours=True,
        theirs=False,
    ),
    Scenario(
        "celery_recycle",
        """
        use()
        with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
            for number in range(5):
                pool.apply(trace_some, (f"task {number}", 1))
            pool.close()
            pool.join()
        """,
        delivered,
        ours=5,
        theirs=0,
        environ=LATE,
    ),
    Scenario(
        "serverless_flush",
        """
        use()
        @flush_on_return
        def handler():
            trace_some("work", 1)
        handler()
        os._exit(0)  # frozen for good
        """,
        delivered,
        ours=1,
        theirs=0,
    ),
    Scenario(
        "cold_start",
        """
        use()
        heavy = {"asyncio", "google.protobuf", "opentelemetry.semconv", "requests", "ssl", "urllib3"}
        say(sorted(heavy & set(sys.modules)))
        """,
        said,
        ours=[],
        theirs=["google.protobuf", "opentelemetry.semconv", "requests", "ssl", "urllib3"],
    ),
    Scenario(
        "protobuf_conflict",
        """
        use()
        trace_some("x", 10)
        """,
        delivered,
        ours=10,
        theirs=0,
        before=NO_PROTOBUF,
    ),
    Scenario(
        "unended_leak",
        """
        use()
        for _ in range(3):
            tracer.start_span("query")
        """,
        lambda ran: "query" in ran.stderr,
        ours=True,
        theirs=False,
    ),
    Scenario(
        "backend_down_growth",
        """
        def resident():
            return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")
        def flood(count):
            for number in range(count):
                with tracer.start_as_current_span("x", attributes={"payload": f"{number:100000}"}):
                    pass
        use(shutdown_on_exit=False)
        flood(10)
        before = resident()
        flood(2_000)
        say(resident() - before < 80 << 20)
        os._exit(0)
        """,
        said,
        ours=True,
        theirs=False,
        rule=silent,
    ),
    Scenario(
        "huge_trace",
        """
        use()
        with tracer.start_as_current_span("whole"):
            for _ in range(1_999):
                tracer.start_span("part", attributes={"payload": "x" * 512}).end()
        """,
        delivered,
        ours=2_000,
        theirs=0,
        rule=limited,
    ),
    Scenario(
        "silent_truncation",
        """
        use(span_limits=SpanLimits(max_span_attributes=1, max_attribute_length=4))
        for _ in range(3):
            tracer.start_span("pay", attributes={"first": 1, "body": "long text"}).end()
        """,
        lambda ran: ("'body'" in ran.stderr, "'pay'" in ran.stderr),
        ours=(True, True),
        theirs=(False, False),
    ),
    Scenario(
        "inflight_lost",
        """
        use(**OPEN_SPANS)
        span = tracer.start_span("nightly job")
        deadline = time.monotonic() + 10
        while not has_exported() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(os.getpid(), 9)
        """,
        delivered,
        ours=1,
        theirs=0,
        environ=(("OTEL_BSP_SCHEDULE_DELAY", "50"),),
    ),
    Scenario(
        "snapshot_ids",
        """
        import ctypes
        use(shutdown_on_exit=False)
        trace_some("seeds the generator", 1)
        reading, writing = os.pipe()
        for _ in range(2):
            if ctypes.PyDLL(None).fork() == 0:  # calls no hook of Python's, as a cloned machine
                os.write(writing, tracer.start_span("x").get_span_context().trace_id.to_bytes(16, "big"))
                os._exit(0)
            os.wait()
        say(os.read(reading, 16) != os.read(reading, 16))
        """,
        said,
        ours=True,
        theirs=False,
    ),
    Scenario(
        "remote_flag",
        f"""
        TRACE, SPAN = "{TRACE}", "{SPAN}"
        valid = [f"00-{{TRACE}}-{{SPAN}}-01", f"00-{{TRACE}}-{{SPAN}}-ff", f"01-{{TRACE}}-{{SPAN}}-01",
                 f"cc-{{TRACE}}-{{SPAN}}-01-what-is-to-come"]
        invalid = ["", f"00-{{TRACE}}-{{SPAN}}", f"00-{{TRACE}}-{{SPAN}}-1", f"00-{{TRACE}}-{{SPAN}}-0x",
                   f"00-{{TRACE}}-{{SPAN}}-01-more", f"01-{{TRACE}}-{{SPAN}}-01more", f"ff-{{TRACE}}-{{SPAN}}-01",
                   f"00-{{TRACE.upper()}}-{{SPAN}}-01", f"00-{{'0' * 32}}-{{SPAN}}-01", f"00-{{TRACE}}-{{'0' * 16}}-01",
                   {TWO}]
        def is_followed(header):
            context = TraceContextTextMapPropagator().extract({{"traceparent": header}})
            return trace.get_current_span(context).get_span_context().is_valid
        refused = [header for header in valid if not is_followed(header)]
        say(refused + [header for header in invalid if is_followed(header)])
        """,
        said,
        ours=[],
        theirs=[TWO],
    ),
]
