"""`pyspan` as people start it: a process of its own with no more environment than a test gives it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["PYSPAN", "environment", "pyspan"]

PYSPAN = Path(sys.executable).with_name("pyspan")


def environment(**variables: str) -> dict[str, str]:
    """Return an environment of these variables, with what finds the programs."""
    return {"PATH": f"{PYSPAN.parent}:/usr/bin:/bin", "LANG": "C.UTF-8", **variables}


def pyspan(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [str(PYSPAN), *words],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
