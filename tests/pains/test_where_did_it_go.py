"""Nobody can say where spans went: the ledger has each one, by what became of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from tests.agent.test_delivery import ledger, wait_until
from tests.support.otlp_messages import make_request
from tests.support.otlp_sink import Answer, OtlpSink, partial_success

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.agent_process import AgentProcess


def test_every_accepted_span_is_found_under_one_heading(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink
) -> None:
    flags = ("--batch-wait", "1ms", "--dead-letter-max-bytes", "3KB", "--in-flight", "1")
    agent = make_agent(*flags, exports=[f"otlp={sink.endpoint}"]).start()
    steps = [(Answer(), 40), (partial_success(3), 8), (Answer(status=400), 1), (Answer(status=400), 1)]
    steps += [(Answer(status=400), 1)] * 10
    accepted = 0
    for answer, spans in steps:
        sink.answer_next(answer)
        assert agent.post(make_request(spans)[0]) == 200
        accepted += spans
        settled = {"accepted": accepted, "pending": 0}
        wait_until(partial(holds, agent, settled))
    sink.rule = lambda request: Answer(status=503)
    assert agent.post(make_request(7)[0]) == 200
    wait_until(lambda: ledger(agent)["accepted"] == accepted + 7)
    entry = agent.status()["exporters"][0]["ledger"]
    dropped = entry["dropped"]["dead_letters_full"]
    assert (entry["exported"], entry["rejected"], entry["pending"]) == (45, 3, 7)
    assert entry["dead_lettered"] > 0
    assert dropped > 0
    assert entry["dead_lettered"] + dropped == 12
    assert "spans dropped (dead_letters_full)" in agent.output
    assert metrics(agent) == {
        "accepted": 67.0,
        "exported": 45.0,
        "rejected": 3.0,
        "dead_lettered": entry["dead_lettered"],
        "dropped": dropped,
        "pending": 7.0,
    }


def holds(agent: AgentProcess, part: dict[str, int]) -> bool:
    """Tell whether the ledger has these entries."""
    return part.items() <= {key: value for key, value in ledger(agent).items() if key != "dropped"}.items()


def metrics(agent: AgentProcess) -> dict[str, float]:
    """Read the same account from /metrics."""
    samples = {
        sample.name.removeprefix("pyspan_agent_exporter_").removesuffix("_total").removesuffix("_spans"): sample.value
        for family in text_string_to_metric_families(agent.get("/metrics")[1])
        for sample in family.samples
    }
    return {name: samples[name] for name in ("accepted", "exported", "rejected", "dead_lettered", "dropped", "pending")}
