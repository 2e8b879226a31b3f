"""What the command lines of pyspan and of the agent have in common: exit codes, errors in one line, the version."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, NoReturn

from pyspan._printable import printable
from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EXIT_CONFIGURATION", "EXIT_FAILED", "EXIT_OK", "Parser", "columns", "fail", "installed_version", "put"]

EXIT_OK, EXIT_FAILED, EXIT_CONFIGURATION = 0, 1, 2
WIDEST_VALUE = 48


class Parser(argparse.ArgumentParser):
    """A parser whose errors are `ConfigurationError`s."""

    def error(self, message: str) -> NoReturn:
        """Say it in one line like every other problem, without the usage that hides it."""
        raise ConfigurationError(f"{message.removeprefix('argument ')} (see --help)")


def installed_version() -> str:
    """Return the version of the package that is installed."""
    try:
        return version("pyspan-tracing")
    except PackageNotFoundError:
        return "(not installed)"


def fail(program: str, message: str, code: int) -> int:
    """Print each line of a message to stderr after the program's name, and return the exit code."""
    for line in message.splitlines():
        sys.stderr.write(f"{program}: {line}\n")
    return code


def put(program: str, text: str) -> int:
    """Print a text to stdout, without what its encoding cannot hold, and return the exit code."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        # Unlike a write it also bears that there is no standard output.
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)  # noqa: T201
    except OSError as error:
        sys.stdout = None  # else what is left in it is tried again at the exit
        return fail(program, f"standard output can't be written: {error.strerror}", EXIT_FAILED)
    return EXIT_OK


def columns(rows: Sequence[tuple[str, str, str]]) -> str:
    """Lay key, value and place out in columns, a line each; what would break it, or steer a terminal, is escaped."""
    safe = [(key, printable(value), place) for key, value, place in rows]
    key_width, value_width = (max((len(row[column]) for row in safe), default=0) for column in (0, 1))
    value_width = min(value_width, WIDEST_VALUE)
    return "\n".join(f"  {key:{key_width}}  {value:{value_width}}  {place}" for key, value, place in safe)
