"""The OTLP exporter against a real HTTP server, under the worker."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from pyspan._core import Batch
from pyspan.config import BatchSettings, OtlpSettings, RetrySettings
from pyspan.errors import ConfigurationError, PermanentError, RetryableError
from pyspan.pipeline.background import BackgroundWorker
from pyspan.pipeline.otlp import OtlpExporter
from pyspan.pipeline.settings import WorkerSettings
from pyspan.pipeline.stats import Stats
from pyspan.pipeline.worker import Worker
from tests.support.otlp_sink import RESET, Answer, OtlpSink, partial_success
from tests.support.ports import free_port
from tests.unit.pipeline.fakes import FakeSource
from tests.unit.pipeline.tracing import make_queue, make_spans, make_tracer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.otlp_sink import SinkRequest

QUICK = RetrySettings(first_pause=0.01, longest_pause=0.01, give_up_after=None)


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink
    assert sink.violations == []


def settings_of(sink: OtlpSink) -> OtlpSettings:
    return OtlpSettings(endpoint=f"{sink.endpoint}/v1/traces")


def real_batch(spans: int) -> Batch:
    queue = make_queue(batch_spans=spans)
    make_spans(make_tracer(queue), spans)
    batch = queue.take()
    assert batch is not None
    return batch


async def ship(sink: OtlpSink, *batches: Batch, retry: RetrySettings = QUICK) -> tuple[Stats, list[Batch]]:
    """Run a worker over the batches; return its counts and what it set aside."""
    stats, dead = Stats("otlp"), list[Batch]()
    exporter = OtlpExporter(settings_of(sink), stats)
    source = FakeSource(batches)

    async def set_aside(refused: Batch, _: PermanentError) -> bool:
        dead.append(refused)
        return True

    await Worker(source, exporter, stats, retry=retry, dead_letter=set_aside).run()
    await exporter.aclose()
    assert source.acked[-1] == len(batches)
    return stats, dead


@pytest.mark.anyio
async def test_batches_arrive_whole(sink: OtlpSink) -> None:
    batches = [real_batch(100) for _ in range(8)]
    stats, _ = await ship(sink, *batches)
    assert sink.delivered() == Counter(pair for batch in batches for pair in batch.span_ids())
    assert (stats.exported, stats.batches, stats.failures) == (800, 8, {})


@pytest.mark.anyio
async def test_busy_resetting_and_failing_answers_are_repeated_until_the_batch_is_in(sink: OtlpSink) -> None:
    batch = real_batch(10)
    sink.answer_next(RESET, Answer(503, headers={"Retry-After": "0"}), Answer(429), Answer(502))
    stats, _ = await ship(sink, batch)
    assert sink.delivered() == Counter(batch.span_ids())
    assert stats.failures == {"http_503": 1, "transport": 1, "http_429": 1, "http_502": 1}
    assert stats.retried == 40


@pytest.mark.anyio
async def test_a_retry_after_in_seconds_is_waited_for(sink: OtlpSink) -> None:
    sink.answer_next(Answer(503, headers={"Retry-After": "1"}))
    await ship(sink, real_batch(1))
    first, second = sink.requests
    assert second.received_at - first.received_at >= 1.0


@pytest.mark.anyio
async def test_a_partial_success_is_counted_and_not_sent_again(sink: OtlpSink) -> None:
    sink.answer_next(partial_success(3))
    stats, _ = await ship(sink, real_batch(10))
    assert len(sink.requests) == 1
    assert (stats.exported, stats.rejected) == (7, 3)


@pytest.mark.anyio
async def test_more_rejected_spans_than_were_sent_count_as_those_that_were_sent(sink: OtlpSink) -> None:
    sink.answer_next(partial_success(2**62))
    stats, _ = await ship(sink, real_batch(10))
    assert (stats.exported, stats.rejected) == (0, 10)


@pytest.mark.anyio
async def test_a_success_that_is_no_otlp_is_counted_and_logged(
    sink: OtlpSink, caplog: pytest.LogCaptureFixture
) -> None:
    sink.answer_next(Answer(body=b"<html>welcome</html>"))
    stats, _ = await ship(sink, real_batch(10))
    assert (stats.exported, stats.failures) == (10, {"odd_reply": 1})
    assert "took a batch and said" in caplog.text


@pytest.mark.anyio
async def test_a_receiver_that_repeats_the_url_gives_no_secret_of_its_query_away(
    sink: OtlpSink, caplog: pytest.LogCaptureFixture
) -> None:
    said = "no route POST /v1/traces?api_key=hunter2"
    odd = Answer(body=said.encode())
    sink.answer_next(Answer(503, said.encode()), partial_success(1, said), Answer(404, said.encode()), odd)
    retry = RetrySettings(first_pause=0.01, give_up_after=30.0)
    stats, _ = await ship(sink, real_batch(3), real_batch(3), real_batch(3), retry=retry)
    assert (stats.rejected, stats.dropped, stats.failures["odd_reply"]) == (1, {"refused": 3}, 1)
    assert caplog.text.count("/v1/traces?api_key=REDACTED") >= 3
    assert "hunter2" not in f"{caplog.text} {stats.last_error}"


@pytest.mark.anyio
async def test_one_poisoned_span_among_4096_is_found_through_a_real_server(sink: OtlpSink) -> None:
    batch = real_batch(4096)
    poison = batch.span_ids()[1234]

    def refuse_poison(request: SinkRequest) -> Answer:
        return Answer(400, b"bad span") if poison in request.span_ids else Answer()

    sink.rule = refuse_poison
    stats, dead = await ship(sink, batch)
    assert [refused.span_ids() for refused in dead] == [[poison]]
    assert sink.delivered() == Counter(pair for pair in batch.span_ids() if pair != poison)
    assert (stats.exported, stats.dead_lettered, stats.in_flight) == (4095, 1, 0)


@pytest.mark.anyio
async def test_a_batch_above_the_servers_limit_is_split_and_arrives(sink: OtlpSink) -> None:
    batch = real_batch(1000)
    limit = batch.nbytes // 5
    sink.rule = lambda request: Answer(413) if len(request.body) > limit else Answer()
    await ship(sink, batch)
    assert sink.delivered() == Counter(batch.span_ids())


@pytest.mark.anyio
async def test_wrong_credentials_drop_the_batch_with_one_request_in_an_application(sink: OtlpSink) -> None:
    sink.rule = lambda _: Answer(401, b"no key")
    stats, dead = await ship(sink, real_batch(10), retry=RetrySettings(give_up_after=30.0))
    assert (len(sink.requests), stats.dropped, dead) == (1, {"refused": 10}, [])
    assert stats.last_error is not None
    assert "check OTEL_EXPORTER_OTLP_HEADERS" in stats.last_error


@pytest.mark.anyio
async def test_a_refused_connection_names_the_endpoint() -> None:
    endpoint = f"http://127.0.0.1:{free_port()}/v1/traces"
    exporter = OtlpExporter(OtlpSettings(endpoint=endpoint), Stats("otlp"))
    with pytest.raises(
        RetryableError, match=rf"OTLP endpoint {endpoint} cannot be reached: .*OTEL_EXPORTER_OTLP_ENDPOINT"
    ):
        await exporter.export(real_batch(1))


def test_a_missing_certificate_is_a_configuration_error() -> None:
    settings = OtlpSettings(endpoint="https://localhost:1/v1/traces", certificate="/nothere.pem")
    with pytest.raises(ConfigurationError, match=r"OTEL_EXPORTER_OTLP_CERTIFICATE='/nothere.pem'"):
        OtlpExporter(settings, Stats("otlp"))


def test_an_application_ships_through_the_background_worker(sink: OtlpSink) -> None:
    queue = make_queue()
    worker = BackgroundWorker(queue, lambda stats: OtlpExporter(settings_of(sink), stats))
    made = make_spans(make_tracer(queue), 3000)
    assert worker.force_flush(10) is True
    made |= make_spans(make_tracer(queue), 10)
    assert worker.shutdown(10) is True
    assert sink.delivered() == Counter(made)
    assert queue.counts()["queued_spans"] == 0


def test_a_backend_that_comes_back_gets_everything(sink: OtlpSink) -> None:
    queue = make_queue(batch_spans=100)
    settings = WorkerSettings(batch=BatchSettings(delay=0.01), retry=QUICK)
    sink.stop()
    worker = BackgroundWorker(queue, lambda stats: OtlpExporter(settings_of(sink), stats), settings)
    made = make_spans(make_tracer(queue), 1000)
    assert worker.force_flush(0.2) is False
    sink.start()
    assert worker.force_flush(10) is True
    worker.shutdown(10)
    assert sink.delivered() == Counter(made)


@pytest.mark.anyio
async def test_a_receiver_cannot_write_lines_of_its_own_into_the_log(
    sink: OtlpSink, caplog: pytest.LogCaptureFixture
) -> None:
    forged = "bad\x1b[31m\nFAKE LOG LINE"
    sink.answer_next(Answer(400, forged.encode()), partial_success(1, forged))
    await ship(sink, real_batch(1), real_batch(1))
    assert len(caplog.messages) == 3  # refused, set aside, and rejected in part
    assert all(r"bad\u{1b}[31m\nFAKE LOG LINE" in message for message in caplog.messages)


@pytest.mark.anyio
async def test_a_success_that_is_no_otlp_is_warned_about_by_what_came(
    sink: OtlpSink, caplog: pytest.LogCaptureFixture
) -> None:
    sink.answer_next(Answer(200, b"<html>Please log in"))
    stats, _ = await ship(sink, real_batch(1))
    assert stats.failures == {"odd_reply": 1}
    assert "no OTLP response but 19 bytes, application/x-protobuf: <html>Please log in" in caplog.text


@pytest.mark.anyio
async def test_a_receiver_that_is_silent_until_a_batch_is_given_up_is_counted_as_a_timeout(
    sink: OtlpSink, caplog: pytest.LogCaptureFixture
) -> None:
    sink.answer_next(Answer(delay=2))
    stats, _ = await ship(sink, real_batch(3), retry=RetrySettings(give_up_after=0.3))
    assert (stats.dropped, stats.failures) == ({"gave_up": 3}, {"timeout": 1})
    assert "3 spans dropped (gave_up): no answer in the 0." in caplog.text
