"""Binding the admin port before anything else starts, with errors that name the address and the flag."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspan.config.address import Address

__all__ = ["StartError", "bind"]


class StartError(Exception):
    """What the machine refuses although the configuration is valid, such as a port in use; exit code 1."""


def bind(key: str, address: Address) -> socket.socket:
    """Bind a TCP socket; it takes connections once a server listens on it.

    Raises:
        StartError: the address is in use, not of this machine, or not allowed.
    """
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(target)
    except OSError as error:
        fix = f"free it, or choose another address by --{key}"
        raise StartError(f"--{key} = {address}: {error.strerror or error} ({fix})") from None
    return listener
