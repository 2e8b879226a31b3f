"""Backends that are down, slow, resetting, refusing: nothing is lost, everything is counted."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from tests.agent.test_delivery import ledger, wait_until
from tests.support.otlp_messages import make_request
from tests.support.otlp_sink import RESET, Answer, OtlpSink, partial_success

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.agent_process import AgentProcess
    from tests.support.otlp_sink import SinkRequest


def test_a_backend_that_is_down_gets_everything_when_it_is_up(agent: AgentProcess, sink: OtlpSink) -> None:
    sink.stop()
    keys = []
    for _ in range(5):
        body, part = make_request(40)
        assert agent.post(body) == 200
        keys += part
    wait_until(lambda: agent.status()["exporters"][0]["failures"] != {})
    assert ledger(agent)["pending"] == 200
    sink.start()
    sink.wait_for_spans(200, timeout=30)
    assert sink.delivered().keys() == set(keys)
    wait_until(lambda: ledger(agent)["exported"] == 200)


def test_statuses_that_pass_and_resets_are_retried(agent: AgentProcess, sink: OtlpSink) -> None:
    sink.answer_next(Answer(status=503, headers={"retry-after": "0"}), RESET, Answer(status=429))
    body, keys = make_request(10)
    agent.post(body)
    sink.wait_for_spans(10, timeout=30)
    assert sink.delivered().keys() == set(keys)
    assert len(sink.requests) == 4
    wait_until(lambda: ledger(agent)["exported"] == 10)
    exporter = agent.status()["exporters"][0]
    assert exporter["retried"] in {20, 30}, "the client itself repeats what a reused connection was reset under"
    assert {"http_503", "http_429"} <= exporter["failures"].keys()
    assert exporter["state"] == "ok"


def test_a_partial_success_is_counted_and_not_sent_again(agent: AgentProcess, sink: OtlpSink) -> None:
    sink.answer_next(partial_success(4))
    agent.post(make_request(10)[0])
    wait_until(lambda: ledger(agent)["pending"] == 0 and ledger(agent)["accepted"] == 10)
    entry = ledger(agent)
    assert (entry["exported"], entry["rejected"]) == (6, 4)
    assert len(sink.requests) == 1


def test_one_poisoned_span_among_4096_is_dead_lettered_alone(agent: AgentProcess, sink: OtlpSink) -> None:
    body, keys = make_request(4096)
    poison = keys[1234]

    def rule(request: SinkRequest) -> Answer:
        return Answer(status=400, body=b"poison") if poison in request.span_ids else Answer()

    sink.rule = rule
    assert agent.post(body) == 200
    sink.wait_for_spans(4095, timeout=30)
    wait_until(lambda: ledger(agent)["dead_lettered"] == 1)
    assert sink.delivered().keys() == set(keys) - {poison}
    assert max(sink.delivered().values()) == 1
    line = json.loads((agent.spool / "dead-letter" / f"otlp-127.0.0.1-{sink.port}.jsonl").read_text())
    assert line["spans"] == 1
    assert line["status"] == "http_400"
    assert "poison" in line["reason"]
    span = line["request"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert (span["traceId"], span["spanId"]) == poison


def test_an_authentication_that_fails_keeps_the_spans_until_it_is_mended(agent: AgentProcess, sink: OtlpSink) -> None:
    sink.answer_next(Answer(status=401))
    body, _ = make_request(10)
    agent.post(body)
    sink.wait_for_spans(10, timeout=30)
    assert ledger(agent)["dead_lettered"] == 0
    assert "401" in agent.status()["exporters"][0]["last_error"]


def test_a_backend_that_is_slow_gets_everything_and_holds_back_none_beside_it(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink
) -> None:
    with OtlpSink() as slow:
        slow.rule = lambda request: Answer(delay=1.0)
        exports = [f"otlp={slow.endpoint}", f"otlp={sink.endpoint}"]
        agent = make_agent("--batch-wait", "1ms", "--batch-spans", "10", exports=exports).start()
        keys = []
        for _ in range(20):
            body, part = make_request(10)
            assert agent.post(body) == 200
            keys += part
        sink.wait_for_spans(200)
        assert len(slow.delivered()) < 200, "the fast one did not wait for the slow one"
        assert ledger(agent, 0)["pending"] > 0
        slow.wait_for_spans(200, timeout=60)
        assert slow.delivered() == sink.delivered() == Counter(keys)
        wait_until(lambda: ledger(agent, 0)["exported"] == ledger(agent, 1)["exported"] == 200)


def test_an_answer_that_is_no_otlp_is_told_from_a_backend_that_works(agent: AgentProcess, sink: OtlpSink) -> None:
    sink.rule = lambda request: Answer(body=b"<html>please log in</html>", headers={"content-type": "text/html"})
    agent.post(make_request(10)[0])
    wait_until(lambda: ledger(agent)["exported"] == 10)
    exporter = agent.status()["exporters"][0]
    assert exporter["state"] == "doubtful"
    assert "took a batch and said: the reply is no OTLP response" in exporter["last_error"]
    assert "the reply is no OTLP response" in agent.output
    sink.rule = lambda request: Answer()
    agent.post(make_request(10)[0])
    wait_until(lambda: ledger(agent)["exported"] == 20)
    assert agent.status()["exporters"][0]["state"] == "ok"


def test_a_partial_success_that_rejects_all_is_the_last_error(agent: AgentProcess, sink: OtlpSink) -> None:
    sink.answer_next(partial_success(10, "quota exceeded"))
    agent.post(make_request(10)[0])
    wait_until(lambda: ledger(agent)["rejected"] == 10)
    last_error = agent.status()["exporters"][0]["last_error"]
    assert last_error == "the receiver rejected 10 spans of a batch it took: quota exceeded"


def test_a_backend_that_fails_by_500_for_a_moment_loses_nothing(agent: AgentProcess, sink: OtlpSink) -> None:
    sink.answer_next(Answer(status=500), Answer(status=408), Answer(status=500))
    body, keys = make_request(10)
    agent.post(body)
    sink.wait_for_spans(10, timeout=30)
    wait_until(lambda: ledger(agent)["exported"] == 10)
    assert (ledger(agent)["dead_lettered"], len(sink.requests)) == (0, 4)
    assert sink.delivered() == Counter(keys)
