"""What an install of pyspan brings along."""

from __future__ import annotations

import importlib.metadata
import re

from packaging.requirements import Requirement

__all__ = ["oldest_api", "shipped"]

DISTRIBUTION = "pyspan-tracing"
EXTRAS = ("kafka", "agent", "config", "console")


def shipped() -> list[str]:
    """Name every package that an install with all extras brings along."""
    seen: set[str] = set()
    waiting: list[tuple[str, tuple[str, ...]]] = [(DISTRIBUTION, EXTRAS)]
    while waiting:
        name, extras = waiting.pop()
        for requirement in importlib.metadata.requires(name) or ():
            found = _required(requirement, extras)
            if found and found not in seen:
                seen.add(found)
                waiting.append((found, ()))
    return sorted(seen)


def oldest_api() -> str:
    """Return the oldest version of opentelemetry-api that an install accepts."""
    parsed = map(Requirement, importlib.metadata.requires(DISTRIBUTION) or ())
    return next(
        specifier.version
        for requirement in parsed
        for specifier in requirement.specifier
        if requirement.name == "opentelemetry-api" and specifier.operator == ">="
    )


def _required(requirement: str, extras: tuple[str, ...]) -> str | None:
    parsed = Requirement(requirement)
    wanted = not parsed.marker or any(parsed.marker.evaluate({"extra": extra}) for extra in (*extras, ""))
    return re.sub(r"[-_.]+", "-", parsed.name).lower() if wanted else None
