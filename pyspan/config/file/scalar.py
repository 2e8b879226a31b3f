"""What a plain word of YAML is: the core schema of YAML 1.2, in which `no` and `on` are text."""

from __future__ import annotations

import re

__all__ = ["Scalar", "resolve"]

Scalar = str | int | float | bool | None

WORDS: dict[str, Scalar] = {"": None, "~": None, "null": None, "true": True, "false": False}
SPELLINGS = (str.lower, str.title, str.upper)
INTEGER = re.compile(r"[-+]?[0-9]{1,30}")
BASED = re.compile(r"0(?:x[0-9a-fA-F]{1,30}|o[0-7]{1,30})")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def resolve(text: str) -> Scalar:
    """Return the value of a word that stood without quotes."""
    word = text.lower()
    if word in WORDS and any(text == spell(word) for spell in SPELLINGS):
        return WORDS[word]
    if INTEGER.fullmatch(text):
        return int(text)
    if BASED.fullmatch(text):
        return int(text, 0)
    if FLOAT.fullmatch(text):
        return float(text)
    return float(text.replace(".", "")) if SPECIAL.fullmatch(text) else text
