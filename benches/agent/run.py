"""Compare agents on the whole path OTLP/HTTP in, OTLP/HTTP gzip out: `python -m benches.agent.run`.

Rounds of the agents are interleaved, so that a noisy machine is noisy for all; what counts are spans per CPU-second of
the agent's process, and of those the ratio of medians. The spans of each round are checked one by one at the sink.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benches.agent.agents import Running, pyspan_agent, rotel
from benches.agent.bodies import BODIES, SPANS_A_BODY
from benches.agent.load import send
from benches.agent.sink import Sink
from benches.figures import AGENT, Measured, record
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison and print its table."""
    parser = argparse.ArgumentParser(description="spans per CPU-second of pyspan-agent beside rotel")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=40, help="how often each of the 32 bodies is sent in a round")
    parser.add_argument("--only", choices=["pyspan-agent", "rotel"])
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        _compare(Path(folder), options)
    return 0


def _compare(folder: Path, options: argparse.Namespace) -> None:
    sink_port = free_port()
    sink, agents = Sink(sink_port), list[Running]()
    try:
        agents += _start(folder, f"http://127.0.0.1:{sink_port}", options.only)
        rates: dict[str, list[float]] = {agent.name: [] for agent in agents}
        for turn in range(options.rounds + 1):
            for agent in agents:
                rate = _round(agent, sink, options.repeats if turn else 4)
                if turn:  # the first round only warms up
                    rates[agent.name].append(rate)
        _print(rates, {agent.name: agent.memory_mb() for agent in agents})
    finally:
        for agent in agents:
            agent.stop()
        sink.close()


def _start(folder: Path, sink: str, only: str | None) -> list[Running]:
    starts = {"pyspan-agent": (pyspan_agent, f"{sink}/v1/traces"), "rotel": (rotel, sink)}
    agents = []
    for name, (start, endpoint) in starts.items():
        agent = start(free_port(), endpoint, folder) if only in (None, name) else None
        if agent is not None:
            agents.append(agent)
        elif only is None:
            print(f"{name} is not installed (pip install {name}): not compared")
    return agents


def _round(agent: Running, sink: Sink, repeats: int) -> float:
    spans = repeats * BODIES * SPANS_A_BODY
    before, begun = agent.cpu_seconds(), time.monotonic()
    load = multiprocessing.get_context("spawn").Process(target=send, args=(agent.port, repeats * BODIES))
    load.start()
    seen = sink.wait(spans, timeout=120)
    elapsed = time.monotonic() - begun
    load.join()
    time.sleep(0.3)  # what is done after the last span arrived counts too
    used = agent.cpu_seconds() - before
    if (seen.distinct, seen.rarest) != (BODIES * SPANS_A_BODY, repeats):
        raise RuntimeError(f"{agent.name} lost spans: {seen}")
    print(
        f"{agent.name:>12}: {spans / used / 1e3:7,.0f}k spans per CPU-second, {used:5.2f} s CPU of {elapsed:5.2f} s, "
        f"{spans / seen.requests:5,.0f} spans a request, {seen.spans - spans} twice, {agent.memory_mb():.0f} MB",
        flush=True,
    )
    return spans / used


def _print(rates: dict[str, list[float]], memory: dict[str, float]) -> None:
    print("\n| agent | spans per CPU-second, median | memory |\n|---|---|---|")
    for name, values in rates.items():
        print(f"| {name} | {median(values) / 1e3:,.0f}k | {memory[name]:.0f} MB |")
    if len(rates) == 2:
        ours, theirs = (median(values) for values in rates.values())
        print(f"\nratio of medians: {ours / theirs:.2f}")
        record(Measured(AGENT, ours, theirs))


if __name__ == "__main__":
    raise SystemExit(main())
