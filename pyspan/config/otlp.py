"""Settings of the OTLP exporter, as OTEL_EXPORTER_OTLP_* give them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pyspan.config.endpoint import HTTP, PROTOCOLS, Endpoint, Protocol, resolve_endpoint
from pyspan.config.environ import PLACE, choice, first, flag, problem, unusable
from pyspan.config.headers import parse_headers
from pyspan.config.tls import read_pem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspan.config.destination import Destination

__all__ = ["Compression", "Origins", "OtlpSettings"]

Compression = Literal["gzip", "zstd", "none"]

COMPRESSIONS: tuple[Compression, ...] = ("gzip", "zstd", "none")
# No exporter waits for a quarter of an hour: from here on the number is in milliseconds, as the specification has it.
MILLISECONDS_FROM = 1_000
LONGEST_TIMEOUT_MS = 3_600_001
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
JSON = "http/json"


@dataclass(frozen=True, slots=True)
class Origins:
    """Where to look when a receiver does not answer as it should, in words for people."""

    endpoint: str = ENDPOINT
    headers: str = "OTEL_EXPORTER_OTLP_HEADERS"
    coding: str = "OTEL_EXPORTER_OTLP_COMPRESSION and OTEL_EXPORTER_OTLP_PROTOCOL"
    certificates: str = "OTEL_EXPORTER_OTLP_CERTIFICATE, _CLIENT_CERTIFICATE and _CLIENT_KEY"


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
    origins: Origins = field(default_factory=Origins, repr=False, compare=False)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, endpoint: Endpoint | None = None) -> OtlpSettings:
        """Read OTEL_EXPORTER_OTLP_TRACES_* and OTEL_EXPORTER_OTLP_*; `endpoint` stands above both.

        Raises:
            ConfigurationError: an endpoint, a header or a certificate that cannot be used; for the rest its default
                holds, with a warning.
        """
        given = endpoint or _endpoint(environ)
        chosen = _protocol(environ)
        insecure = flag(environ, *_keys("INSECURE")) or False
        url, protocol = resolve_endpoint(given, chosen, insecure=insecure)
        return cls._with_the_rest(environ, url, protocol, given.origin if given else ENDPOINT)

    @classmethod
    def to(cls, destination: Destination, environ: Mapping[str, str], origin: str) -> OtlpSettings:
        """Send to a destination, with what the environment says of headers, compression, timeout and certificates.

        Raises:
            ConfigurationError: as for `from_env`.
        """
        return cls._with_the_rest(environ, destination.target, destination.protocol or "http/protobuf", origin)

    @classmethod
    def _with_the_rest(cls, environ: Mapping[str, str], url: str, protocol: Protocol, origin: str) -> OtlpSettings:
        client_certificate, client_key = _client_pair(environ)
        default = cls().compression
        return cls(
            endpoint=url,
            protocol=protocol,
            headers=_headers(environ),
            compression=choice(environ, _keys("COMPRESSION"), COMPRESSIONS, default) or default,
            timeout=_timeout(environ, cls().timeout),
            certificate=_readable(environ, "CERTIFICATE"),
            client_certificate=client_certificate,
            client_key=client_key,
            origins=Origins(endpoint=origin, headers=_set_key(environ, "HEADERS")),
        )


def _keys(name: str) -> tuple[str, str]:
    return f"OTEL_EXPORTER_OTLP_TRACES_{name}", f"OTEL_EXPORTER_OTLP_{name}"


def _set_key(environ: Mapping[str, str], name: str) -> str:
    found = first(environ, *_keys(name))
    return found[0] if found else _keys(name)[1]


def _protocol(environ: Mapping[str, str]) -> Protocol | None:
    """Read the protocol; who asks for JSON has a receiver of OTLP over HTTP, which takes protobuf too."""
    found = first(environ, *_keys("PROTOCOL"))
    if found is not None and found[1].lower() == JSON:
        return unusable(*found, f"one of {', '.join(PROTOCOLS)}, for pyspan sends protobuf", HTTP)
    return choice(environ, _keys("PROTOCOL"), PROTOCOLS, "what the endpoint's port says")


def _endpoint(environ: Mapping[str, str]) -> Endpoint | None:
    found = first(environ, *_keys("ENDPOINT"))
    return Endpoint(*found, exact="_TRACES_" in found[0]) if found else None


def _headers(environ: Mapping[str, str]) -> dict[str, str]:
    found = first(environ, *_keys("HEADERS"))
    return parse_headers(found[1], found[0]) if found else {}


def _readable(environ: Mapping[str, str], name: str) -> str | None:
    found = first(environ, *_keys(name))
    if found is None:
        return None
    read_pem(found[1], found[0])
    return found[1]


def _client_pair(environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    names = ("CLIENT_CERTIFICATE", "CLIENT_KEY")
    certificate, key = (_readable(environ, name) for name in names)
    if (certificate is None) != (key is None):
        given, other = names if key is None else reversed(names)
        raise problem(_set_key(environ, given), str(certificate or key), f"it needs {_keys(other)[1]}; set both", PLACE)
    return certificate, key


def _timeout(environ: Mapping[str, str], default: float) -> float:
    found = first(environ, *_keys("TIMEOUT"))
    if found is None:
        return default
    try:
        number = float(found[1])
    except ValueError:
        number = -1.0
    if not 0 <= number < LONGEST_TIMEOUT_MS:
        return unusable(*found, "seconds from 0 (from 1000 on: milliseconds, 3600000 at most)", default)
    if number == 0:  # no limit (OTel common configuration spec); an hour is none
        return (LONGEST_TIMEOUT_MS - 1) / 1000
    return number / 1000 if number >= MILLISECONDS_FROM else number
