"""What `make` says while it works."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tools.report import ROOT


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("step", ["-m venv", "pip install", "maturin develop"])
def test_each_long_step_of_the_set_up_is_told_before_it_is_taken(step: str) -> None:
    planned = subprocess.run(
        ["make", "--dry-run", "--always-make", "setup"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    (place,) = [number for number, line in enumerate(planned) if step in line]
    assert planned[place - 1].startswith("echo ")
