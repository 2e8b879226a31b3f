"""The demo: `make demo` runs the shop on and counts, `make demo ONCE=1` checks one load from end to end and ends."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from examples.shop import load
from examples.shop.far_ends import FarEnd, FileEnd, KafkaEnd
from examples.shop.fleet import ROOT, SERVICES, TOPIC, Fleet
from examples.shop.spans import draw, services

ORDERS = 200
DRAIN_SECONDS = 60.0


async def open_far_ends(fleet: Fleet, stack: AsyncExitStack, *, keep: bool) -> list[FarEnd]:
    ends: list[FarEnd] = []
    if fleet.kafka:
        ends.append(await stack.enter_async_context(KafkaEnd(fleet.kafka.bootstrap, TOPIC, keep=keep)))
    if fleet.collector:
        ends.append(FileEnd("Collector", fleet.collector.spans_file, keep=keep))
    return ends or [FileEnd("the agent's file", fleet.agent_file, keep=keep)]


def started(fleet: Fleet) -> set[tuple[str, str]]:
    lines = itertools.chain.from_iterable(fleet.started(name).read_text().splitlines() for name in SERVICES)
    return {(trace_id, span_id) for trace_id, span_id in map(str.split, lines)}


async def wait_for_notices(fleet: Fleet, expected: int) -> None:
    """Wait until every paid order has its notice; RuntimeError when that takes too long."""
    url = f"http://127.0.0.1:{fleet.ports['notifications']}/notices"
    deadline = time.monotonic() + DRAIN_SECONDS
    async with httpx.AsyncClient(trust_env=False) as client:
        while (found := (await client.get(url)).json()["notices"]) < expected:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{found} of {expected} notices were sent")
            await asyncio.sleep(0.2)


async def drain(ends: list[FarEnd], expected: int) -> None:
    """Read until every end has what was started, or the time is over."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while any(len(end.arrived.ids) < expected for end in ends) and time.monotonic() < deadline:
        for end in ends:
            await end.poll()
        await asyncio.sleep(0.05)
    for end in ends:
        await end.poll()


def show_trace(ends: list[FarEnd]) -> None:
    """Draw one trace across the services, the same one from every end."""
    whole = [trace for trace, rows in ends[0].arrived.traces.items() if len(services(rows)) == len(SERVICES)]
    slowest = max(whole, key=lambda trace: len(ends[0].arrived.traces[trace]))
    for end in ends:
        print(f"\ntrace {slowest} as read back from {end.name}\n{draw(end.arrived.traces.get(slowest, []))}")


def compare(wanted: set[tuple[str, str]], ends: list[FarEnd]) -> bool:
    """Print how what arrived differs from what was started, and say whether it is the same."""
    print(f"\nstarted in the services: {len(wanted):,} spans")
    same = True
    for end in ends:
        ids = set(end.arrived.ids)
        missing, unknown, twice = len(wanted - ids), len(ids - wanted), end.arrived.spans - len(ids)
        verdict = "same" if ids == wanted else "DIFFERENT"
        counts = f"{len(ids):,} spans, {missing} missing, {unknown} unknown, {twice} delivered twice"
        print(f"received by {end.name}: {counts}: {verdict}")
        same = same and ids == wanted
    return same


async def run_once(fleet: Fleet) -> bool:
    """Run one load, stop what produces spans, read everything back and compare."""
    placed = await load.run(fleet.url, ORDERS)
    print(f"{ORDERS} orders: " + ", ".join(f"{count} {card}" for card, count in sorted(placed.items())))
    await wait_for_notices(fleet, placed["good"] + placed["slow"])
    await asyncio.to_thread(fleet.stop_services)
    await asyncio.to_thread(fleet.stop_agent)
    wanted = started(fleet)
    async with AsyncExitStack() as stack:
        ends = await open_far_ends(fleet, stack, keep=True)
        await drain(ends, len(wanted))
    show_trace(ends)
    return compare(wanted, ends)


async def run_on(fleet: Fleet) -> bool:
    """Place ten orders a second and count, until interrupted."""
    print(f"orders at {fleet.url}/orders, the agent's metrics at http://127.0.0.1:{fleet.admin_port}/metrics; ^C ends")
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=fleet.url, timeout=30, trust_env=False))
        ends = await open_far_ends(fleet, stack, keep=False)
        for number in itertools.count():
            await asyncio.gather(load.place(client, number), asyncio.sleep(0.1))
            if number % 10 == 9:
                for end in ends:
                    await end.poll()
                counts = "   ".join(f"{end.name} {end.arrived.spans:,}" for end in ends)
                print(f"\rorders {number + 1:,}   started {count_started(fleet):,}   {counts}   ", end="", flush=True)
    return True


def count_started(fleet: Fleet) -> int:
    line_bytes = 32 + 1 + 16 + 1
    return sum(fleet.started(name).stat().st_size // line_bytes for name in SERVICES)


async def demo(fleet: Fleet, *, once: bool) -> bool:
    """Start everything, say what is missing, and run."""
    _cancel_on_signals()
    for reason in fleet.missing:
        print(f"MISSING: {reason}")
    async with fleet:
        same = await (run_once(fleet) if once else run_on(fleet))
    if fleet.missing:
        print(f"{len(fleet.missing)} of 2 far ends left out: {'; '.join(fleet.missing)}")
    return same


def _cancel_on_signals() -> None:
    task, loop = asyncio.current_task(), asyncio.get_running_loop()

    def cancel() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):  # a second one must not disturb the stopping
            loop.add_signal_handler(number, lambda: None)
        if task:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, cancel)


def main() -> int:
    """Run the demo; 1 means that spans were lost or made up."""
    once = os.environ.get("ONCE", "") not in {"", "0"}
    (ROOT / "target").mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="demo-", dir=ROOT / "target"))
    try:
        same = asyncio.run(demo(Fleet(directory), once=once))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("\ninterrupted, everything is stopped")
        same = not once
    except Exception:
        print(f"\nthe demo failed; logs and data are in {directory}", file=sys.stderr)
        raise
    if not same:
        print(f"logs and data are in {directory}")
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
