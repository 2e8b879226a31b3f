"""The destinations of `--export KIND=TARGET`, parsed and named."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import msgspec

from pyspan.agent.values import parse_address, parse_path, parse_seconds, redact

__all__ = ["COMPRESSIONS", "EXPORT_KINDS", "Export", "parse_export", "parse_exports"]

Compression = Literal["gzip", "zstd", "none"]
COMPRESSIONS: tuple[Compression, ...] = ("none", "gzip", "zstd")
_OPTIONS = ("to", "name", "headers", "compression", "timeout", "certificate", "client-certificate", "client-key")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """One destination; `name` marks its offset in the spool, its dead-letter file and its metrics."""

    kind: str
    target: str
    name: str
    headers: dict[str, str] = {}
    compression: Compression | None = None
    timeout: float = 10.0
    certificate: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None

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
    if isinstance(value, str):
        return _parse_table({"to": value})
    if isinstance(value, Mapping):
        return _parse_table(value)
    raise TypeError(f"{type(value).__name__} where KIND=TARGET is needed")


def _parse_table(table: Mapping[str, object]) -> Export:
    for key in table:
        if key not in _OPTIONS:
            raise ValueError(f"unknown option {key!r} ({nearest(key, _OPTIONS)})")
    kind, target = _split(table.get("to"))
    _refuse_idle_options(kind, table)
    return Export(
        kind=kind,
        target=target,
        name=_name(table["name"]) if "name" in table else _default_name(kind, target),
        headers=_headers(table.get("headers", {})),
        compression=_compression(table["compression"]) if "compression" in table else None,
        timeout=parse_seconds(table.get("timeout", 10.0)),
        certificate=_file(table, "certificate"),
        client_certificate=_file(table, "client-certificate"),
        client_key=_file(table, "client-key"),
    )


def _refuse_idle_options(kind: str, table: Mapping[str, object]) -> None:
    """An option that had no effect would be believed: a certificate for Kafka, and the spans go in plain text."""
    idle = [key for key in table if key not in ("to", "name")] if kind in ("file", "kafka") else []
    if idle:
        advice = "set PYSPAN_KAFKA_SECURITY_PROTOCOL and its like" if kind == "kafka" else "leave it out"
        raise ValueError(f"{idle[0]} is no option of {kind}= ({advice})")


def nearest(word: str, known: tuple[str, ...] | list[str]) -> str:
    """Suggest the known word that is nearest to one that is not, or list them all."""
    close = get_close_matches(word.replace("_", "-").lower(), known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def _split(to: object) -> tuple[str, str]:
    if not isinstance(to, str):
        raise TypeError('no destination (write to = "otlp=http://127.0.0.1:4318")')
    kind, equals, target = to.partition("=")
    if not equals:
        raise ValueError("no KIND= (write otlp=URL, otlp-grpc=HOST:PORT, kafka=HOST:PORT/TOPIC or file=PATH)")
    if kind not in EXPORT_KINDS:
        raise ValueError(f"unknown kind {kind!r} ({nearest(kind, list(EXPORT_KINDS))})")
    if not target:
        raise ValueError(f"nothing after {kind}=")
    return kind, EXPORT_KINDS[kind](target)


def _otlp_http(target: str) -> str:
    """Complete a base URL by /v1/traces, as OTEL_EXPORTER_OTLP_ENDPOINT does, unless it is there."""
    if target.startswith("unix://"):
        return target
    url = _url(target, "http://127.0.0.1:4318")
    path = url.path.rstrip("/")
    return url._replace(path=path if path.endswith("/v1/traces") else f"{path}/v1/traces").geturl()


def _otlp_grpc(target: str) -> str:
    """Take HOST:PORT for plain text, or a URL whose scheme says whether it is TLS."""
    if "://" not in target:
        return f"http://{parse_address(target)}"
    url = _url(target, "https://collector:4317")
    if url.path.strip("/") or url.query:
        raise ValueError("a gRPC endpoint has no path (write HOST:PORT or https://HOST:PORT)")
    return url._replace(path="").geturl()


def _kafka(target: str) -> str:
    brokers, slash, topic = target.rpartition("/")
    if not slash or not brokers:
        raise ValueError("no topic (write kafka=HOST:PORT/TOPIC, such as kafka=127.0.0.1:9092/otlp_spans)")
    if not _TOPIC.fullmatch(topic) or topic in {".", ".."}:
        raise ValueError(f"topic {topic!r} is not 1 to 249 letters, digits, dots, hyphens or underscores")
    return ",".join(str(parse_address(broker)) for broker in brokers.split(",")) + f"/{topic}"


def _path(target: str) -> str:
    return str(parse_path(target))


EXPORT_KINDS: dict[str, Callable[[str], str]] = {
    "otlp": _otlp_http,
    "otlp-grpc": _otlp_grpc,
    "kafka": _kafka,
    "file": _path,
}


def _url(target: str, example: str) -> SplitResult:
    try:
        url = urlsplit(target)
        port = url.port
    except ValueError as error:
        raise ValueError(f"{error} (write a URL such as {example})") from None
    if url.scheme not in {"http", "https"} or not url.hostname or port == 0:
        raise ValueError(f"not a URL with http or https and a host (write one such as {example})")
    return url


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"name {value!r} is not 1 to 80 letters, digits, dots, hyphens or underscores")
    return value


def _default_name(kind: str, target: str) -> str:
    """Name a destination for files and metrics: legible, and a file by a checksum of its folder too."""
    if kind == "file":
        return f"file-{_slug(Path(target).name)}-{zlib.crc32(target.encode()):08x}"
    return f"{kind}-{_slug(redact(target).removeprefix('http://').removesuffix('/v1/traces'))}"


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-.")[:60]


def _headers(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise TypeError('headers are a table of text (write headers = { authorization = "Bearer ${TOKEN}" })')
    return {str(name).lower(): _expand(str(name), text) for name, text in value.items()}


def _expand(name: str, text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"header {name!r} is {type(text).__name__}, not text")
    missing = [variable for variable in _VARIABLE.findall(text) if variable not in os.environ]
    if missing:
        raise ValueError(f"header {name!r} names the environment variable {missing[0]}, which is not set")
    return _VARIABLE.sub(lambda match: os.environ[match[1]], text)


def _compression(value: object) -> Compression:
    for known in COMPRESSIONS:
        if value == known:
            return known
    raise ValueError(f"compression {value!r} is not one of {', '.join(COMPRESSIONS)}")


def _file(table: Mapping[str, object], key: str) -> Path | None:
    return parse_path(table[key]) if key in table else None
