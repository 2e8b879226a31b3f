"""A virtual environment with the oldest opentelemetry-api that pyspan accepts and no SDK, for the unit tests.

The newest is the one that requirements-dev.txt pins, with which all tests run.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tools.components._cache import cache, locked
from tools.packages import oldest_api, shipped
from tools.report import ROOT

__all__ = ["environ", "get", "requirements", "tests_without_sdk"]

PINS = ROOT / "requirements-dev.txt"
NEEDED = ("gevent", "grpcio", "httpx")  # peers of the tests
LACKED = re.compile(r"^(?:from|import) opentelemetry\.(?:sdk|exporter|instrumentation|semconv)\b", re.MULTILINE)


def get() -> Path:
    """Make the environment unless it is there, and return its Python. One for each list: checkouts may differ."""
    text = "\n".join([*requirements(), ""])
    home = cache() / f"oldest-api-{sys.implementation.cache_tag}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    whole = home / "whole"
    with locked(home.name):
        if not whole.exists():
            _make(home, text)
            whole.touch()
    return home / "bin" / "python"


def requirements() -> list[str]:
    """Ask for the oldest API, and for what else the tests need as requirements-dev.txt pins it."""
    names = {*shipped(), *_tested_with(), *NEEDED} - {"opentelemetry-api"}
    pinned = [line for line in PINS.read_text().splitlines() if line.partition("==")[0] in names]
    return [f"opentelemetry-api=={oldest_api()}", *pinned]


def tests_without_sdk() -> list[str]:
    """Name the files of pyspan's unit tests, and of its pytest plugin's, that do not compare with the SDK."""
    unit, plugin = ROOT / "tests" / "unit", ROOT / "tests" / "testing"
    found = {*unit.rglob("test_*.py"), *plugin.glob("test_*.py")} - {*unit.glob("tools/*"), *unit.glob("benches/*")}
    return [str(path.relative_to(ROOT)) for path in sorted(found) if not LACKED.search(path.read_text())]


def environ() -> dict[str, str]:
    """Return the environment in which that Python finds this checkout, with the entry points it is installed with."""
    installed = ROOT / "target" / "installed"
    shutil.rmtree(installed, ignore_errors=True)
    for metadata in Path(sysconfig.get_path("purelib")).glob("pyspan_tracing-*.dist-info"):
        shutil.copytree(metadata, installed / metadata.name)
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(installed)))}


def _tested_with() -> set[str]:
    group = re.search(r"^test = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL)
    assert group is not None
    return set(re.findall(r'"([a-z-]+)', group[1]))


def _make(home: Path, requirements: str) -> None:
    shutil.rmtree(home, ignore_errors=True)
    venv.create(home, symlinks=True)  # without pip: ours installs into it
    listed = home / "wanted.txt"
    listed.write_text(requirements)
    python = str(home / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "-r", str(listed)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"pip ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
