"""Copies a test-suite that was written for opentelemetry-sdk, and points its imports at pyspan.

python -m tests.conformance.rewrite FROM TO
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

MODULES = "trace|resources|util"
# With what lies in there tests read trace states and tell spans apart: a tool, which stays the SDK's.
TOOLS = r"trace\._sampling_experimental\._"
# Dotted names, in imports and in what tests patch, and `from opentelemetry.sdk import trace`.
DOTTED = re.compile(rf"\bopentelemetry\.sdk\.(?!{TOOLS})(?=(?:{MODULES})\b)")
# What tests replace to play another system, by the names that pyspan gives it.
REPLACED = {
    "_build_resource_detectors": "_aggregate.configured_detectors",
    "_get_host_id": "_process.machine_id",
    "_read_machine_id_file": "_machine_id._read",
    "logger": "_aggregate.logger",
    "subprocess.run": "_machine_id.subprocess.run",
}
PATCHED = re.compile(rf'"pyspan\.sdk\.resources\.({"|".join(map(re.escape, REPLACED))})"')
IMPORTED = re.compile(rf"\bfrom opentelemetry\.sdk import (?=(?:{MODULES})\b)")


def rewrite(text: str) -> str:
    """Return the text of a test with pyspan in the place of the SDK's tracing."""
    dotted = IMPORTED.sub("from pyspan.sdk import ", DOTTED.sub("pyspan.sdk.", text))
    return PATCHED.sub(lambda match: f'"pyspan.sdk.resources.{REPLACED[match[1]]}"', dotted)


def copy(source: Path, target: Path) -> int:
    """Copy a folder, rewriting its Python files; return how many of them changed."""
    shutil.copytree(source, target)
    return sum(_rewrite_file(path) for path in target.rglob("*.py"))


def _rewrite_file(path: Path) -> bool:
    before = path.read_text()
    after = rewrite(before)
    path.write_text(after)
    return after != before


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    print(f"{copy(source, target)} files of {target} now import pyspan")
