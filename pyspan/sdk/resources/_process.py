"""Detectors that are switched on by name: the process, the operating system, the host, the container."""

from __future__ import annotations

import logging
import os
import platform
import socket
import sys
from pathlib import PurePath
from typing import Any

from pyspan.sdk.resources import _names as names
from pyspan.sdk.resources._container_id import container_id
from pyspan.sdk.resources._detector import ResourceDetector
from pyspan.sdk.resources._machine_id import machine_id
from pyspan.sdk.resources._resource import Resource

__all__ = ["ContainerResourceDetector", "OsResourceDetector", "ProcessResourceDetector", "_HostResourceDetector"]

logger = logging.getLogger(__name__)


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
        found = {names.HOST_NAME: socket.gethostname(), names.HOST_ARCH: platform.machine()}
        if host_id := self._host_id():
            found[names.HOST_ID] = host_id
        return Resource(found)

    def _host_id(self) -> str | None:
        try:
            return machine_id()
        except Exception as error:
            logger.warning("Failed to detect %s: %s", names.HOST_ID, error)
            if self.raise_on_error:
                raise
            return None


class ContainerResourceDetector(ResourceDetector):
    """Gives the id of the container; outside one, nothing."""

    def detect(self) -> Resource:
        found = container_id()
        return Resource({names.CONTAINER_ID: found} if found else {})


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
