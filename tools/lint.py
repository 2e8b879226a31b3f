"""Every linter, one after the other: `python -m tools.lint [NAME ...]`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tools.packages import shipped
from tools.report import ROOT, Result, record

__all__ = ["CHECKS", "main"]

Check = Callable[[], "list[str]"]
PERMISSIVE = "Apache;BSD;ISC;MIT;PSF;Python Software Foundation;Zlib;Unlicense;CC0"
CARGO_DENY = "0.20.2"


def _python(*words: str) -> list[str]:
    return [sys.executable, "-m", *words]


def _cargo_deny() -> list[str]:
    """Install cargo-deny into the cache, once, and say how to run it."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pyspan" / f"cargo-deny-{CARGO_DENY}"
    if not (home / "bin" / "cargo-deny").exists():
        install = [
            "cargo",
            "install",
            "--quiet",
            "--locked",
            "--debug",
            "--root",
            str(home),
            f"cargo-deny@{CARGO_DENY}",
        ]
        subprocess.run(install, check=True)
    return [str(home / "bin" / "cargo-deny"), "check", "--hide-inclusion-graph", "licenses", "bans", "sources"]


def _licences() -> list[str]:
    words = ["piplicenses", "--from=mixed", "--partial-match", f"--allow-only={PERMISSIVE}", "--packages"]
    return _python(*words, *shipped())


CHECKS: dict[str, Check] = {
    "ruff check": lambda: _python("ruff", "check", "."),
    "ruff format": lambda: _python("ruff", "format", "--check", "."),
    "mypy": lambda: _python("mypy"),
    "stubtest": lambda: _python("mypy.stubtest", "--allowlist", "tools/stubtest-allowlist.txt", "pyspan._core"),
    "import layers": lambda: [str(Path(sys.executable).parent / "lint-imports"), "--no-logo"],
    "clippy": lambda: ["cargo", "clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"],
    "rustfmt": lambda: ["cargo", "fmt", "--all", "--check"],
    "licences of crates": _cargo_deny,
    "licences of packages": _licences,
}


def _run(name: str, command: Check) -> Result:
    try:
        done = subprocess.run(command(), cwd=ROOT, capture_output=True, text=True, check=False)
    except (OSError, subprocess.CalledProcessError) as error:
        return record(Result(name, failed=1, reasons=(str(error),)))
    if done.returncode:
        print(done.stdout + done.stderr, flush=True)
    return record(Result(name, passed=int(not done.returncode), failed=int(bool(done.returncode))))


def main() -> int:
    """Run the checks that are named, or all of them."""
    names = sys.argv[1:] or list(CHECKS)
    return 1 if sum(_run(name, CHECKS[name]).failed for name in names) else 0


if __name__ == "__main__":
    sys.exit(main())
