"""Checks that need the machine and not only the text: folders, installed extras, settings at odds with each other."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pyspan.agent.loops import loops
from pyspan.config import read_pem
from pyspan.config.redaction import redact
from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspan.agent.config import Loaded
    from pyspan.agent.exports import Export
    from pyspan.config.address import Address

__all__ = ["check"]

_KAFKA_PACKAGES = ("aiokafka", "cramjam")
_SYSTEM_FOLDERS = ("/proc", "/sys")  # where root may write by the mode bits, and cannot
_ALL_ADDRESSES = frozenset({"", "*", "0.0.0.0", "::", "[::]"})  # noqa: S104 - compared, not bound
_LONGEST_SOCKET_PATH = 107  # sun_path of unix(7), less its NUL


def check(loaded: Loaded) -> None:
    """Look for everything that would stop the agent from starting; nothing is created.

    Raises:
        ConfigurationError: one line a problem, each with the key, the value, the place and the fix.
    """
    problems = [*_receivers(loaded), *_sizes(loaded), *_folders(loaded), *_exports(loaded), *_loops(loaded)]
    if problems:
        raise ConfigurationError("\n".join(problems))


def _receivers(loaded: Loaded) -> Iterator[str]:
    config = loaded.config
    if config.otlp_http is None and config.otlp_grpc is None and config.socket is None:
        yield _problem(loaded, "otlp-http", "off", "every receiver is off (switch one on, or set socket)")
    taken: list[tuple[str, Address]] = []
    for key, address in (("otlp-http", config.otlp_http), ("otlp-grpc", config.otlp_grpc), ("admin", config.admin)):
        if address is None or address.port == 0:
            continue
        for other_key, other in taken:
            if _overlap(address, other):
                yield _problem(loaded, key, address, f"{other_key} has this address too (choose another port)")
        taken.append((key, address))
    if config.socket and len(os.fsencode(config.socket)) > _LONGEST_SOCKET_PATH:
        yield _problem(
            loaded, "socket", config.socket, f"longer than {_LONGEST_SOCKET_PATH} bytes (choose a shorter path)"
        )


def _overlap(address: Address, other: Address) -> bool:
    hosts = {"127.0.0.1" if host == "localhost" else host for host in (address.host.lower(), other.host.lower())}
    return address.port == other.port and (len(hosts) == 1 or not hosts.isdisjoint(_ALL_ADDRESSES))


def _sizes(loaded: Loaded) -> Iterator[str]:
    config = loaded.config
    if config.spool_max_bytes < 2 * config.spool_segment_bytes:
        fix = f"less than two segments of {config.spool_segment_bytes} bytes (raise it, or lower spool-segment-bytes)"
        yield _problem(loaded, "spool-max-bytes", config.spool_max_bytes, fix)
    elif config.max_body_bytes > config.spool_max_bytes:
        fix = f"larger than the spool of {config.spool_max_bytes} bytes (lower it, or raise spool-max-bytes)"
        yield _problem(loaded, "max-body-bytes", config.max_body_bytes, fix)


def _folders(loaded: Loaded) -> Iterator[str]:
    config = loaded.config
    places = [("spool", str(config.spool), _why(_why_not_writable, config.spool))]
    if config.socket:
        places.append(("socket", str(config.socket), _why(_why_no_socket, config.socket, config.spool)))
    # The default file lies in the state folder, which is made at the first start; any other is a slip where it is not.
    may_create = loaded.places["export"].startswith("default ")
    files = [export for export in config.export if export.kind == "file"]
    for file in files:
        reason = _why(_why_no_file, Path(file.target), config.spool, None if may_create else Path(file.target).parent)
        places.append(("export", str(file), reason))
    for key, value, reason in places:
        if reason:
            yield _problem(loaded, key, value, reason)


def _why(reason: Callable[..., str | None], *arguments: object) -> str | None:
    """Return the reason, or what the system says to the mere question, as of a name that is too long."""
    try:
        return reason(*arguments)
    except OSError as error:
        return f"{(error.strerror or str(error)).lower()} (choose another path)"


def _why_no_socket(path: Path, spool: Path) -> str | None:
    if path.absolute() == spool.absolute():
        return "is the folder of the spool (choose another path)"
    if path.exists() and not path.is_socket():
        return "is there and no socket (choose another path, or remove it)"
    return _why_not_there(path.parent) or _why_not_writable(path.parent)


def _why_no_file(file: Path, spool: Path, needed: Path | None) -> str | None:
    if file.is_dir():
        return "is a folder (name a file in it)"
    if file.exists() and not file.is_file() and file != Path(os.devnull):
        return "is a device or a pipe, which can't be appended to (name a file)"
    if file.resolve().is_relative_to(spool.resolve()):
        return f"lies in the spool {spool}, whose files are the agent's own (choose another folder)"
    return _why_not_there(needed) or _why_not_writable(file.parent)


def _why_not_there(folder: Path | None) -> str | None:
    if folder is None:
        return None
    return None if folder.exists() else f"the folder {folder} is not there (create it)"


def _why_not_writable(folder: Path) -> str | None:
    """Say why files can't be made in a folder, which may be created when the agent starts."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if any(there.resolve().is_relative_to(system) for system in _SYSTEM_FOLDERS):
        return f"{there} belongs to the kernel and holds no files of ours (choose another path)"
    if not there.is_dir():
        return f"{there} is not a folder (choose another path)"
    if not os.access(there, os.W_OK | os.X_OK):
        return f"{there} is not writable for user {os.getuid()} (change its owner, or choose another path)"
    return None


def _loops(loaded: Loaded) -> Iterator[str]:
    for export, key in loops(loaded.config):
        yield _problem(loaded, "export", export, f"is this agent's own {key}: spans would go in circles (leave it out)")


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
    otlp = export.otlp
    if otlp is None:
        return
    files = {
        "certificate": otlp.certificate,
        "client-certificate": otlp.client_certificate,
        "client-key": otlp.client_key,
    }
    for key, path in files.items():
        try:
            _ = path and read_pem(path, key, f"{loaded.places['export']} of {export}")
        except ConfigurationError as error:  # noqa: PERF203 - three files
            yield str(error)
    if (otlp.client_certificate is None) != (otlp.client_key is None):
        yield _problem(loaded, "export", export, "client-certificate and client-key go together (set both)")


def _problem(loaded: Loaded, key: str, value: object, reason: str) -> str:
    return f"{loaded.places[key]} = {redact(str(value))}: {reason}"
