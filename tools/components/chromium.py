"""Chromium, a headless browser, from npm: `python -m tools.components.chromium get`, or start and stop with no page."""

from __future__ import annotations

import shutil
import sys
import tarfile
from pathlib import Path

from tools.components._cache import cache, locked, require, run
from tools.components._command import command
from tools.components._process import Process

__all__ = ["Chromium", "get"]

PACKAGE = "@sparticuz/chromium"  # it carries the browser itself, 65 MB, and the libraries that a bare system lacks
VERSION = "153.0.0"
PARTS = ("chromium", "al2023.tar", "swiftshader.tar")
UNPACK = """
const [from, to] = process.argv.slice(1);
const { createReadStream, createWriteStream } = require("fs");
require("stream").pipeline(
  createReadStream(from), require("zlib").createBrotliDecompress(), createWriteStream(to),
  (error) => { if (error) throw error; });
"""


def get() -> Path:
    """Install the browser unless it is there, in ten seconds, and return the folder of its program."""
    home = cache() / f"chromium-{VERSION}"
    done = home / ".complete"
    with locked("chromium"):
        if not done.exists():
            require("Chromium", {"node": "Node.js", "npm": "npm"})
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(home), f"{PACKAGE}@{VERSION}"], home)
            _unpack(home)
            done.touch()
    return home


def _unpack(home: Path) -> None:
    packed = home / "node_modules" / PACKAGE / "bin"
    for part in PARTS:
        run(["node", "-e", UNPACK, str(packed / f"{part}.br"), str(home / part)], home)
        if part.endswith(".tar"):
            with tarfile.open(home / part) as archive:
                archive.extractall(home, filter="data")
            (home / part).unlink()
    (home / "chromium").chmod(0o755)
    shutil.rmtree(home / "node_modules")


class Chromium:
    """One browser that looks at a page; what it finds there the page has to send to a server by itself."""

    def __init__(self, directory: Path, *, url: str = "about:blank", detached: bool = False) -> None:
        self._url = url
        self._process = Process("chromium", directory, detached=detached)

    def start(self) -> str:
        """Start with a profile of its own, and return the page's URL."""
        home, folder = get(), self._process.directory
        options = ["--headless", "--no-sandbox", "--no-zygote", "--disable-gpu", "--no-proxy-server"]
        words = [str(home / "chromium"), *options, f"--user-data-dir={folder / 'profile'}", self._url]
        self._process.start(words, {"HOME": str(folder), "LD_LIBRARY_PATH": f"{home / 'lib'}:{home}"})
        return self._url

    def stop(self) -> None:
        """Stop in order."""
        self._process.stop()

    def kill9(self) -> None:
        """End it as a crash would."""
        self._process.kill9()


if __name__ == "__main__":
    sys.exit(command("chromium", get, lambda directory: Chromium(directory, detached=True)))
