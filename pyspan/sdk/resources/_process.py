"""Detectors that are switched on by name: the process, the operating system, the host."""

from __future__ import annotations

import logging
import os
import platform
import sys
from pathlib import Path, PurePath
from typing import Any

from pyspan.sdk.resources import _names as names
from pyspan.sdk.resources._detector import ResourceDetector
from pyspan.sdk.resources._resource import Resource

__all__ = ["OsResourceDetector", "ProcessResourceDetector", "_HostResourceDetector"]

logger = logging.getLogger(__name__)

MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"), Path("/etc/hostid"))


class ProcessResourceDetector(ResourceDetector):
    """Gives process id, command, executable and runtime; arguments, which can hold secrets, only when asked for."""

    def __init__(self, raise_on_error: bool = False, *, include_command_args: bool = False) -> None:
        super().__init__(raise_on_error)
        self._include_command_args = include_command_args

    def is_process_dependent(self) -> bool:
        return True

    def detect(self) -> Resource:
        found = {**_identity(), **_runtime(), **_owner()}
        if self._include_command_args:
            found[names.PROCESS_COMMAND_LINE] = " ".join(sys.orig_argv)
            found[names.PROCESS_COMMAND_ARGS] = list(sys.orig_argv)
        return Resource(found)


class OsResourceDetector(ResourceDetector):
    """Gives type and version of the operating system."""

    def detect(self) -> Resource:
        system = platform.system().lower()
        version = platform.version() if system in ("windows", "sunos") else platform.release()
        return Resource({names.OS_TYPE: {"sunos": "solaris"}.get(system, system), names.OS_VERSION: version})


class _HostResourceDetector(ResourceDetector):
    """Gives name, architecture and machine id of the host; the id is left out where it cannot be read."""

    def detect(self) -> Resource:
        found = {names.HOST_NAME: platform.node(), names.HOST_ARCH: platform.machine()}
        if machine_id := next(filter(None, map(_first_line, MACHINE_IDS)), None):
            found[names.HOST_ID] = machine_id
        return Resource(found)


def _identity() -> dict[str, Any]:
    return {
        names.PROCESS_PID: os.getpid(),
        names.PROCESS_PARENT_PID: os.getppid(),
        names.PROCESS_EXECUTABLE_NAME: PurePath(sys.executable or "").name,
        names.PROCESS_EXECUTABLE_PATH: sys.executable or "",
        # orig_argv keeps what `python -m module` was called by
        names.PROCESS_COMMAND: sys.orig_argv[0] if sys.orig_argv else "",
    }


def _runtime() -> dict[str, Any]:
    version = sys.version_info
    released = version.releaselevel == "final" and not version.serial
    return {
        names.PROCESS_RUNTIME_NAME: sys.implementation.name,
        names.PROCESS_RUNTIME_VERSION: ".".join(map(str, version[:3] if released else version)),
        names.PROCESS_RUNTIME_DESCRIPTION: sys.version,
    }


def _owner() -> dict[str, Any]:
    try:
        import pwd

        return {names.PROCESS_OWNER: pwd.getpwuid(os.getuid()).pw_name}
    except (ImportError, KeyError):  # not a POSIX system, or a user without an entry, as in many containers
        return {}


def _first_line(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        logger.debug("no machine id in %s: %s", path, error)
        return None
