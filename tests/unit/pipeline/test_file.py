"""The file exporter."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, cast

import anyio
import pytest

from pyspan._core import Batch
from pyspan.errors import RetryableError
from pyspan.pipeline.file import FileExporter
from tests.unit.pipeline.tracing import make_queue, make_spans, make_tracer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio


class LineBatch:
    """A batch that is the given line."""

    def __init__(self, line: str) -> None:
        self._line = line

    def to_json(self) -> bytes:
        return self._line.encode()


def lines(*texts: str) -> list[Batch]:
    return [cast("Batch", LineBatch(text)) for text in texts]


def open_files() -> list[str]:
    return [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]


async def test_each_batch_is_a_line_of_a_private_file_in_a_new_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "spans.json"
    exporter = FileExporter(path, fsync=True)
    for batch in lines('{"a":1}', '{"b":2}'):
        await exporter.export(batch)
    await exporter.aclose()
    assert path.read_text() == '{"a":1}\n{"b":2}\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_file_that_is_there_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "spans.json"
    path.write_text("old\n")
    exporter = FileExporter(path)
    await exporter.export(lines("new")[0])
    await exporter.aclose()
    assert path.read_text() == "old\nnew\n"


async def test_a_line_that_a_killed_process_left_unfinished_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "spans.json"
    path.write_text('old\n{"torn":')
    exporter = FileExporter(path)
    await exporter.export(lines("new")[0])
    await exporter.aclose()
    assert path.read_text() == 'old\n{"torn":\nnew\n'


async def test_a_line_cut_off_by_a_full_disk_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, write = tmp_path / "spans.json", os.write
    exporter = FileExporter(path)
    await exporter.export(lines("whole")[0])

    def full_after_three_bytes(file: int, data: memoryview) -> int:
        if len(data) <= 3:
            raise OSError(28, "No space left on device")
        return write(file, data[:3])

    monkeypatch.setattr("pyspan.pipeline.file.os.write", full_after_three_bytes)
    with pytest.raises(RetryableError, match=r"spans.json cannot be written: No space left on device"):
        await exporter.export(lines("cut off")[0])
    assert path.read_text() == "whole\n"
    monkeypatch.undo()
    await exporter.export(lines("again")[0])
    await exporter.aclose()
    assert path.read_text() == "whole\nagain\n"


async def test_what_another_writer_appended_meanwhile_is_not_cut_off_with_a_line_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write = tmp_path / "spans.json", os.write

    def full_after_another_has_written(file: int, data: memoryview) -> int:
        if len(data) < len(b"ours\n"):
            with path.open("a") as other:
                other.write("theirs\n")
            raise OSError(28, "No space left on device")
        return write(file, data[:3])

    monkeypatch.setattr("pyspan.pipeline.file.os.write", full_after_another_has_written)
    exporter = FileExporter(path)
    with pytest.raises(RetryableError, match="No space left"):
        await exporter.export(lines("ours")[0])
    await exporter.aclose()
    assert path.read_text().endswith("theirs\n")


async def test_a_file_that_another_process_has_locked_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "spans.json"
    exporter = FileExporter(path)
    with path.open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(exporter.export, lines("ours")[0])
            await anyio.sleep(0.05)
            other.write("theirs")
            other.flush()
            await anyio.sleep(0.05)
            other.write(" whole\n")
            other.flush()
            fcntl.flock(other, fcntl.LOCK_UN)
    await exporter.aclose()
    assert path.read_text() == "theirs whole\nours\n"


async def test_a_lock_that_is_never_let_go_of_is_worth_another_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyspan.pipeline.file_lock.LONGEST_WAIT", 0.02)
    path = tmp_path / "spans.json"
    with path.open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(RetryableError, match="another process has kept it locked"):
            await FileExporter(path).export(lines("ours")[0])
    assert path.read_text() == ""


WRITER = """
import sys, anyio
from pyspan.pipeline.file import FileExporter
class Line:
    def to_json(self): return sys.argv[2].encode() * 400_000
async def write():
    for _ in range(40):
        exporter = FileExporter(sys.argv[1])
        await exporter.export(Line())
        await exporter.aclose()
