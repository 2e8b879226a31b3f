"""Parsers for single configuration values; each raises an error that says what is wrong and how to write it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Address",
    "parse_address",
    "parse_bytes",
    "parse_choice",
    "parse_count",
    "parse_optional",
    "parse_path",
    "parse_seconds",
    "redact",
]

_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?B?|B)?", re.IGNORECASE | re.ASCII)
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?", re.ASCII)
_SECOND_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_USER_INFO = re.compile(r"//[^/@\s]+@")
_MAX_PORT = 65_535


class Address(msgspec.Struct, frozen=True):
    """A host and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(value: object) -> Address:
    """Parse `HOST:PORT`; an IPv6 host stands in brackets."""
    text = _text(value)
    host, colon, port = text.rpartition(":")
    if not colon or not host or text.endswith("]"):
        raise ValueError("no port (write HOST:PORT, such as 127.0.0.1:4318)")
    if not (port.isascii() and port.isdigit()) or int(port) > _MAX_PORT:
        raise ValueError(f"port {port!r} is not a number from 0 to {_MAX_PORT}")
    bracketed = host.startswith("[") and host.endswith("]")
    if ":" in host and not bracketed:
        raise ValueError("an IPv6 host stands in brackets (write [::1]:4318)")
    return Address(host[1:-1] if bracketed else host, int(port))


def parse_path(value: object) -> Path:
    """Parse a path; `~` is the home folder, a relative path starts at the working folder."""
    text = _text(value)
    if "\0" in text:
        raise ValueError("a path has no NUL character")
    return Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100  # resolve() would follow links


def parse_optional(parse: Callable[[object], object]) -> Callable[[object], object]:
    """Make a parser that takes `off` (in a file also `false`) for None."""

    def parse_or_off(value: object) -> object:
        return None if value == "off" or value is False else parse(value)

    return parse_or_off


def parse_bytes(value: object) -> int:
    """Parse a size such as 1048576, `64KiB`, `1.5 MiB` or `1GB`; KiB counts by 1,024 and KB by 1,000."""
    match = _BYTES.fullmatch(_number_text(value).strip())
    if match is None:
        raise ValueError("not a size (write bytes or a unit, such as 16MiB)")
    number, unit = match[1], (match[2] or "B").upper().rstrip("B")
    scale = 1024 if unit.endswith("I") else 1000
    return _positive(int(float(number) * scale ** " KMGT".index(unit[:1] or " ")))


def parse_seconds(value: object) -> float:
    """Parse a duration in seconds, or with a unit: `200ms`, `5s`, `1m`."""
    match = _SECONDS.fullmatch(_number_text(value).strip())
    if match is None:
        raise ValueError("not a duration (write seconds or a unit, such as 200ms)")
    return float(match[1]) * _SECOND_UNITS[match[2] or "s"]


def parse_count(value: object) -> int:
    """Parse a whole number from 1 up."""
    text = _number_text(value).strip().replace("_", "").replace(",", "")
    if not (text.isascii() and text.isdigit()):
        raise ValueError("not a whole number (write digits, such as 4096)")
    return _positive(int(text))


def parse_choice(*choices: str) -> Callable[[object], str]:
    """Make a parser that takes one of the words."""

    def parse(value: object) -> str:
        if value not in choices:
            raise ValueError(f"not one of {', '.join(choices)}")
        return str(value)

    return parse


def redact(value: object) -> str:
    """Format a value for people, without the user name and password that a URL may carry."""
    return _USER_INFO.sub("//[REDACTED]@", value if isinstance(value, str) else repr(value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where text is needed (put it in quotes)")
    if not value.strip():
        raise ValueError("empty (leave the key out for the default)")
    return value


def _number_text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError(f"{type(value).__name__} where a number is needed")
    return value if isinstance(value, str) else repr(value)


def _positive(number: int) -> int:
    if number < 1:
        raise ValueError("must be at least 1")
    return number
