"""The agent's configuration: one table of keys, read from flags, the environment, a TOML file and defaults."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from pyspan.agent.exports import Export, nearest, parse_exports
from pyspan.agent.values import (
    Address,
    parse_address,
    parse_bytes,
    parse_choice,
    parse_count,
    parse_optional,
    parse_path,
    parse_seconds,
    redact,
)
from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["SETTINGS", "AgentConfig", "Loaded", "Setting", "load"]

ENVIRONMENT_PREFIX = "PYSPAN_AGENT_"


class AgentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force; the fields are the keys of SETTINGS with underscores."""

    otlp_http: Address | None
    otlp_grpc: Address | None
    socket: Path | None
    admin: Address | None
    export: tuple[Export, ...]
    spool: Path
    spool_max_bytes: int
    spool_segment_bytes: int
    spool_fsync: Literal["never", "interval", "always"]
    spool_fsync_interval: float
    dead_letter_max_bytes: int
    batch_spans: int
    batch_bytes: int
    batch_wait: float
    in_flight: int
    max_body_bytes: int
    receiver_threads: int
    failing_after: float
    shutdown_timeout: float
    log_level: str
    log_format: str


@dataclass(frozen=True)
class Setting:
    """One key: how its value is parsed, what holds without it, and what `--help` says."""

    key: str
    parse: Callable[[object], object]
    default: object
    metavar: str
    help: str

    @property
    def field(self) -> str:
        """The name in AgentConfig and in the parsed flags."""
        return self.key.replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable with the same meaning."""
        return ENVIRONMENT_PREFIX + self.field.upper()


def state_folder() -> Path:
    """The folder for what outlives the process: XDG_STATE_HOME, which must be absolute, or ~/.local/state."""
    home = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (home if home.is_absolute() else Path.home() / ".local" / "state") / "pyspan"


SETTINGS: tuple[Setting, ...] = (
    Setting("otlp-http", parse_optional(parse_address), "127.0.0.1:4318", "HOST:PORT", "OTLP/HTTP receiver"),
    Setting("otlp-grpc", parse_optional(parse_address), "127.0.0.1:4317", "HOST:PORT", "OTLP/gRPC receiver"),
    Setting("socket", parse_optional(parse_path), "off", "PATH", "OTLP/HTTP receiver on a unix socket"),
    Setting("admin", parse_optional(parse_address), "127.0.0.1:13133", "HOST:PORT", "health, metrics and status"),
    Setting(
        "export",
        parse_exports,
        lambda: f"file={state_folder() / 'spans.jsonl'}",
        "KIND=TARGET",
        "otlp=URL, otlp-grpc=HOST:PORT, kafka=HOST:PORT/TOPIC or file=PATH; repeats",
    ),
    Setting("spool", parse_path, lambda: str(state_folder() / "spool"), "DIR", "folder of the write-ahead log"),
    Setting("spool-max-bytes", parse_bytes, "1GiB", "SIZE", "from here on senders are told to wait"),
    Setting("spool-segment-bytes", parse_bytes, "16MiB", "SIZE", "space is freed in pieces of this size"),
    Setting("spool-fsync", parse_choice("never", "interval", "always"), "interval", "WHEN", "never, interval, always"),
    Setting("spool-fsync-interval", parse_seconds, "50ms", "SECONDS", "between two fsyncs"),
    Setting("dead-letter-max-bytes", parse_bytes, "256MiB", "SIZE", "one exporter's dead letters; more is dropped"),
    Setting("batch-spans", parse_count, 4096, "COUNT", "spans in one export request at most"),
    Setting("batch-bytes", parse_bytes, "3.5MiB", "SIZE", "bytes in one export request at most"),
    Setting("batch-wait", parse_seconds, "200ms", "SECONDS", "how long a batch may wait to fill up"),
    Setting("in-flight", parse_count, 4, "COUNT", "export requests of one exporter at a time"),
    Setting("max-body-bytes", parse_bytes, "16MiB", "SIZE", "largest request body, after decompression"),
    Setting("receiver-threads", parse_count, 2, "COUNT", "threads of the receivers"),
    Setting("failing-after", parse_seconds, "30s", "SECONDS", "/readyz says 503 once an exporter fails this long"),
    Setting("shutdown-timeout", parse_seconds, "10s", "SECONDS", "for the drain on SIGTERM; the spool keeps the rest"),
    Setting("log-level", parse_choice("debug", "info", "warning", "error"), "info", "LEVEL", "debug to error"),
    Setting("log-format", parse_choice("text", "json"), "text", "FORMAT", "text or json"),
)
_KEYS = tuple(setting.key for setting in SETTINGS)


@dataclass(frozen=True)
class Loaded:
    """A configuration, and for each key the place its value came from."""

    config: AgentConfig
    places: Mapping[str, str]


def load(flags: Mapping[str, object], environ: Mapping[str, str], file: Path | None) -> Loaded:
    """Merge flags over the environment over the file over the defaults.

    Raises:
        ConfigurationError: one line a problem, each with the key, the value, the place and the fix.
    """
    table = _read_file(file) if file else {}
    problems = [_unknown(key, value, f"{file}:{key}", _KEYS) for key, value in table.items() if key not in _KEYS]
    problems += _unknown_variables(environ)
    fields: dict[str, Any] = {}
    places: dict[str, str] = {}
    for setting in SETTINGS:
        value, places[setting.key] = _find(setting, flags, environ, (file, table))
        try:
            fields[setting.field] = setting.parse(value)
        except (TypeError, ValueError) as error:
            problems.append(f"{places[setting.key]} = {_show(value)}: {error}")
    if problems:
        raise ConfigurationError("\n".join(problems))
    return Loaded(AgentConfig(**fields), places)


def _show(value: object) -> str:
    return " ".join(map(redact, value)) if isinstance(value, list) else redact(value)


def _find(
    setting: Setting, flags: Mapping[str, object], environ: Mapping[str, str], file: tuple[Path | None, dict[str, Any]]
) -> tuple[object, str]:
    path, table = file
    if flags.get(setting.field) is not None:
        return flags[setting.field], f"--{setting.key}"
    if setting.variable in environ:
        text = environ[setting.variable]
        return (text.split() if setting.key == "export" else text), f"environment {setting.variable}"
    if setting.key in table:
        return table[setting.key], f"{path}:{setting.key}"
    default = setting.default() if callable(setting.default) else setting.default
    return default, f"default {setting.key}"


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return _toml().loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
    except OSError as error:
        raise ConfigurationError(f"--config = {path}: {error.strerror} (name a TOML file that can be read)") from None
    except ValueError as error:
        raise ConfigurationError(f"--config = {path}: not TOML: {error}") from None


def _toml() -> Any:
    return import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")


def _unknown(key: str, value: object, place: str, known: tuple[str, ...]) -> str:
    return f"{place} = {_show(value)}: unknown key ({nearest(key, known)})"


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    known = tuple(setting.variable for setting in SETTINGS)
    ours = [name for name in environ if name.startswith(ENVIRONMENT_PREFIX) and name != f"{ENVIRONMENT_PREFIX}CONFIG"]
    return [_unknown_variable(name) for name in ours if name not in known]


def _unknown_variable(name: str) -> str:
    key = name.removeprefix(ENVIRONMENT_PREFIX).replace("_", "-").lower()
    close = nearest(key, _KEYS)
    for setting in SETTINGS:
        close = close.replace(f"mean {setting.key}?", f"mean {setting.variable}?")
    return f"environment {name}: unknown variable ({close})"
