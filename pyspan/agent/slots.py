"""A small file of two slots that are written in turn: a write that is cut off leaves the one before as it was.

Both slots are allocated when the file is made, so that a full disk never keeps an agent from writing down its progress.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SlotFile"]

SLOT_BYTES = 4096
_HEADER = struct.Struct("<IIQ")  # CRC-32 of what follows it, length of the payload, turn


class SlotFile:
    """Open the file, or make it, readable by its owner alone; OSError where that fails."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.was_empty = os.fstat(self._file).st_size == 0
        os.posix_fallocate(self._file, 0, 2 * SLOT_BYTES)
        self._turn = max((turn for turn, _ in self._sound()), default=0)

    def read(self) -> list[bytes]:
        """Return the payloads of the sound slots, the newest first."""
        return [payload for _, payload in sorted(self._sound(), reverse=True)]

    def write(self, payload: bytes) -> None:
        """Replace the older slot; OSError where the disk fails."""
        turn = self._turn + 1
        body = _HEADER.pack(0, len(payload), turn)[4:] + payload
        if len(body) + 4 > SLOT_BYTES:
            raise OSError(f"{self.path}: {len(payload)} bytes are too many for a slot")
        os.pwrite(self._file, zlib.crc32(body).to_bytes(4, "little") + body, turn % 2 * SLOT_BYTES)
        self._turn = turn

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _sound(self) -> list[tuple[int, bytes]]:
        slots = [os.pread(self._file, SLOT_BYTES, start) for start in (0, SLOT_BYTES)]
        return [found for slot in slots if (found := _decode(slot)) is not None]


def _decode(slot: bytes) -> tuple[int, bytes] | None:
    if len(slot) < _HEADER.size:
        return None
    checksum, length, turn = _HEADER.unpack_from(slot)
    end = _HEADER.size + length
    if end > len(slot) or turn == 0 or zlib.crc32(slot[4:end]) != checksum:
        return None
    return turn, slot[_HEADER.size : end]
