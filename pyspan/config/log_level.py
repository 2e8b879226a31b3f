"""How much pyspan logs about itself: OTEL_LOG_LEVEL."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pyspan.config.environ import choice

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LEVELS", "set_log_level", "word_of_environment"]

VARIABLE = "OTEL_LOG_LEVEL"
LEVELS = {
    "none": logging.CRITICAL + 1,
    "fatal": logging.CRITICAL,
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": logging.DEBUG,
}


def word_of_environment(environ: Mapping[str, str]) -> str | None:
    """Return the word of OTEL_LOG_LEVEL; None leaves the level to the application's logging."""
    return choice(environ, (VARIABLE,), tuple(LEVELS), "what the application's logging says")


def set_log_level(word: str | None) -> None:
    """Set the level of the logger `pyspan`, which is that of all our loggers; handlers are the application's."""
    if word is not None:
        logging.getLogger("pyspan").setLevel(LEVELS[word])