anyio.run(write)
"""


def test_processes_that_share_a_file_leave_whole_lines_and_no_blank_ones(tmp_path: Path) -> None:
    path = tmp_path / "spans.json"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), letter]) for letter in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    written = path.read_text().splitlines()
    assert Counter(written) == {letter * 400_000: 40 for letter in "abc"}


def drain(file: int) -> bytes:
    """Read what a pipe holds now."""
    taken = b""
    with contextlib.suppress(BlockingIOError):
        while piece := os.read(file, 1 << 20):
            taken += piece
    return taken


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A named pipe and its reader's end."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield path, reader
    os.close(reader)


async def test_a_pipe_gets_the_lines_as_its_reader_takes_them(fifo: tuple[Path, int]) -> None:
    path, reader = fifo
    exporter, taken = FileExporter(path, fsync=True), b""
    long = "x" * 300_000  # several times what a pipe holds
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(exporter.export, lines(long)[0])
            tasks.start_soon(exporter.export, lines("second")[0])
            while len(taken) < len(long) + len("\nsecond\n"):
                taken += drain(reader)
                await anyio.sleep(0.001)
    await exporter.aclose()
    assert taken.decode() == f"{long}\nsecond\n"


async def test_a_line_into_a_pipe_that_a_deadline_cuts_off_is_ended_before_the_next(fifo: tuple[Path, int]) -> None:
    path, reader = fifo
    exporter = FileExporter(path)
    with anyio.move_on_after(0.05) as scope:
        await exporter.export(lines("x" * 300_000)[0])
    assert scope.cancelled_caught
    taken = drain(reader)
    await exporter.export(lines("next")[0])
    taken += drain(reader)
    await exporter.aclose()
    assert taken.decode().splitlines()[1:] == ["next"]


async def test_a_pipe_that_nobody_reads_is_worth_another_try(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RetryableError, match="pipe cannot be written: nobody reads this pipe"):
        await FileExporter(tmp_path / "pipe").export(lines("x")[0])


def test_standard_output_through_a_pipe_is_a_file_like_any_other() -> None:
    code = """
import pyspan
from opentelemetry import trace
pyspan.configure(exporter="file=/dev/stdout")
trace.get_tracer("x").start_span("printed").end()
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    assert len(Batch.parse_json(run.stdout)) == 1
    assert run.stderr == b""


async def test_a_new_folder_is_private_with_its_parents_and_one_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir(mode=0o755)
    exporter = FileExporter(there / "outer" / "inner" / "spans.json")
    await exporter.export(lines("x")[0])
    await exporter.aclose()
    modes = [stat.S_IMODE(folder.stat().st_mode) for folder in (there, there / "outer", there / "outer" / "inner")]
    assert modes == [0o755, 0o700, 0o700]


@pytest.mark.parametrize("empty", [True, False])
async def test_a_file_that_was_rotated_away_keeps_its_lines_and_a_new_one_begins(tmp_path: Path, empty: bool) -> None:
    path = tmp_path / "spans.json"
    exporter = FileExporter(path)
    await exporter.export(lines("before")[0])
    path.rename(tmp_path / "spans.json.1")
    if not empty:
        path.write_text("")  # logrotate's create
    await exporter.export(lines("after")[0])
    await exporter.export(lines("later")[0])
    await exporter.aclose()
    assert (tmp_path / "spans.json.1").read_text() == "before\n"
    assert path.read_text() == "after\nlater\n"


async def test_a_file_that_was_removed_with_its_folder_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "out" / "spans.json"
    exporter = FileExporter(path)
    await exporter.export(lines("before")[0])
    path.unlink()
    path.parent.rmdir()
    await exporter.export(lines("after")[0])
    await exporter.aclose()
    assert path.read_text() == "after\n"


async def test_a_rotated_file_leaves_no_descriptor_open(tmp_path: Path) -> None:
    path = tmp_path / "spans.json"
    exporter = FileExporter(path)
    for _ in range(3):
        await exporter.export(lines("x")[0])
        path.unlink()
    left = [target for target in open_files() if target.startswith(str(path))]
    await exporter.aclose()
    assert len(left) == 1


async def test_a_file_cut_by_copytruncate_is_written_on_from_its_new_end(tmp_path: Path) -> None:
    path = tmp_path / "spans.json"
    exporter = FileExporter(path)
    await exporter.export(lines("before")[0])
    os.truncate(path, 0)
    await exporter.export(lines("after")[0])
    await exporter.aclose()
    assert path.read_text() == "after\n"


async def test_a_folder_that_cannot_be_made_is_worth_another_try(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RetryableError, match=r"Not a directory|File exists"):
        await FileExporter(tmp_path / "file" / "spans.json").export(lines("x")[0])


async def test_a_real_batch_is_a_line_that_reads_back_as_the_same_spans(tmp_path: Path) -> None:
    queue = make_queue()
    made = make_spans(make_tracer(queue), 10)
    batch = queue.take(partial=True)
    assert batch is not None
    exporter = FileExporter(tmp_path / "spans.json")
    await exporter.export(batch)
    await exporter.aclose()
    (line,) = (tmp_path / "spans.json").read_bytes().splitlines()
    assert set(Batch.parse_json(line).span_ids()) == made
