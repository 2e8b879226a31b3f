"""What comes in with an import. `make bench` says what that costs."""

from __future__ import annotations

import subprocess
import sys

API = "import sys, opentelemetry.trace, opentelemetry.context"
HEAVY = {"aiokafka", "anyio", "asyncio", "concurrent.futures", "email", "http", "inspect", "multiprocessing", "socket"}
HEAVY |= {"sqlite3", "ssl", "subprocess", "tomllib", "unittest", "urllib.request", "uuid", "yaml"}


def brought(code: str) -> set[str]:
    """Return the modules that `code` brings besides those that the API has brought."""
    script = f"{API}; before = set(sys.modules); {code}; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_pyspan_brings_nothing_but_pyspan() -> None:
    assert brought("import pyspan") == {"pyspan"}


def test_importing_the_tracer_and_its_exporters_brings_nothing_heavy() -> None:
    modules = brought("import pyspan.sdk.trace.export")
    assert "pyspan._core" in modules
    assert not modules & HEAVY
