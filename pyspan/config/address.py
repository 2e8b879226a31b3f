"""Where things are: a host with a port, a path; errors say what is wrong with the text and how to write it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Address", "parse_address", "parse_path", "parse_port", "parse_text", "type_name"]

MAX_PORT = 65_535
TYPE_NAMES = {
    "NoneType": "nothing",
    "bool": "a switch",
    "dict": "a table",
    "float": "a number",
    "int": "a number",
    "list": "a list",
    "str": "text",
}


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(value: object) -> Address:
    """Parse `HOST:PORT`; an IPv6 host stands in brackets."""
    text = parse_text(value)
    host, colon, port = text.rpartition(":")
    if not colon or not host or text.endswith("]"):
        raise ValueError("no port (write HOST:PORT, such as 127.0.0.1:4318)")
    bracketed = host.startswith("[") and host.endswith("]")
    if ":" in host and not bracketed:
        raise ValueError("an IPv6 host stands in brackets (write [::1]:4318)")
    return Address(host[1:-1] if bracketed else host, parse_port(port))


def parse_port(text: str) -> int:
    """Parse a TCP port; 0 stands for any free one."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MAX_PORT)) or int(text) > MAX_PORT:
        raise ValueError(f"port {text!r} is not a number from 0 to {MAX_PORT}")
    return int(text)


def parse_path(value: object) -> Path:
    """Parse a path; `~` is the home folder, a relative path starts at the working folder."""
    text = parse_text(value)
    if "\0" in text:
        raise ValueError("a path has no NUL character")
    try:
        return Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100  # resolve() would follow links
    except RuntimeError as error:  # pathlib's word for a user that is unknown
        raise ValueError(f"{error} (write the folder out)") from None


def parse_text(value: object) -> str:
    """Take text that is not blank."""
    if not isinstance(value, str):
        raise TypeError(f"{type_name(value)} where text is needed (put it in quotes)")
    if not value.strip():
        raise ValueError("empty (leave the key out for the default)")
    return value


def type_name(value: object) -> str:
    """Name a type as people do who have written a file."""
    return TYPE_NAMES.get(type(value).__name__, type(value).__name__)
