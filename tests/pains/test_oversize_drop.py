"""A message over the size limit is dropped whole: it is split, down to the one span that fits nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.agent.test_delivery import ledger, wait_until
from tests.support.otlp_messages import make_request
from tests.support.otlp_sink import Answer, OtlpSink

if TYPE_CHECKING:
    from tests.support.agent_process import AgentProcess


def test_a_batch_above_the_backends_limit_is_cut_until_it_fits(agent: AgentProcess, sink: OtlpSink) -> None:
    sink.rule = lambda request: Answer(status=413) if len(request.body) > 40_000 else Answer()
    body, keys = make_request(1000)
    agent.post(body)
    sink.wait_for_spans(1000, timeout=30)
    assert sink.delivered().keys() == set(keys)
    assert ledger(agent)["dead_lettered"] == 0


def test_a_single_span_above_the_limit_is_set_aside_and_the_others_arrive(agent: AgentProcess, sink: OtlpSink) -> None:
    sink.rule = lambda request: Answer(status=413) if len(request.body) > 40_000 else Answer()
    giant, giant_keys = make_request(1, name="x" * 50_000)
    small, keys = make_request(100)
    assert agent.post(small + giant) == 200
    sink.wait_for_spans(100, timeout=30)
    wait_until(lambda: ledger(agent)["dead_lettered"] == 1)
    assert sink.delivered().keys() == set(keys)
    (letters,) = (agent.spool / "dead-letter").iterdir()
    assert giant_keys[0][1] in letters.read_text()
