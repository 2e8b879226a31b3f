"""The fenced blocks of the project's texts, and the comment that says why one of them is not run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Block", "blocks", "texts"]

ROOT = Path(__file__).resolve().parent.parent.parent
FENCE = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `reason` says why it is not run."""

    path: Path
    line: int
    language: str
    code: str
    reason: str | None

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def texts() -> list[Path]:
    """Name every Markdown file of the project."""
    return sorted(path for folder in (".", "docs", "examples") for path in _markdown(ROOT / folder, folder))


def _markdown(folder: Path, name: str) -> Iterator[Path]:
    return folder.glob("*.md") if name == "." else folder.rglob("*.md")


def blocks(language: str) -> list[Block]:
    """Find the blocks of one language in all texts."""
    return [block for path in texts() for block in _blocks_of(path) if block.language == language]


def _blocks_of(path: Path) -> Iterator[Block]:
    text = path.read_text()
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(path, line, found["language"], found["code"], found["reason"])
