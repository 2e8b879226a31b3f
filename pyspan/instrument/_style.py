"""Which attribute keys are written: the conventions of today, those before them, the documents' own."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pyspan.config.environ import first, unusable
from pyspan.errors import ConfigurationError

__all__ = ["Style"]

OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
PYSPAN_SEMCONV = "PYSPAN_SEMCONV"
CURRENT, OLD, BOTH, DOCUMENTS = "current", "old", "dup", "documents"


@dataclass(frozen=True, slots=True)
class Style:
    """`current`: http.request.method; `old`: http.method; `documents`: http.method, http.query, http.response_time."""

    current: bool = True
    old: bool = False
    documents: bool = False

    @classmethod
    def chosen(cls, name: str | None) -> Style:
        """Return the style of this name; without one that of PYSPAN_SEMCONV, else OTEL_SEMCONV_STABILITY_OPT_IN."""
        known = {CURRENT: cls(), OLD: cls(current=False, old=True), BOTH: cls(old=True), DOCUMENTS: cls(documents=True)}
        if name is not None and name not in known:
            raise ConfigurationError(f"attribute_style={name!r} cannot be used: give one of {', '.join(known)}")
        return known[name or _of_environment(set(known))]


def _of_environment(known: set[str]) -> str:
    named = first(os.environ, PYSPAN_SEMCONV)
    if named is not None:
        return named[1] if named[1] in known else unusable(*named, f"one of {', '.join(sorted(known))}", CURRENT)
    return BOTH if "http/dup" in _words(os.environ.get(OPT_IN, "")) else CURRENT


def _words(text: str) -> set[str]:
    return {word.strip().lower() for word in text.split(",")}
