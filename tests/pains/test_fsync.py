"""A backlog is lost at a power loss: when the disk has what was acknowledged is what the policy says."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.agent.test_delivery import wait_until
from tests.support.otlp_messages import make_request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.agent_process import AgentProcess
    from tests.support.otlp_sink import OtlpSink

# Stands before the C library: notes each sync in a file, and fails it while a second file is there.
WATCHED = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int fdatasync(int file) {
    int log = open(getenv("SYNC_LOG"), O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (write(log, ".", 1) != 1) abort();
    close(log);
    if (access(getenv("SYNC_FAILS"), F_OK) == 0) { errno = EIO; return -1; }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(file);
}
"""


@pytest.fixture
def watched(tmp_path: Path) -> dict[str, str]:
    """Build the library and return the environment that loads it."""
    source, library = tmp_path / "watched.c", tmp_path / "watched.so"
    source.write_text(WATCHED)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "SYNC_LOG": str(tmp_path / "syncs"), "SYNC_FAILS": str(tmp_path / "fails")}


def syncs(tmp_path: Path) -> int:
    log = tmp_path / "syncs"
    return log.stat().st_size if log.exists() else 0


def test_always_acknowledges_nothing_that_the_disk_does_not_have(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink, tmp_path: Path, watched: dict[str, str]
) -> None:
    agent = make_agent("--spool-fsync", "always", exports=[f"otlp={sink.endpoint}"], **watched).start()
    for _ in range(3):
        before = syncs(tmp_path)
        assert agent.post(make_request(10)[0]) == 200
        assert syncs(tmp_path) > before
    (tmp_path / "fails").touch()
    assert agent.post(make_request(10)[0]) == 503
    assert agent.status()["spool"]["sync_errors"] == 1
    (tmp_path / "fails").unlink()
    assert agent.post(make_request(10)[0]) == 200


def test_interval_syncs_by_itself_and_tries_again_what_failed(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink, tmp_path: Path, watched: dict[str, str]
) -> None:
    (tmp_path / "fails").touch()
    agent = make_agent("--spool-fsync", "interval", exports=[f"otlp={sink.endpoint}"], **watched).start()
    assert agent.post(make_request(10)[0]) == 200
    wait_until(lambda: agent.status()["spool"]["sync_errors"] >= 2)
    wait_until(lambda: "damage in the spool (sync_errors)" in agent.output)
    (tmp_path / "fails").unlink()
    failed, tried = agent.status()["spool"]["sync_errors"], syncs(tmp_path)
    wait_until(lambda: syncs(tmp_path) > tried)
    assert agent.status()["spool"]["sync_errors"] <= failed + 1


def test_never_leaves_it_to_the_system(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink, tmp_path: Path, watched: dict[str, str]
) -> None:
    agent = make_agent("--spool-fsync", "never", exports=[f"otlp={sink.endpoint}"], **watched).start()
    assert agent.post(make_request(10)[0]) == 200
    sink.wait_for_spans(10)
    assert agent.stop() == 0
    assert syncs(tmp_path) == 0
