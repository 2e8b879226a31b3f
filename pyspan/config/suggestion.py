"""What somebody may have meant who wrote a word that is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["nearest", "slips"]

CUTOFF = 0.75
MOST_SUGGESTIONS = 3


def nearest(word: str, known: Sequence[str], otherwise: str = "") -> str:
    """Suggest known words that are a slip of the keyboard away or hold all its parts, else `otherwise`, else all."""
    close = slips(word, known) or _fuller(word, known)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return otherwise or f"known: {', '.join(known)}"


def slips(word: str, known: Sequence[str], cutoff: float = CUTOFF) -> list[str]:
    """Return the one known word that is nearest, where it is near enough; 1 is the same word, 0 another one."""
    from difflib import SequenceMatcher  # errors alone need it

    plain = _plain(word)
    # Longer words differ by more letters; without this, `port` would be taken for `export`.
    similar = [name for name in known if abs(len(_plain(name)) - len(plain)) <= max(1, len(plain) // 5)]
    rated = [(SequenceMatcher(None, plain, _plain(name)).ratio(), name) for name in similar]
    best = max(rated, default=(0.0, ""))
    return [best[1]] if best[0] >= cutoff else []


def _fuller(word: str, known: Sequence[str]) -> list[str]:
    parts = set(_plain(word).split("-"))
    fuller = [name for name in known if parts <= set(_plain(name).split("-"))]
    return fuller if len(fuller) <= MOST_SUGGESTIONS else []


def _plain(word: str) -> str:
    return word.lower().replace("_", "-").strip("-")
