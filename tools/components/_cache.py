"""Where components are installed, one installer at a time, and what is said when a toolchain is missing."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["MissingToolchainError", "cache", "from_maven", "locked", "require", "run"]


class MissingToolchainError(RuntimeError):
    """A program that a component is built or run with is not on the PATH."""


def cache() -> Path:
    """Name the folder for all components, below the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "pyspan" / "components"


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Let one process at a time install a component; the others wait and find it done."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def require(component: str, programs: Mapping[str, str]) -> None:
    """Raise MissingToolchainError naming every program of `programs` (name: what to install) that is not there."""
    missing = [f"{program} ({package})" for program, package in programs.items() if not shutil.which(program)]
    if missing:
        raise MissingToolchainError(f"{component} is left out, missing: {', '.join(missing)}")


def run(words: list[str], directory: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run one installation step; its output goes to `install.log` in the directory and into the error if it fails."""
    log = directory / "install.log"
    with log.open("ab") as output:
        env = {**os.environ, **(environment or {})}
        done = subprocess.run(words, cwd=directory, env=env, stdout=output, stderr=output, check=False)
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise RuntimeError(f"{' '.join(words[:3])} ended with {done.returncode}, see {log}:\n{tail}")


def from_maven(component: str, home: Path, goal: str, *options: str) -> None:
    """Run a goal of Maven's dependency plugin that fills `home`, unless that was done, and see that there is a Java."""
    done = home / ".complete"
    java = {"java": "a JDK, 17 or newer"}
    require(component, java if done.exists() else java | {"mvn": "Maven"})
    if done.exists():
        return
    plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
    run(["mvn", "--batch-mode", "--quiet", f"{plugin}:{goal}", *options], home)
    done.touch()
