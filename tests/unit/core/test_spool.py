"""The spool as Python sees it: errors, wakeups, threads, full disks and kill -9."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING

import pytest

from pyspan._core import Batch, Spool
from pyspan.errors import ConfigurationError, PermanentError, PyspanError, RetryableError, SpoolFullError
from tests.support.otlp_messages import SpanKey, check_spans, make_request

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

    from pyspan._core import SpoolReader

    Fsync = Literal["never", "interval", "always"]

MIB = 1 << 20


def open_spool(folder: Path, *, fsync: Fsync = "never", max_bytes: int = 16 * MIB) -> Spool:
    return Spool(folder / "spool", segment_bytes=MIB, max_bytes=max_bytes, fsync=fsync)


def make_batch(spans: int = 10) -> Batch:
    return Batch.parse(make_request(spans)[0])


def drain(reader: SpoolReader) -> list[SpanKey]:
    keys: list[SpanKey] = []
    while (read := reader.read(4096, 4 * MIB)) is not None:
        batch, offset = read
        keys += check_spans(batch.data)
        reader.ack(offset)
    return keys


def is_readable(reader: SpoolReader) -> bool:
    return bool(select.select([reader.fileno()], [], [], 0)[0])


def test_a_reader_gets_what_was_appended(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    reader = spool.reader("otlp=http://localhost:4318/v1/traces")
    batches = [make_batch() for _ in range(5)]
    for batch in batches:
        spool.append(batch)
    assert (reader.lag_spans, reader.lag_bytes > 0) == (50, True)
    assert drain(reader) == [key for batch in batches for key in batch.span_ids()]
    assert (reader.lag_spans, reader.lag_bytes, reader.offset) == (0, 0, reader.acked_offset)


def test_what_was_not_acknowledged_comes_again_after_a_restart(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    batches = [make_batch() for _ in range(3)]
    for batch in batches:
        spool.append(batch)
    reader = spool.reader("a")
    read = reader.read(10, MIB)
    assert read is not None
    reader.ack(read[1])
    assert reader.read(10, MIB) is not None
    spool.close()
    spool = open_spool(tmp_path)
    assert (spool.reader_names(), spool.stats()["accepted_spans"], spool.reader("a").lag_spans) == (["a"], 30, 20)
    assert drain(spool.reader("a")) == batches[1].span_ids() + batches[2].span_ids()


def test_rewind_reads_again_what_was_not_acknowledged(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    reader = spool.reader("a")
    spool.append(make_batch())
    first = reader.read(100, MIB)
    reader.rewind()
    again = reader.read(100, MIB)
    assert first is not None
    assert again is not None
    assert (first[0].data, first[1]) == (again[0].data, again[1])


def test_a_batch_larger_than_the_limits_comes_in_pieces(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    batch = make_batch(100)
    spool.append(batch)
    reader = spool.reader("a")
    sizes, keys = [], []
    while (read := reader.read(30, 4 * MIB)) is not None:
        sizes.append(len(read[0]))
        keys += check_spans(read[0].data)
    assert (sizes, keys) == ([30, 30, 30, 10], batch.span_ids())


def test_the_descriptor_wakes_a_reader_for_what_is_new(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    reader = spool.reader("a")
    assert is_readable(reader), "what is there already is news"
    reader.clear_wakeup()
    assert reader.read(100, MIB) is None
    assert not is_readable(reader)
    spool.append(make_batch())
    assert is_readable(reader)
    reader.clear_wakeup()
    assert len(drain(reader)) == 10
    assert not is_readable(reader)
    spool.append(make_batch())
    assert is_readable(reader)


def test_a_full_spool_asks_for_a_retry_and_takes_again_when_read(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, max_bytes=256 * 1024)
    reader = spool.reader("a")
    accepted = 0
    while spool.stats()["bytes"] < 262144 or spool.stats()["next_offset"] % 65536 < 50_000:
        spool.append(make_batch(100))
        accepted += 100
    with pytest.raises(SpoolFullError, match=r"spool is full: 262144 of 262144 bytes wait for readers") as raised:
        spool.append(make_batch(400))
    assert isinstance(raised.value, RetryableError)
    assert spool.stats()["bytes"] <= 262144
    assert len(drain(reader)) == accepted
    spool.append(make_batch(100))
    assert len(drain(reader)) == 100


def test_a_batch_larger_than_the_spool_is_refused_for_good(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, max_bytes=16 * 1024)
    with pytest.raises(PermanentError, match="larger than the spool's limit of 16384"):
        spool.append(make_batch(1000))


def test_a_spool_in_use_names_its_folder_and_process(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    with pytest.raises(ConfigurationError, match=f"spool {tmp_path}/spool is in use by process {os.getpid()}"):
        open_spool(tmp_path)
    spool.close()
    with pytest.raises(PyspanError, match="spool is closed"):
        spool.append(make_batch())
    open_spool(tmp_path).close()


def test_settings_that_do_not_exist_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="use never, interval or always"):
        open_spool(tmp_path, fsync="often")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="fsync_interval -1"):
        Spool(tmp_path, segment_bytes=MIB, max_bytes=MIB, fsync="interval", fsync_interval=-1)


def test_a_folder_that_cannot_be_made_is_an_os_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError) as raised:
        open_spool(tmp_path / "file")
    assert raised.value.filename == str(tmp_path / "file" / "spool")


@pytest.mark.parametrize("fsync", ["never", "interval", "always"])
def test_threads_append_and_read_at_the_same_time(tmp_path: Path, fsync: Fsync) -> None:
    spool = open_spool(tmp_path, fsync=fsync)
    batches = [make_batch(7) for _ in range(40)]
    readers = [spool.reader("a"), spool.reader("b")]
    received: list[list[SpanKey]] = [[], []]

    def read(at: int) -> None:
        while len(received[at]) < 280:
            select.select([readers[at].fileno()], [], [], 10)
            readers[at].clear_wakeup()
            received[at].extend(drain(readers[at]))

    def append(part: int) -> None:
        for batch in batches[part::2]:
            spool.append(batch)

    threads = [threading.Thread(target=work, args=(at,)) for work in (append, read) for at in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    expected = sorted(key for batch in batches for key in batch.span_ids())
    assert [sorted(keys) for keys in received] == [expected, expected]


CHILD = """
    import sys
    from pyspan._core import Batch, Spool
    from tests.support.otlp_messages import make_request

    spool = Spool(sys.argv[1], segment_bytes=1 << 18, max_bytes=1 << 28, fsync="never")
    while True:
        body, keys = make_request(50)
        spool.append(Batch.parse(body))
        print(" ".join(f"{trace}:{span}" for trace, span in keys), flush=True)
