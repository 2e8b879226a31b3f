"""The file exporter: one line of OTLP/JSON a batch, as the Collector's file exporter writes and its receiver reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pyspan.errors import RetryableError

if TYPE_CHECKING:
    from pyspan._core import Batch

__all__ = ["FileExporter"]

PRIVATE, PRIVATE_FOLDER = 0o600, 0o700  # attributes hold what users type


class FileExporter:
    """Appends whole lines to a file; writing is done in the loop, since no thread can start while Python exits.

    A file that was renamed or removed, as logrotate does, is let go of, and a new one begun by the next batch.
    `fsync` makes each batch durable before it counts as delivered.
    """

    def __init__(self, path: str | Path, *, fsync: bool = False) -> None:
        self._path = Path(path)
        self._fsync = fsync
        self._file: int | None = None

    async def export(self, batch: Batch) -> None:
        """Append the batch.

        Raises:
            RetryableError: the file cannot be opened or written; what was written of the line is cut off again.
        """
        line = batch.to_json() + b"\n"
        try:
            self._append(line)
        except OSError as error:
            raise RetryableError(f"{self._path} cannot be written: {error.strerror}", status="file") from error

    async def aclose(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _append(self, line: bytes) -> None:
        file = self._open()
        start = os.lseek(file, 0, os.SEEK_END)
        try:
            _write_all(file, line)
            if self._fsync:
                os.fsync(file)
        except OSError:
            os.ftruncate(file, start)
            raise

    def _open(self) -> int:
        if self._file is not None and not _names(self._path, self._file):
            os.close(self._file)
            self._file = None
        if self._file is None:
            _make_private(self._path.parent)
            self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
            _end_torn_line(self._file)
        return self._file


def _names(path: Path, file: int) -> bool:
    """Tell whether the path is that of the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _make_private(folder: Path) -> None:
    """Make the folders that are missing, each for its owner alone; one that is there keeps its mode."""
    if not folder.exists():
        _make_private(folder.parent)
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def _end_torn_line(file: int) -> None:
    """End the line that a killed process left unfinished: its batch comes again, and must not be glued to it."""
    size = os.fstat(file).st_size
    if size and os.pread(file, 1, size - 1) != b"\n":
        os.write(file, b"\n")


def _write_all(file: int, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(file, rest) :]
