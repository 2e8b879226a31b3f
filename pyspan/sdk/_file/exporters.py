"""Exporters as a file names them; each reader checks at once, and what it returns makes the exporter."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pyspan.config import KafkaSecurity, KafkaSettings, Origins, OtlpSettings, read_pem
from pyspan.config.destination import parse_kafka_target
from pyspan.config.endpoint import GRPC, HTTP, Endpoint, resolve_endpoint
from pyspan.config.headers import check_headers, parse_headers
from pyspan.config.kafka_security import KAFKA_OPTIONS
from pyspan.config.otlp import COMPRESSIONS, LONGEST_TIMEOUT_MS
from pyspan.errors import ConfigurationError
from pyspan.sdk.trace.export import ConsoleSpanExporter, KafkaSpanExporter, OTLPSpanExporter
from pyspan.sdk.trace.export._named import NamedSpanExporter

if TYPE_CHECKING:
    from pyspan.config.endpoint import Protocol
    from pyspan.config.file import Table
    from pyspan.sdk.trace.export import SpanExporter

__all__ = ["MakeExporter", "read_exporter"]

logger = logging.getLogger("pyspan.config")

MakeExporter = Callable[[], "SpanExporter"]
GROUP = "opentelemetry_traces_exporter"
DEFAULT = OtlpSettings()
KAFKA = KafkaSettings()
LONGEST_MS = LONGEST_TIMEOUT_MS - 1
STDOUT = "stdout"


def read_exporter(table: Table) -> MakeExporter | None:
    """Read the one exporter of a processor; None where it cannot be used, which is noted."""
    others = {entry.name: entry for entry in entry_points(group=GROUP)}
    found = table.one(list(KINDS), list(others))
    if found is None:
        return None
    kind, options = found
    if kind in KINDS:
        return KINDS[kind](options)
    make: Callable[..., SpanExporter] = others[kind].load()
    return partial(make, **options.rest())


def _console(_: Table) -> MakeExporter:
    return ConsoleSpanExporter


def _otlp_http(table: Table) -> MakeExporter | None:
    if table.choice("encoding", ("protobuf", "json")) == "json":
        logger.warning(
            "%s=json in %s: pyspan sends protobuf instead; leave it out", table.at("encoding"), table.faults.file
        )
    return _otlp(table, HTTP)


def _otlp_grpc(table: Table) -> MakeExporter | None:
    return _otlp(table, GRPC)


def _otlp(table: Table, protocol: Protocol) -> MakeExporter | None:
    tls, file = table.table("tls"), table.faults.file
    insecure = bool(tls and protocol == GRPC and tls.flag("insecure"))
    settings: dict[str, Any] = {
        "compression": table.choice("compression", COMPRESSIONS) or DEFAULT.compression,
        "timeout": _seconds(table),
        "headers": _headers(table),
        **_tls(tls),
    }
    written = table.text("endpoint")
    origin = f"{table.at('endpoint')} in {file}"
    settings["origins"] = Origins(origin, f"{table.at('headers')} in {file}", f"{table.at('compression')} in {file}")
    given = Endpoint(table.at("endpoint"), written, exact=True, place=file) if written else None
    try:
        settings["endpoint"], settings["protocol"] = resolve_endpoint(given, protocol, insecure=insecure)
    except ConfigurationError as error:
        table.faults.lines.append(str(error))
        return None
    return partial(OTLPSpanExporter, _settings=OtlpSettings(**settings))


def _seconds(table: Table) -> float:
    """Read milliseconds; 0 is for no limit, and so is an hour: nothing is exported for longer."""
    milliseconds = table.count("timeout")
    return DEFAULT.timeout if milliseconds is None else min(milliseconds or LONGEST_MS, LONGEST_MS) / 1000


def _headers(table: Table) -> dict[str, str]:
    """Read `headers`, which stand above those of `headers_list`."""
    listed, pairs = table.text("headers_list"), []
    for entry in table.tables("headers"):
        name, value = entry.text("name"), entry.text("value")
        entry.need("name")
        if name is not None and value is not None:
            pairs.append((name, value))
    try:
        first = parse_headers(listed, table.at("headers_list"), table.faults.file) if listed else {}
        return {**first, **check_headers(pairs)}
    except ConfigurationError as error:
        table.faults.lines.append(str(error))
    except ValueError as error:
        table.faults.add(table.at("headers"), [name for name, _ in pairs], str(error))
    return {}


def _tls(tls: Table | None) -> dict[str, str]:
    if tls is None:
        return {}
    names = {"ca_file": "certificate", "cert_file": "client_certificate", "key_file": "client_key"}
    given = {name: path for name in names if (path := tls.text(name))}
    for name, path in given.items():
        _check_pem(tls, name, path)
    if ("cert_file" in given) != ("key_file" in given):
        alone, other = ("cert_file", "key_file") if "cert_file" in given else ("key_file", "cert_file")
        tls.fault(alone, f"it needs {other}; set both")
    return {names[name]: path for name, path in given.items()}


def _check_pem(tls: Table, name: str, path: str) -> None:
    try:
        read_pem(path, tls.at(name), tls.faults.file)
    except ConfigurationError as error:
        tls.faults.lines.append(str(error))


def _otlp_file(table: Table) -> MakeExporter | None:
    stream = table.text("output_stream") or STDOUT
    if stream == STDOUT:
        return partial(NamedSpanExporter, STDOUT, table.at("output_stream"), table.faults.file)
    path = stream.removeprefix("file://")
    if not path.startswith("/") or path == stream:
        table.faults.add(table.at("output_stream"), stream, f"write {STDOUT} or file:///PATH")
        return None
    return _to_file(unquote(path), table, "output_stream")


def _pyspan_file(table: Table) -> MakeExporter | None:
    path = table.text("path")
    table.need("path")
    return _to_file(path, table, "path") if path else None


def _to_file(path: str, table: Table, key: str) -> MakeExporter:
    return partial(NamedSpanExporter, f"file={path}", table.at(key), table.faults.file)


def _pyspan_kafka(table: Table) -> MakeExporter | None:
    brokers = table.texts("brokers") or list(KAFKA.brokers)
    topic = table.text("topic") or KAFKA.topic
    compression = table.text("compression") or KAFKA.compression
    options = {name: text for name in KAFKA_OPTIONS if (text := table.text(name)) is not None}
    file = table.faults.file
    try:
        names, checked = parse_kafka_target(f"{','.join(brokers)}/{topic}")
        security = KafkaSecurity.read(options, {}, f"{table.path} in {file}")
    except ConfigurationError as error:
        table.faults.lines.append(str(error))
        return None
    except ValueError as error:
        table.faults.add(table.at("brokers"), brokers, str(error))
        return None
    settings = KafkaSettings(names, checked, compression, security=security, origin=f"{table.path} in {file}")
    return partial(KafkaSpanExporter, _settings=settings)


KINDS: dict[str, Callable[[Table], MakeExporter | None]] = {
    "otlp_http": _otlp_http,
    "otlp_grpc": _otlp_grpc,
    "otlp_file/development": _otlp_file,
    "console": _console,
    "pyspan_kafka": _pyspan_kafka,
    "pyspan_file": _pyspan_file,
}
