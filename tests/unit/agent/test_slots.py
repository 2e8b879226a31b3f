"""The file of two slots: what was written last is read, whatever a crash left of the write after it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from pyspan.agent.slots import SLOT_BYTES, SlotFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_the_last_two_writes_are_read_the_newest_first(tmp_path: Path) -> None:
    file = SlotFile(tmp_path / "file")
    assert file.was_empty
    assert file.read() == []
    for number in range(5):
        file.write(str(number).encode())
    again = SlotFile(tmp_path / "file")
    assert again.read() == [b"4", b"3"]
    again.write(b"5")
    assert again.read() == [b"5", b"4"]


def test_any_torn_write_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "file"
    file = SlotFile(path)
    file.write(b"first")
    file.write(b"second")
    before = path.read_bytes()
    file.write(b"third, longer than the first")
    after = path.read_bytes()
    for cut in range(SLOT_BYTES, SLOT_BYTES + 44):
        path.write_bytes(before[:SLOT_BYTES] + after[SLOT_BYTES:cut] + before[cut:])
        assert SlotFile(path).read()[0] in {b"second", b"third, longer than the first"}


def test_a_full_disk_does_not_hinder_a_write(full_disk: Path) -> None:
    file = SlotFile(full_disk / "file")
    fill(full_disk / "filler")
    with pytest.raises(OSError, match="No space left"):
        (full_disk / "other").write_bytes(b"x")
    for number in range(5):
        file.write(str(number).encode() * 1000)
    assert SlotFile(full_disk / "file").read() == [b"4" * 1000, b"3" * 1000]


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 64 KiB, where this user may."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    mounted = subprocess.run(mount, check=False, stderr=subprocess.PIPE, text=True)
    if mounted.returncode:
        pytest.skip(f"a full disk needs a small tmpfs, which can't be mounted: {mounted.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


def fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1024))


def test_what_fits_no_slot_is_refused_and_the_rest_kept(tmp_path: Path) -> None:
    file = SlotFile(tmp_path / "file")
    file.write(b"x")
    with pytest.raises(OSError, match="too many for a slot"):
        file.write(bytes(SLOT_BYTES))
    assert file.read() == [b"x"]


def test_garbage_is_no_slot_and_the_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(3 * SLOT_BYTES))
    assert SlotFile(path).read() == []
    fresh = tmp_path / "fresh"
    SlotFile(fresh)
    assert fresh.stat().st_mode & 0o777 == 0o600
