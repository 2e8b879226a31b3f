"""What the agent says about itself at the start and under `--check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspan._command import columns
from pyspan.agent.config import SETTINGS, AgentConfig, Loaded

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["configuration_text", "start_text"]


def configuration_text(loaded: Loaded) -> str:
    """List every key with its value and the place it comes from."""
    values = [(setting.key, _format(getattr(loaded.config, setting.field))) for setting in SETTINGS]
    rows = [(key, value, _place(loaded, key)) for key, value in values]
    return f"the configuration is valid:\n{columns(rows)}"


def start_text(config: AgentConfig, bound: Mapping[str, str]) -> str:
    """Describe a running agent in one block: what it listens on, where it exports, where the spool is."""
    lines = ["pyspan-agent is ready"]
    lines += [f"  receive  {name.replace('_', '-'):10} {address}" for name, address in bound.items() if name != "admin"]
    lines += [f"  export   {export}" for export in config.export]
    lines.append(f"  spool    {config.spool} (up to {_bytes(config.spool_max_bytes)}, fsync {config.spool_fsync})")
    lines.append(f"  admin    http://{bound['admin']}/status" if "admin" in bound else "  admin    off")
    return "\n".join(lines)


def _place(loaded: Loaded, key: str) -> str:
    place = loaded.places[key]
    return "default" if place.startswith("default ") else place


def _format(value: object) -> str:
    if value is None:
        return "off"
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return str(value)


def _bytes(count: int) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.4g} {unit}"
        count /= 1024  # type: ignore[assignment]
    return f"{count:.4g} GiB"
