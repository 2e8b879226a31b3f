"""The load: orders of which known shares are slow, declined or broken."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx

__all__ = ["EXPECTED_STATUS", "card_of", "place", "run"]

EXPECTED_STATUS = {"good": 201, "slow": 201, "declined": 402, "broken": 502}
CARDS = ["broken", "declined", "declined", "slow", "slow", *["good"] * 15]


def card_of(number: int) -> str:
    """Say which card the order of that number is paid with; of twenty, two are slow, two declined, one broken."""
    return CARDS[number % len(CARDS)]


async def place(client: httpx.AsyncClient, number: int) -> str:
    """Place one order and return its card; RuntimeError when the shop answers what it should not."""
    card = card_of(number)
    reply = await client.post("/orders", json={"item": f"tea {number}", "amount": 3 + number % 40, "card": card})
    if reply.status_code != EXPECTED_STATUS[card]:
        raise RuntimeError(f"order {number} ({card}) was answered {reply.status_code}: {reply.text}")
    return card


async def run(url: str, orders: int, *, at_once: int = 8) -> Counter[str]:
    """Place that many orders, some at once, and count them by card."""
    numbers = iter(range(orders))
    placed: Counter[str] = Counter()

    async def customer(client: httpx.AsyncClient) -> None:
        for number in numbers:
            placed[await place(client, number)] += 1

    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
        await asyncio.gather(*(customer(client) for _ in range(at_once)))
    return placed
