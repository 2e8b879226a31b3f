"""Exports that lead back to the agent's own receivers, as far as it shows without a look-up of names."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspan.agent.config import AgentConfig
    from pyspan.agent.exports import Export
    from pyspan.config.address import Address

__all__ = ["loops"]


def loops(config: AgentConfig) -> Iterator[tuple[Export, str]]:
    """Return each OTLP export that one of the agent's own listeners would get, with the key of the listener."""
    for export in config.export:
        if export.kind not in ("otlp", "otlp-grpc"):
            continue
        url = urlsplit(export.target)
        if url.scheme == "unix":
            if config.socket is not None and url.path == str(config.socket):
                yield export, "socket"
            continue
        port = url.port or (443 if url.scheme == "https" else 80)
        for key, address in (("otlp-http", config.otlp_http), ("otlp-grpc", config.otlp_grpc), ("admin", config.admin)):
            if address is not None and address.port == port and _is_same_host(url.hostname or "", address):
                yield export, key


def _is_same_host(host: str, address: Address) -> bool:
    ours, theirs = _plain(address.host), _plain(host)
    return theirs in (ours, "any") or (ours == "any" and _is_this_machine(theirs))


def _is_this_machine(plain: str) -> bool:
    return plain in ("loopback", socket.gethostname().lower()) or _is_own_address(plain)


def _is_own_address(host: str) -> bool:
    """Tell whether an address belongs to an interface: the way to it begins there; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((str(ipaddress.ip_address(host)), 1))
            return bool(probe.getsockname()[0] == host)
    except (OSError, ValueError):
        return False


def _plain(host: str) -> str:
    """Name hosts that mean the same by one word; a connection to `any` goes to this machine."""
    if host.lower().rstrip(".") in ("localhost", "localhost.localdomain", "ip6-localhost", ""):
        return "loopback"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower()
    if address.is_unspecified:
        return "any"
    return "loopback" if address.is_loopback else str(address)
