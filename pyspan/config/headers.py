"""Request headers in one environment variable: a list as in W3C baggage, or a JSON object."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pyspan.config.environ import PLACE
from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["check_headers", "parse_headers"]

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# What says how long, of what kind and for whom a request is: the client writes it, and a second word would contradict.
FRAMING = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "grpc-encoding",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def parse_headers(text: str, key: str, place: str = PLACE) -> dict[str, str]:
    """Parse `name=value,name=value` with percent-encoded values, or `{"name": "value"}`; names become lower-case.

    Raises:
        ConfigurationError: an entry is no header; values are left out of the message, since they are secrets.
    """
    entries = _from_json(text, key, place) if text.lstrip().startswith("{") else _from_list(text, key, place)
    try:
        return check_headers(entries)
    except ValueError as error:
        raise _refuse(key, place, str(error)) from None


def check_headers(entries: Iterable[tuple[object, object]]) -> dict[str, str]:
    """Return entries that are HTTP headers, their names in lower case.

    Raises:
        ValueError: an entry is no header, or one that the client writes itself; values are left out of the message,
            since they are secrets.
    """
    checked = {}
    for name, value in entries:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ValueError(f"the entry {name!r} is no HTTP header")
        if not isinstance(value, str) or not VALUE.fullmatch(value):
            raise ValueError(f"the value of {name!r} is none of an HTTP header")
        if name.lower() in FRAMING:
            raise ValueError(f"header {name!r} is set for each request by itself (leave it out)")
        checked[name.lower()] = value
    return checked


def _from_list(text: str, key: str, place: str) -> list[tuple[str, str]]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for number, part in enumerate(parts, 1):
        if "=" not in part:
            raise _refuse(key, place, f"entry {number} has no '='")
    return [_pair(part) for part in parts]


def _pair(part: str) -> tuple[str, str]:
    name, value = part.split("=", 1)
    return unquote(name).strip(), unquote(value).strip()


def _from_json(text: str, key: str, place: str) -> list[tuple[str, str]]:
    try:
        decoded = json.loads(text)
    except ValueError as error:
        raise _refuse(key, place, f"it is broken JSON ({error})") from None
    wrong = [name for name, value in decoded.items() if not isinstance(value, str)]
    if wrong:
        raise _refuse(key, place, f"the value of {wrong[0]!r} is no string")
    return list(decoded.items())


def _refuse(key: str, place: str, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{key} in {place} cannot be used: {reason}; write name=value,name=value with values percent-encoded, "
        f'or {{"name": "value"}}'
    )
