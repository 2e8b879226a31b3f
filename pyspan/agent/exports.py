"""The destinations of `--export KIND=TARGET`, with the options that the file gives them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import msgspec

from pyspan.agent.values import between, parse_seconds
from pyspan.config import KafkaSecurity, OtlpSettings
from pyspan.config.address import parse_path, type_name
from pyspan.config.destination import parse_destination
from pyspan.config.endpoint import Protocol
from pyspan.config.headers import check_headers
from pyspan.config.kafka_security import KAFKA_OPTIONS
from pyspan.config.otlp import COMPRESSIONS, Compression
from pyspan.config.redaction import redact
from pyspan.config.suggestion import nearest

__all__ = ["Export", "parse_export", "parse_exports"]

_OTLP_OPTIONS = ("headers", "compression", "timeout", "certificate", "client-certificate", "client-key")
_OPTIONS = {"otlp": _OTLP_OPTIONS, "otlp-grpc": _OTLP_OPTIONS, "kafka": KAFKA_OPTIONS, "file": ()}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_DEFAULT = OtlpSettings()
_parse_timeout = between(parse_seconds, "1ms", "10m")


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """One destination; `name` marks its offset in the spool, its dead-letter file and its metrics.

    `place` is where it was written, for errors of its connection; `fsync` makes each batch in a file durable.
    """

    kind: str
    target: str
    name: str
    otlp: OtlpSettings | None = None
    security: KafkaSecurity = KafkaSecurity()
    place: str = "export"
    fsync: bool = False

    def __str__(self) -> str:
        return f"{self.kind}={redact(self.target)}"


def parse_exports(value: object) -> tuple[Export, ...]:
    """Parse one export or a list of them; ValueError on an empty list and on two of the same name."""
    exports = tuple(parse_export(item) for item in (value if isinstance(value, list) else [value]))
    if not exports:
        raise ValueError("no exporter (name at least one, such as file=/var/lib/pyspan/spans.jsonl)")
    seen: dict[str, Export] = {}
    for export in exports:
        if export.name in seen:
            raise ValueError(f"{export} is there twice (leave one out, or give them names in the file)")
        seen[export.name] = export
    return exports


def parse_export(value: object) -> Export:
    """Parse `KIND=TARGET`, or from the file a table with `to = "KIND=TARGET"` and options."""
    return _parse_table(value if isinstance(value, Mapping) else {"to": value})


def _parse_table(table: Mapping[str, object]) -> Export:
    if "to" not in table:
        raise ValueError('no destination (write to = "otlp=http://127.0.0.1:4318")')
    destination = parse_destination(table["to"])
    _check_options(destination.kind, table)
    return Export(
        kind=destination.kind,
        target=destination.target,
        name=_name(table["name"]) if "name" in table else destination.name,
        otlp=_otlp(destination.target, destination.protocol, table) if destination.protocol else None,
        security=_security(table) if destination.kind == "kafka" else KafkaSecurity(),
    )


def _check_options(kind: str, table: Mapping[str, object]) -> None:
    """Refuse an option that has no effect: it would be believed, as with a certificate for a file."""
    known = ("to", "name", *_OPTIONS[kind])
    for key in table:
        if key not in known:
            raise ValueError(f"{key!r} is no option of {kind}= ({nearest(key, known)})")


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"name {value!r} is not 1 to 80 letters, digits, dots, hyphens or underscores")
    return value


def _otlp(endpoint: str, protocol: Protocol, table: Mapping[str, object]) -> OtlpSettings:
    return OtlpSettings(
        endpoint=endpoint,
        protocol=protocol,
        headers=_headers(table.get("headers", {})),
        compression=_compression(table.get("compression", _DEFAULT.compression)),
        timeout=_timeout(table.get("timeout", _DEFAULT.timeout)),
        certificate=_file(table, "certificate"),
        client_certificate=_file(table, "client-certificate"),
        client_key=_file(table, "client-key"),
    )


def _timeout(value: object) -> float:
    try:
        return _parse_timeout(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"timeout {value!r}: {error}") from None


def _headers(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise TypeError('headers are a table of text (write headers = { authorization = "Bearer ${TOKEN}" })')
    return check_headers([(name, _expand(f"header {name!r}", text)) for name, text in value.items()])


def _security(table: Mapping[str, object]) -> KafkaSecurity:
    given = {name: _expand(name, table[name]) for name in KAFKA_OPTIONS if name in table}
    return KafkaSecurity.read(given, os.environ, "its table")


def _expand(what: str, text: object) -> str:
    """Put variables of the environment in the place of `${NAME}`: secrets stay out of the file."""
    if not isinstance(text, str):
        raise TypeError(f"{what} is {type_name(text)}, not text")
    missing = [variable for variable in _VARIABLE.findall(text) if variable not in os.environ]
    if missing:
        raise ValueError(f"{what} names the environment variable {missing[0]}, which is not set")
    return _VARIABLE.sub(lambda match: os.environ[match[1]], text)


def _compression(value: object) -> Compression:
    for known in COMPRESSIONS:
        if value == known:
            return known
    raise ValueError(f"compression {value!r} is not one of {', '.join(COMPRESSIONS)}")


def _file(table: Mapping[str, object], key: str) -> str | None:
    return str(parse_path(table[key])) if key in table else None
