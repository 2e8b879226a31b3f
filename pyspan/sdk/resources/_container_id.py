"""The id of the container, from what Linux shows a process of itself (semantic conventions, `container.id`)."""

from __future__ import annotations

import logging
import re
from pathlib import Path

__all__ = ["container_id"]

logger = logging.getLogger(__name__)

_CGROUP_PATH = "/proc/self/cgroup"
_MOUNTS_PATH = "/proc/self/mountinfo"

# A group of its own for each container: `<id>`, `docker-<id>.scope`, `libpod-<id>`, `<slice>:cri-containerd:<id>`.
GROUP = re.compile(r"(?:.*[-:])?([0-9a-f]{64})(?:\.scope)?")
# The folder of a container: `containers/<id>/`, podman's `overlay-containers/<id>/`, nerdctl's `containers/x/<id>/`.
FOLDER = re.compile(r".*[/-]containers/(?:[^/]+/)??([0-9a-f]{64})(?:/.*)?")
# What the kubelet gives the containers of a pod.
POD = re.compile(r".*/pods/[^/]+/(?:etc-hosts|containers/.*)")
# Where every container has files of its own folder; those of a pod have its sandbox's, which is another container.
PLACES = ("/etc/hostname", "/etc/resolv.conf", "/etc/hosts", "/run/.containerenv")


def container_id() -> str | None:
    """Return the 64 hexadecimal digits, or None outside a container and where nothing tells the id for certain."""
    return _of_groups(_read(_CGROUP_PATH)) or _of_mounts(_read(_MOUNTS_PATH))


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        logger.debug("no container id in %s: %s", path, error)
        return ""


def _of_groups(text: str) -> str | None:
    """Read lines `number:controllers:path`; the innermost of nested containers is the process's own."""
    paths = (line.split(":", 2)[2] for line in text.split("\n") if line.count(":") > 1)
    parts = (part for path in paths for part in reversed(path.split("/")))
    return next((match[1] for part in parts if (match := GROUP.fullmatch(part))), None)


def _of_mounts(text: str) -> str | None:
    """Read lines `id parent device root place ...` (proc(5)).

    Only the root counts: the host of containers has their folders as places.
    """
    rows = [fields for line in text.split("\n") if len(fields := line.split(" ")) > 4]
    found = {place: match[1] for *_, root, place in (row[:5] for row in rows) if (match := FOLDER.fullmatch(root))}
    usual = [found.pop(place) for place in PLACES if place in found]
    trusted = [] if any(POD.fullmatch(row[3]) for row in rows) else usual
    return next(iter([*trusted, *found.values()]), None)
