"""Which hosts a client tells what: those of an allow-list, and those of the same site."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from ipaddress import ip_address

from pyspan.errors import ConfigurationError

__all__ = ["hosts", "is_near"]

# The last label of names that no public server has (RFC 6761, RFC 6762, ICANN's .internal, Kubernetes).
NEAR = frozenset({"local", "localhost", "internal", "svc"})
HOST = re.compile(r"[\w.:-]+")


def hosts(argument: str, given: Collection[str] | None) -> Callable[[str], bool] | None:
    """Return what decides whether a host is one of those, or below one; None where nothing was given."""
    if given is None:
        return None
    if isinstance(given, str):
        raise ConfigurationError(f"{argument}={given!r} cannot be used: give a list of hosts")
    for name in given:
        if not HOST.fullmatch(str(name)):
            raise ConfigurationError(f"{argument}: {name!r} is no host: give shop.example, without scheme and port")
    names = tuple(name.lower().strip(".") for name in given)
    below = tuple(f".{name}" for name in names)
    return lambda host: host in names or host.endswith(below)


@lru_cache(maxsize=1024)
def is_near(host: str) -> bool:
    """Return True for a host of the same site: by a name or an address that the public cannot reach."""
    if re.fullmatch(r"[\d.]+|.*:.*", host):
        return _is_private(host)
    return "." not in host or host.endswith(".cluster.local") or host.rpartition(".")[2] in NEAR


def _is_private(address: str) -> bool:
    try:
        return ip_address(address.partition("%")[0]).is_private
    except ValueError:
        return False
