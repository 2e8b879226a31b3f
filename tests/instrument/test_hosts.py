"""Which hosts are of the same site, and which are among those that were named."""

from __future__ import annotations

import pytest

from pyspan.instrument._hosts import hosts, is_near


@pytest.mark.parametrize(
    "host",
    [
        "orders",
        "localhost",
        "127.0.0.1",
        "10.1.2.3",
        "::1",
        "fe80::1%eth0",
        "db.internal",
        "a.b.svc",
        "a.b.svc.cluster.local",
    ],
)
def test_a_host_that_the_public_cannot_reach_is_of_the_same_site(host: str) -> None:
    assert is_near(host)


@pytest.mark.parametrize("host", ["shop.example", "8.8.8.8", "2001:4860:4860::8888", "1.2", "localhost.example", "::x"])
def test_any_other_host_is_not(host: str) -> None:
    assert not is_near(host)


def test_a_name_stands_for_itself_and_all_below_it() -> None:
    among = hosts("context_to", ["Shop.example", ".partner.example"])
    assert among is not None
    assert [among(host) for host in ("shop.example", "a.shop.example", "bshop.example", "x.partner.example")] == [
        True,
        True,
        False,
        True,
    ]
