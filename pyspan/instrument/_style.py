"""Which attribute keys are written: the conventions of today, those before them, the documents' own."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pyspan.config.instrument import BOTH, CURRENT, DOCUMENTS, OLD, style_name
from pyspan.errors import ConfigurationError

__all__ = ["Style"]


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
        return known[name or style_name(os.environ)]
