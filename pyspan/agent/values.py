"""Parsers for single configuration values; each raises an error that says what is wrong and how to write it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from pyspan.config.address import type_name

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["between", "parse_bytes", "parse_choice", "parse_count", "parse_optional", "parse_seconds", "parse_switch"]

_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?B?|B)?", re.IGNORECASE | re.ASCII)
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?", re.ASCII)
_SECOND_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
# Cut to so many, a number is still out of every range; int() refuses thousands of digits by a message of its own.
MOST_DIGITS = 30
Number = TypeVar("Number", int, float)


def parse_optional(parse: Callable[[object], object]) -> Callable[[object], object]:
    """Make a parser that takes `off` (in a file also `false`) for None."""

    def parse_or_off(value: object) -> object:
        return None if value == "off" or value is False else parse(value)

    return parse_or_off


def between(parse: Callable[[object], Number], lowest: object, highest: object) -> Callable[[object], Number]:
    """Make a parser that also refuses what lies outside; the bounds are written as its values are."""

    def parse_within(value: object) -> Number:
        try:
            number = parse(value)
        except OverflowError:
            number = parse(highest) + 1
        if not parse(lowest) <= number <= parse(highest):
            raise ValueError(f"out of range (give {lowest} to {highest})")
        return number

    return parse_within


def parse_bytes(value: object) -> int:
    """Parse a size such as 1048576, `64KiB`, `1.5 MiB` or `1GB`; KiB counts by 1,024 and KB by 1,000."""
    match = _BYTES.fullmatch(_number_text(value).strip())
    if match is None:
        raise ValueError("not a size (write bytes or a unit, such as 16MiB)")
    number, unit = match[1], (match[2] or "B").upper().rstrip("B")
    scale = 1024 if unit.endswith("I") else 1000
    return int(float(number) * scale ** " KMGT".index(unit[:1] or " "))


def parse_seconds(value: object) -> float:
    """Parse a duration in seconds, or with a unit: `200ms`, `5s`, `1m`."""
    match = _SECONDS.fullmatch(_number_text(value).strip())
    if match is None and _is_negative(value):
        raise ValueError("a duration is not negative (write seconds or a unit, such as 200ms)")
    if match is None:
        raise ValueError("not a duration (write seconds or a unit, such as 200ms)")
    return float(match[1]) * _SECOND_UNITS[match[2] or "s"]


def parse_count(value: object) -> int:
    """Parse a whole number."""
    text = _number_text(value).strip().replace("_", "").replace(",", "")
    if not (text.isascii() and text.isdigit()):
        raise ValueError("not a whole number (write digits, such as 4096)")
    return int(text[:MOST_DIGITS])


def parse_choice(*choices: str) -> Callable[[object], str]:
    """Make a parser that takes one of the words."""

    def parse(value: object) -> str:
        if value not in choices:
            raise ValueError(f"not one of {', '.join(choices)}")
        return str(value)

    return parse


def parse_switch(value: object) -> bool:
    """Parse true or false, as the file has it or in words."""
    if str(value).lower() not in ("true", "false"):
        raise ValueError("not true or false")
    return str(value).lower() == "true"


def _number_text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError(f"{type_name(value)} where a number is needed")
    return value if isinstance(value, str) else repr(value)


def _is_negative(value: object) -> bool:
    return _number_text(value).strip().startswith("-")
