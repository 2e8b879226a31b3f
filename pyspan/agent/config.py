"""The agent's configuration: one table of keys, read from flags, the environment, a TOML file and defaults."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from pyspan.agent.exports import Export, parse_exports
from pyspan.agent.values import (
    between,
    parse_bytes,
    parse_choice,
    parse_count,
    parse_optional,
    parse_seconds,
    parse_switch,
)
from pyspan.config.address import Address, parse_address, parse_path
from pyspan.config.redaction import redact
from pyspan.config.suggestion import nearest
from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["SETTINGS", "AgentConfig", "Loaded", "Setting", "load"]

ENVIRONMENT_PREFIX = "PYSPAN_AGENT_"
# What Kubernetes sets in every container for a service called pyspan-agent or pyspan-agent-anything.
_SERVICE_LINK = re.compile(
    r"PYSPAN_AGENT_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://.+")
LONGEST_SHOWN = 300


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
    max_connections: int
    receiver_threads: int
    failing_after: float
    ready_when_failing: bool
    shutdown_timeout: float
    log_level: str
    log_format: str


@dataclass(frozen=True)
class Setting:
    """One key: how its value is parsed, what holds without it, what `--help` says, and the range of a number."""

    key: str
    parse: Callable[[object], object]
    default: object
    metavar: str
    help: str
    limits: tuple[str, str] | None = None

    @property
    def field(self) -> str:
        """The name in AgentConfig and in the parsed flags."""
        return self.key.replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable with the same meaning."""
        return ENVIRONMENT_PREFIX + self.field.upper()


def _number(
    key: str, parse: Callable[[object], Any], limits: tuple[str, str], default: str, metavar: str, text: str
) -> Setting:
    return Setting(key, between(parse, *limits), default, metavar, text, limits)


def _size(key: str, limits: tuple[str, str], default: str, text: str) -> Setting:
    return _number(key, parse_bytes, limits, default, "SIZE", text)


def _count(key: str, limits: tuple[str, str], default: str, text: str) -> Setting:
    return _number(key, parse_count, limits, default, "COUNT", text)


def _time(key: str, limits: tuple[str, str], default: str, text: str) -> Setting:
    return _number(key, parse_seconds, limits, default, "SECONDS", text)


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
    _size("spool-max-bytes", ("64KiB", "1024TiB"), "1GiB", "from here on senders are told to wait"),
    _size("spool-segment-bytes", ("4KiB", "4GiB"), "16MiB", "space is freed in pieces of this size"),
    Setting("spool-fsync", parse_choice("never", "interval", "always"), "interval", "WHEN", "never, interval, always"),
    _time("spool-fsync-interval", ("1ms", "1h"), "50ms", "between two fsyncs"),
    _size("dead-letter-max-bytes", ("0B", "1024TiB"), "256MiB", "one exporter's dead letters; more is dropped"),
    _count("batch-spans", ("1", "1000000"), "4096", "spans in one export request at most"),
    _size("batch-bytes", ("1KiB", "1GiB"), "3.5MiB", "bytes in one export request at most"),
    _time("batch-wait", ("0s", "1h"), "200ms", "how long a batch may wait to fill up"),
    _count("in-flight", ("1", "1024"), "4", "export requests of one exporter at a time"),
    _size("max-body-bytes", ("1KiB", "1GiB"), "16MiB", "largest request body, after decompression"),
    _count("max-connections", ("1", "1000000"), "1024", "connections of each receiver; idle ones make room for others"),
    _count("receiver-threads", ("1", "256"), "2", "threads of the receivers"),
    _time("failing-after", ("100ms", "24h"), "30s", "/readyz says 503 once an exporter fails this long"),
    Setting(
        "ready-when-failing", parse_switch, "false", "BOOL", "/readyz says 200 though exporters fail; true or false"
    ),
    _time("shutdown-timeout", ("0s", "1h"), "10s", "for the drain on SIGTERM; the spool keeps the rest"),
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
    place, fsync = places["export"], fields["spool_fsync"] == "always"
    fields["export"] = tuple(msgspec.structs.replace(export, place=place, fsync=fsync) for export in fields["export"])
    if places["max-body-bytes"].startswith("default "):  # a small spool refuses large bodies for good, not for now
        fields["max_body_bytes"] = min(fields["max_body_bytes"], fields["spool_max_bytes"])
    return Loaded(AgentConfig(**fields), places)


def _show(value: object) -> str:
    """Write a value on one line; of a table only its destination, since the rest holds credentials."""
    if isinstance(value, list):
        return " ".join(map(_show, value))
    shown = value.get("to", "a table") if isinstance(value, dict) else value
    text = redact(shown if isinstance(shown, str) else repr(shown))
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


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
    return [_unknown_variable(name) for name in ours if name not in known and not _is_service_link(name, environ[name])]


def _is_service_link(name: str, value: str) -> bool:
    is_address = name.endswith("_PORT") and _SERVICE_ADDRESS.fullmatch(value) is not None
    return is_address or _SERVICE_LINK.fullmatch(name) is not None


def _unknown_variable(name: str) -> str:
    close = nearest(name, [setting.variable for setting in SETTINGS])
    return f"environment {name}: unknown variable ({close})"
