"""Settings of the OTLP exporter, as OTEL_EXPORTER_OTLP_* give them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pyspan.config.endpoint import PROTOCOLS, Endpoint, Protocol, resolve_endpoint
from pyspan.config.environ import choice, first, flag, problem
from pyspan.config.headers import parse_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Compression", "OtlpSettings"]

Compression = Literal["gzip", "zstd", "none"]

COMPRESSIONS: tuple[Compression, ...] = ("gzip", "zstd", "none")
# No exporter waits for a quarter of an hour: from here on the number is in milliseconds, as the specification has it.
MILLISECONDS_FROM = 1_000


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """One OTLP receiver: full URL, protocol, and what goes with each request; certificates are paths of PEM files.

    `timeout` is for one request, in seconds. pyspan compresses by gzip unless told otherwise (OpenTelemetry: none).
    """

    endpoint: str = "http://localhost:4318/v1/traces"
    protocol: Protocol = "http/protobuf"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    compression: Compression = "gzip"
    timeout: float = 10.0
    certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, endpoint: Endpoint | None = None) -> OtlpSettings:
        """Read OTEL_EXPORTER_OTLP_TRACES_* and OTEL_EXPORTER_OTLP_*; `endpoint` stands above both.

        Raises:
            ConfigurationError: a value cannot be used.
        """
        chosen = choice(environ, _keys("PROTOCOL"), PROTOCOLS)
        insecure = flag(environ, *_keys("INSECURE")) or False
        url, protocol = resolve_endpoint(endpoint or _endpoint(environ), chosen, insecure=insecure)
        return cls(
            endpoint=url,
            protocol=protocol,
            headers=_headers(environ),
            compression=choice(environ, _keys("COMPRESSION"), COMPRESSIONS) or cls().compression,
            timeout=_timeout(environ, cls().timeout),
            certificate=_path(environ, "CERTIFICATE"),
            client_certificate=_path(environ, "CLIENT_CERTIFICATE"),
            client_key=_path(environ, "CLIENT_KEY"),
        )


def _keys(name: str) -> tuple[str, str]:
    return f"OTEL_EXPORTER_OTLP_TRACES_{name}", f"OTEL_EXPORTER_OTLP_{name}"


def _endpoint(environ: Mapping[str, str]) -> Endpoint | None:
    found = first(environ, *_keys("ENDPOINT"))
    return Endpoint(*found, exact="_TRACES_" in found[0]) if found else None


def _headers(environ: Mapping[str, str]) -> dict[str, str]:
    found = first(environ, *_keys("HEADERS"))
    return parse_headers(found[1], found[0]) if found else {}


def _path(environ: Mapping[str, str], name: str) -> str | None:
    found = first(environ, *_keys(name))
    return found[1] if found else None


def _timeout(environ: Mapping[str, str], default: float) -> float:
    found = first(environ, *_keys("TIMEOUT"))
    if found is None:
        return default
    try:
        number = float(found[1])
    except ValueError:
        number = -1.0
    if not 0 < number < float("inf"):
        raise problem(*found, "give seconds above 0 (from 1000 on: milliseconds)")
    return number / 1000 if number >= MILLISECONDS_FROM else number
