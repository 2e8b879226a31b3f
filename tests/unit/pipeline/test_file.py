"""The file exporter."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, cast

import pytest

from pyspan._core import Batch
from pyspan.errors import RetryableError
from pyspan.pipeline.file import FileExporter
from tests.unit.pipeline.tracing import make_queue, make_spans, make_tracer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


class LineBatch:
    """A batch that is the given line."""

    def __init__(self, line: str) -> None:
        self._line = line

    def to_json(self) -> bytes:
        return self._line.encode()


def lines(*texts: str) -> list[Batch]:
    return [cast("Batch", LineBatch(text)) for text in texts]


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
