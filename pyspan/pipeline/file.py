"""The file exporter: one line of OTLP/JSON a batch, as the Collector's file exporter writes and its receiver reads."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from pyspan.errors import RetryableError
from pyspan.pipeline.file_lock import locked
from pyspan.pipeline.wakeup import writable

if TYPE_CHECKING:
    from pyspan._core import Batch

__all__ = ["FileExporter"]

PRIVATE, PRIVATE_FOLDER = 0o600, 0o700  # attributes hold what users type


class FileExporter:
    """Appends whole lines to a file; writing is done in the loop, since no thread can start while Python exits.

    Several processes may share one: a lock keeps their lines apart. A file that was renamed or removed, as logrotate
    does, is let go of, and a new one begun by the next batch. `fsync` makes each batch durable before it counts as
    delivered. A pipe, a terminal or a device such as /dev/stdout is written to as its reader takes it.
    """

    def __init__(self, path: str | Path, *, fsync: bool = False) -> None:
        self._path = Path(path)
        self._fsync = fsync
        self._file: int | None = None
        self._turn = anyio.Lock()
        self._is_torn = False

    async def export(self, batch: Batch) -> None:
        """Append the batch.

        Raises:
            RetryableError: the file cannot be opened, locked or written; what was written of the line is cut off again.
        """
        line = batch.to_json() + b"\n"
        try:
            async with self._turn, locked(self._open) as file:
                if stat.S_ISREG(os.fstat(file).st_mode):
                    self._append(file, line)
                else:
                    await self._stream(file, line)
        except OSError as error:
            why = "nobody reads this pipe" if error.errno == errno.ENXIO else error.strerror
            raise RetryableError(f"{self._path} cannot be written: {why}", status="file") from error

    async def aclose(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _append(self, file: int, line: bytes) -> None:
        _end_torn_line(file)
        start, written = os.lseek(file, 0, os.SEEK_END), 0
        try:
            while written < len(line):
                written += os.write(file, memoryview(line)[written:])
            if self._fsync:
                os.fsync(file)
        except OSError:
            if os.fstat(file).st_size == start + written:  # else somebody without a lock has written behind it
                os.ftruncate(file, start)
            raise

    async def _stream(self, file: int, line: bytes) -> None:
        """Write what cannot be taken back; a line that a deadline has cut off is ended, for its batch comes again."""
        rest = memoryview(b"\n" + line if self._is_torn else line)
        while rest:
            written = _write_some(file, rest)
            if written == 0:
                await writable(file)
                continue
            rest = rest[written:]
            self._is_torn = bool(rest)

    def _open(self) -> int:
        if self._file is not None and not _names(self._path, self._file):
            os.close(self._file)
            self._file = None
        if self._file is None:
            self._file = _open_private(self._path)
        return self._file


def _names(path: Path, file: int) -> bool:
    """Tell whether the path is that of the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _open_private(path: Path) -> int:
    """Open a file for appending, made where it is missing, or a pipe or device for writing, which must not block."""
    if path.exists() and not path.is_file():
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    _make_private(path.parent)
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE)


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


def _write_some(file: int, rest: memoryview) -> int:
    try:
        return os.write(file, rest)
    except BlockingIOError:
        return 0
