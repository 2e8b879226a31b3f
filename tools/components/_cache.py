"""Where components are installed, one installer at a time, and what is said when a toolchain is missing."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["MissingToolchainError", "cache", "from_maven", "locked", "require", "run"]

PATIENCE = 2_400.0  # seconds: the longest step takes ten minutes on two idle cores; a stuck download has no end


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


def run(
    words: list[str], directory: Path, environment: Mapping[str, str] | None = None, timeout: float = PATIENCE
) -> None:
    """Run one installation step; its output goes to `install.log` in the directory and into the error if it fails."""
    log = directory / "install.log"
    env = {**os.environ, **(environment or {})}
    with log.open("ab") as output:
        child = subprocess.Popen(
            words,
            cwd=directory,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    with _ended(child):
        try:
            status = child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise _failed(words, f"was not done after {timeout:.0f} s", log) from None
    if status:
        raise _failed(words, f"ended with {status}", log)


@contextmanager
def _ended(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave nothing of a step behind that is given up or interrupted: what it started holds its output open."""
    try:
        yield
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _failed(words: list[str], how: str, log: Path) -> RuntimeError:
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    return RuntimeError(f"{' '.join(words[:3])} {how}, see {log}:\n{tail}")


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
