"""The command line that every component has: get, start, stop, kill9."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tools.components._cache import MissingToolchainError, cache

__all__ = ["Component", "command"]


class Component(Protocol):
    """What a launcher offers."""

    def start(self) -> str:
        """Start and wait until it is ready; return where it listens."""

    def stop(self) -> None: ...
    def kill9(self) -> None: ...


def command(name: str, get: Callable[[], object], make: Callable[[Path], Component]) -> int:
    """Carry out the action on the command line; a server that is started stays until `stop`."""
    parser = argparse.ArgumentParser(prog=f"python -m tools.components.{name}")
    parser.add_argument("action", choices=["get", "start", "stop", "kill9"])
    action = parser.parse_args().action
    try:
        if action == "get":
            print(get())
            return 0
        component = make(cache() / "run" / name)
        print({"start": component.start, "stop": component.stop, "kill9": component.kill9}[action]() or "stopped")
    except MissingToolchainError as error:
        print(error, file=sys.stderr)
        return 3
    return 0
