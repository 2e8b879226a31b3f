"""The texts tell the truth: links lead somewhere, code runs, settings are valid."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import certifi
import pytest

from tests.docs.blocks import ROOT, Block, blocks, texts
from tests.support.otlp_sink import OtlpSink

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:benches|docs|examples|pyspan|rust_core|tests|tools)/[\w./-]*)`")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def _anchors(path: Path) -> set[str]:
    headings = HEADING.findall(path.read_text())
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", texts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    broken = []
    for target in LINK.findall(path.read_text()):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        file = path.parent / name if name else path
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_blocks_run(block: Block, tmp_path: Path) -> None:
    with OtlpSink() as sink:
        done = _run([sys.executable, "-W", "error", "-c", block.code], tmp_path, sink)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert sink.violations == []
    assert bool(sink.delivered()) == ("configure()" in block.code or "OTLPSpanExporter()" in block.code)


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_settings_are_valid(block: Block, tmp_path: Path) -> None:
    settings = tmp_path / "agent.toml"
    settings.write_text(re.sub(r'"(/[^"]+)"', lambda path: f'"{_existing(tmp_path, path[1])}"', block.code))
    environment = {**os.environ, **dict.fromkeys(re.findall(r"\$\{(\w+)\}", block.code), "x")}
    words = [sys.executable, "-m", "pyspan.agent", "--check", "--config", str(settings)]
    done = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_configuration_files_are_valid(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "otel.yaml"
    file.write_text(block.code)
    words = [sys.executable, "-m", "pyspan", "config"]
    environment = {**os.environ, "OTEL_CONFIG_FILE": str(file)}
    done = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def test_the_reference_names_every_key_of_the_agent() -> None:
    from pyspan.agent.config import SETTINGS

    table = (ROOT / "docs" / "reference" / "agent.md").read_text()
    assert [setting.key for setting in SETTINGS if f"`{setting.key}`" not in table] == []


@pytest.mark.parametrize("path", texts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(path: Path) -> None:
    named = NAMED.findall(path.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_known_pains_name_each_test_that_holds_one_off_and_no_other() -> None:
    named = re.findall(r"\[(\w+)\]\(\.\./tests/pains/test_(\w+)\.py\)", (ROOT / "docs" / "known-pains.md").read_text())
    files = (ROOT / "tests" / "pains").glob("test_*.py")
    assert sorted(slug for _, slug in named) == sorted(path.stem.removeprefix("test_") for path in files)
    assert [label for label, slug in named if label != slug] == []


def test_every_shell_block_is_run_or_says_why_not() -> None:
    assert [str(block) for block in blocks("sh") if not block.reason] == []


def test_no_text_tells_to_install_a_package_of_strangers() -> None:
    offenders = [path for path in texts() if re.search(r"pip install [\"']?pyspan(?!-tracing)", path.read_text())]
    assert not offenders


def test_the_readme_is_read_to_its_end() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def _existing(directory: Path, named: str) -> Path:
    """Move a path of the text below the directory, and make the file if it is one."""
    path = directory / named.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".pem":
        shutil.copy(certifi.where(), path)
    return path


def _run(words: list[str], directory: Path, sink: OtlpSink) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint}
    return subprocess.run(
        words, cwd=directory, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