"""


@pytest.mark.parametrize("lines", [3, 40, 120])
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, lines: int) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), str(tmp_path / "spool")], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    printed = [child.stdout.readline() for _ in range(lines)]
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read()
    child.stdout.close()
    child.wait()
    complete = [line for line in [*printed, *rest.splitlines(keepends=True)] if line.endswith("\n")]
    acknowledged = {key for line in complete for key in line.split()}
    spool = open_spool(tmp_path)
    spool.append(make_batch())
    survived = {f"{trace}:{span}" for trace, span in drain(spool.reader("a"))}
    assert acknowledged <= survived
    assert spool.stats()["skipped_records"] == 0


FULL_DISK = """
    import resource, sys
    from pyspan._core import Batch, Spool
    from tests.support.otlp_messages import check_spans, make_request

    def batch():
        return Batch.parse(make_request(100)[0])

    spool = Spool(sys.argv[1], segment_bytes=1 << 20, max_bytes=1 << 28, fsync="never")
    reader = spool.reader("a")
    spool.append(batch())
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    accepted, refused = 100, 0
    for _ in range(200):
        try:
            spool.append(batch())
            accepted += 100
        except OSError as error:
            refused += 1
            number = error.errno
    assert refused > 0 and accepted > 100, (refused, accepted)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    for _ in range(100):
        spool.append(batch())
        accepted += 100
    spool.close()
    spool = Spool(sys.argv[1], segment_bytes=1 << 20, max_bytes=1 << 28, fsync="never")
    read = 0
    while (item := spool.reader("a").read(4096, 1 << 22)) is not None:
        read += len(check_spans(item[0].data))
    stats = spool.stats()
    print(read == accepted == stats["accepted_spans"], stats["torn_records"], stats["skipped_records"])
"""


def test_a_write_that_fails_stores_nothing_and_leaves_the_spool_usable(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL_DISK), str(tmp_path / "spool")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout, run.stderr) == ("True 0 0\n", "")


def test_damage_is_stepped_over_and_counted(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    batches = [make_batch() for _ in range(3)]
    ends = [spool.append(batch) for batch in batches]
    spool.close()
    [segment] = (tmp_path / "spool").glob("*.segment")
    content = bytearray(segment.read_bytes())
    content[ends[0] + 200] ^= 1
    segment.write_bytes(content)
    spool = open_spool(tmp_path)
    assert drain(spool.reader("a")) == batches[0].span_ids() + batches[2].span_ids()
    stats = spool.stats()
    assert (stats["skipped_records"], stats["skipped_spans"], stats["skipped_bytes"]) == (1, 10, ends[1] - ends[0])
