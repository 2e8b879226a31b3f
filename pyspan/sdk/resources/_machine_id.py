"""The id of the machine, from where each operating system shows it to everybody (semantic conventions, `host.id`)."""

from __future__ import annotations

import logging
import platform
import subprocess
from pathlib import Path

__all__ = ["machine_id"]

logger = logging.getLogger(__name__)

_LINUX_MACHINE_ID_PATHS = ("/etc/machine-id", "/var/lib/dbus/machine-id")
_BSD_MACHINE_ID_PATH = "/etc/hostid"
_BSD_KENV_COMMAND = ("/bin/kenv", "-q", "smbios.system.uuid")
_MACOS_IOREG_COMMAND = ("/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice")

# Seconds; well below what a detector is waited for.
TIMEOUT = 2


def machine_id() -> str | None:
    """Return the id, or None where there is none; a command that hangs raises `subprocess.TimeoutExpired`."""
    system = platform.system()
    if system == "Linux":
        return next(filter(None, map(_read, _LINUX_MACHINE_ID_PATHS)), None)
    if system == "Darwin":
        return _platform_uuid(_run(_MACOS_IOREG_COMMAND))
    if system == "DragonFly" or system.endswith("BSD"):
        return _read(_BSD_MACHINE_ID_PATH) or _run(_BSD_KENV_COMMAND).strip() or None
    return None


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        logger.debug("no machine id in %s: %s", path, error)
        return None


def _run(command: tuple[str, ...]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True).stdout
    except (subprocess.CalledProcessError, OSError) as error:
        logger.debug("no machine id by %s: %s", command[0], error)
        return ""


def _platform_uuid(listing: str) -> str | None:
    """Read the line `"IOPlatformUUID" = "..."`."""
    pairs = (line.partition("=") for line in listing.splitlines())
    found = {key.strip(' "'): value.strip(' "') for key, _, value in pairs}
    return found.get("IOPlatformUUID") or None
