"""What the command lines of pyspan and of the agent have in common: exit codes, errors in one line, the version."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from pyspan.errors import ConfigurationError

__all__ = ["EXIT_CONFIGURATION", "EXIT_FAILED", "EXIT_OK", "Parser", "fail", "installed_version"]

EXIT_OK, EXIT_FAILED, EXIT_CONFIGURATION = 0, 1, 2


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
