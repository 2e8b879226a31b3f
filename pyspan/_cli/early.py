"""Libraries that were imported before any instrumentation could reach them."""

from __future__ import annotations

import logging
import os
import re
import sys
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["too_late"]

logger = logging.getLogger(__name__)

DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
ALWAYS_THERE = {"__main__", "_distutils_hack", "opentelemetry", "pyspan", "sitecustomize"}
REQUIRED = re.compile(r"([\w.-]+).*\bextra\s*==\s*['\"]instruments(?:-any)?['\"]")


def too_late(modules: Collection[str]) -> str | None:
    """Say which of these modules belong to a library that an installed instrumentor is for; None where none does.

    They are what the interpreter has imported before the program, so that names which were taken from them stay as they
    are: `from flask import Flask` in a sitecustomize is a Flask without spans.
    """
    try:
        found = _found(modules)
    except Exception:  # anybody's metadata
        logger.exception("Libraries that were imported too early are not known")
        return None
    if not found:
        return None
    return (
        f"{', '.join(found)} imported before anything could be instrumented, by a sitecustomize or a .pth file: what "
        f"was taken from there until then may stay untraced; import it in the program, or name it in {DISABLED}"
    )


def _found(modules: Collection[str]) -> list[str]:
    roots = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - ALWAYS_THERE
    libraries = _instrumented() if roots else set()
    return sorted(roots.intersection(root for library in libraries for root in _roots_of(library)))


def _roots_of(library: str) -> set[str]:
    """Return what a library is imported as, as `packages_distributions` does from Python 3.11 on."""
    try:
        installed = distribution(library)
    except PackageNotFoundError:
        return set()
    named = (installed.read_text("top_level.txt") or "").split()
    return set(named or (file.parts[0].partition(".")[0] for file in installed.files or () if file.suffix == ".py"))


def _instrumented() -> set[str]:
    """Return the packages that the instrumentors which are loaded are for."""
    left_out = {name.strip() for name in os.environ.get(DISABLED, "").split(",")}
    if "*" in left_out:
        return set()
    loaded = (point for point in entry_points(group="opentelemetry_instrumentor") if point.name not in left_out)
    return {name for point in loaded for name in _packages(point)}


def _packages(instrumentor: EntryPoint) -> Iterator[str]:
    for requirement in (instrumentor.dist and instrumentor.dist.requires) or ():
        if match := REQUIRED.match(requirement):
            yield match[1]
