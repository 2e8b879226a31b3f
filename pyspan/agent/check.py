"""Checks that need the machine and not only the text: folders, installed extras, settings at odds with each other."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pyspan.agent.values import redact
from pyspan.config import read_pem
from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspan.agent.config import Loaded
    from pyspan.agent.exports import Export

__all__ = ["check"]

_KAFKA_PACKAGES = ("aiokafka", "cramjam")
_LONGEST_SOCKET_PATH = 107  # sun_path of unix(7), less its NUL


def check(loaded: Loaded) -> None:
    """Look for everything that would stop the agent from starting; nothing is created.

    Raises:
        ConfigurationError: one line a problem, each with the key, the value, the place and the fix.
    """
    problems = [*_receivers(loaded), *_sizes(loaded), *_folders(loaded), *_exports(loaded)]
    if problems:
        raise ConfigurationError("\n".join(problems))


def _receivers(loaded: Loaded) -> Iterator[str]:
    config = loaded.config
    if config.otlp_http is None and config.otlp_grpc is None and config.socket is None:
        yield _problem(loaded, "otlp-http", "off", "every receiver is off (switch one on, or set socket)")
    taken: dict[object, str] = {}
    for key, address in (("otlp-http", config.otlp_http), ("otlp-grpc", config.otlp_grpc), ("admin", config.admin)):
        if address is None or address.port == 0:
            continue
        if address in taken:
            yield _problem(loaded, key, address, f"{taken[address]} has this address too (choose another port)")
        taken[address] = key
    if config.socket and len(os.fsencode(config.socket)) > _LONGEST_SOCKET_PATH:
        yield _problem(
            loaded, "socket", config.socket, f"longer than {_LONGEST_SOCKET_PATH} bytes (choose a shorter path)"
        )


def _sizes(loaded: Loaded) -> Iterator[str]:
    config = loaded.config
    if config.spool_max_bytes < 2 * config.spool_segment_bytes:
        fix = f"less than two segments of {config.spool_segment_bytes} bytes (raise it, or lower spool-segment-bytes)"
        yield _problem(loaded, "spool-max-bytes", config.spool_max_bytes, fix)


def _folders(loaded: Loaded) -> Iterator[str]:
    config = loaded.config
    folders = [("spool", config.spool, config.spool)]
    if config.socket and not config.socket.parent.is_dir():
        yield _problem(loaded, "socket", config.socket, f"the folder {config.socket.parent} is not there (create it)")
    elif config.socket:
        folders.append(("socket", config.socket, config.socket.parent))
    files = [Path(export.target) for export in config.export if export.kind == "file"]
    folders += [("export", file, file.parent) for file in files]
    for key, value, folder in folders:
        if reason := _why_not_writable(folder):
            yield _problem(loaded, key, value, reason)
    for file in files:
        if file.is_dir():
            yield _problem(loaded, "export", f"file={file}", "is a folder (name a file in it)")


def _why_not_writable(folder: Path) -> str | None:
    """Say why files can't be made in a folder, which may be created when the agent starts."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        return f"{there} is not a folder (choose another path)"
    if not os.access(there, os.W_OK | os.X_OK):
        return f"{there} is not writable for user {os.getuid()} (change its owner, or choose another path)"
    return None


def _exports(loaded: Loaded) -> Iterator[str]:
    for export in loaded.config.export:
        problems = [*_extras(loaded, export), *_certificates(loaded, export)]
        yield from problems or _as_the_exporter_sees_it(loaded, export)


def _extras(loaded: Loaded, export: Export) -> Iterator[str]:
    missing = [package for package in _KAFKA_PACKAGES if export.kind == "kafka" and find_spec(package) is None]
    if missing:
        yield _problem(loaded, "export", export, f"needs {', '.join(missing)} (pip install 'pyspan-tracing[kafka]')")


def _as_the_exporter_sees_it(loaded: Loaded, export: Export) -> Iterator[str]:
    """Make the exporter, which connects to nothing yet, for what only its client can judge."""
    from pyspan.agent.exporters import make_exporter
    from pyspan.pipeline.stats import Stats

    try:
        make_exporter(export, Stats(export.name))
    except ValueError as error:
        yield _problem(loaded, "export", export, str(error))


def _certificates(loaded: Loaded, export: Export) -> Iterator[str]:
    files = {
        "certificate": export.certificate,
        "client-certificate": export.client_certificate,
        "client-key": export.client_key,
    }
    for key, path in files.items():
        try:
            _ = path and read_pem(str(path), key, f"{loaded.places['export']} of {export}")
        except ConfigurationError as error:  # noqa: PERF203 - three files
            yield str(error)
    if (export.client_certificate is None) != (export.client_key is None):
        yield _problem(loaded, "export", export, "client-certificate and client-key go together (set both)")


def _problem(loaded: Loaded, key: str, value: object, reason: str) -> str:
    return f"{loaded.places[key]} = {redact(str(value))}: {reason}"
