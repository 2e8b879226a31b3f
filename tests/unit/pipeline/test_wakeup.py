"""Waiting for a descriptor in the event loop."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from pyspan.pipeline.wakeup import Wakeup
from tests.unit.pipeline.fakes import FakeQueue

pytestmark = pytest.mark.anyio


async def test_a_wake_up_that_nobody_waits_for_is_for_the_next_who_comes_and_for_nobody_else() -> None:
    wakeup = Wakeup(FakeQueue().native())
    wakeup.set()
    wakeup.set()
    with anyio.fail_after(10):
        await wakeup.wait()
    with anyio.move_on_after(0.02) as scope:
        await wakeup.wait()
    assert scope.cancelled_caught
    wakeup.close()


async def test_a_wake_up_passes_over_waiters_that_were_cancelled() -> None:
    wakeup, woken = Wakeup(FakeQueue().native()), list[str]()

    async def wait(name: str, scope: anyio.CancelScope) -> None:
        with scope:
            await wakeup.wait()
            woken.append(name)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            scopes = {name: anyio.CancelScope() for name in ("first", "cancelled")}
            for name, scope in scopes.items():
                tasks.start_soon(wait, name, scope)
                await anyio.wait_all_tasks_blocked()
            scopes["cancelled"].cancel()
            await anyio.wait_all_tasks_blocked()
            wakeup.set()
    assert woken == ["first"]
    wakeup.close()


async def test_who_is_woken_and_cancelled_at_once_hands_the_wake_up_on() -> None:
    wakeup = Wakeup(FakeQueue().native())
    first, last = asyncio.create_task(wakeup.wait()), asyncio.create_task(wakeup.wait())
    await anyio.wait_all_tasks_blocked()
    wakeup.set()
    last.cancel()
    with anyio.fail_after(10):
        await first
    assert last.cancelled()
    wakeup.close()
