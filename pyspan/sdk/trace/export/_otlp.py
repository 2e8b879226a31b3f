"""The OTLP exporter, over HTTP or gRPC, with the arguments of OpenTelemetry's."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pyspan.config import OtlpSettings, read_pem
from pyspan.config.endpoint import PROTOCOLS, Endpoint
from pyspan.config.environ import problem
from pyspan.config.headers import check_headers, parse_headers
from pyspan.errors import ConfigurationError
from pyspan.sdk.trace.export import _worker
from pyspan.sdk.trace.export._native import NativeSpanExporter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.metrics import MeterProvider

    from pyspan.pipeline.exporter import Exporter
    from pyspan.pipeline.stats import Stats

__all__ = ["OTLPSpanExporter"]

logger = logging.getLogger(__name__)

PLACE = "OTLPSpanExporter"
LONGEST_TIMEOUT = 3_600
PREFIX = "OTEL_EXPORTER_OTLP_TRACES_"


class OTLPSpanExporter(NativeSpanExporter):
    """Sends spans to an OTLP receiver; what is not given is read from OTEL_EXPORTER_OTLP_*.

    `endpoint` is the whole URL; one without a path gets `/v1/traces`. `protocol` is `http/protobuf` or `grpc`, by
    default what the endpoint says (port 4317 means gRPC). `timeout` is in seconds, for one request. `session`,
    `credentials` and `channel_options` belong to client libraries that pyspan does without: they are ignored with a
    warning.

    Raises:
        ConfigurationError: a setting cannot be used.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        certificate_file: str | None = None,
        client_key_file: str | None = None,
        client_certificate_file: str | None = None,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] | str | None = None,
        timeout: float | None = None,
        compression: Enum | str | None = None,
        session: object | None = None,
        *,
        protocol: str | None = None,
        insecure: bool | None = None,
        max_request_size: int | None = None,
        meter_provider: MeterProvider | None = None,
        _place: str = PLACE,
        _settings: OtlpSettings | None = None,
        **unused: object,
    ) -> None:
        super().__init__()
        if _settings is not None:  # of a file: the environment has no say
            self._settings = _settings
            return
        _warn_unused({"session": session, **unused})
        given: dict[str, Any] = {
            "certificate": _readable(certificate_file, "certificate_file"),
            "client_key": _readable(client_key_file, "client_key_file"),
            "client_certificate": _readable(client_certificate_file, "client_certificate_file"),
            "headers": _as_dict(headers),
            "timeout": _seconds(timeout),
            "compression": _algorithm(compression),
        }
        settings = OtlpSettings.from_env(_environment(protocol, insecure), _endpoint(endpoint, _place))
        if headers is not None:
            given["origins"] = replace(settings.origins, headers=f"headers of {_place}")
        self._settings = replace(settings, **{name: value for name, value in given.items() if value is not None})

    def _pipeline_exporter(self, stats: Stats) -> Exporter:
        return _worker.open_otlp(self._settings, stats)


def _endpoint(endpoint: object, place: str) -> Endpoint | None:
    if endpoint is None:
        return None
    if not isinstance(endpoint, str):
        raise problem("endpoint", endpoint, "give a URL as text, such as 'http://localhost:4318'", place)
    has_path = urlsplit(endpoint).path not in ("", "/") if "://" in endpoint else False
    return Endpoint("endpoint", endpoint, exact=has_path, place=place)


def _environment(protocol: str | None, insecure: bool | None) -> dict[str, str]:
    if protocol is not None and protocol not in PROTOCOLS:
        raise problem("protocol", protocol, f"give one of {', '.join(PROTOCOLS)}", PLACE)
    given = {"PROTOCOL": protocol, "INSECURE": None if insecure is None else str(insecure)}
    return {**os.environ, **{PREFIX + name: value for name, value in given.items() if value is not None}}


def _seconds(timeout: object) -> float | None:
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout <= LONGEST_TIMEOUT:
        raise problem("timeout", timeout, f"give seconds above 0, {LONGEST_TIMEOUT} at most", PLACE)
    return timeout


def _readable(path: str | None, name: str) -> str | None:
    if path is not None:
        read_pem(path, name, PLACE)
    return path


def _as_dict(headers: Mapping[str, str] | Sequence[tuple[str, str]] | str | None) -> dict[str, str] | None:
    if headers is None:
        return None
    if isinstance(headers, str):
        return parse_headers(headers, "headers", PLACE)
    try:
        return check_headers(dict(headers).items())
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"headers in {PLACE} cannot be used: {error}; give a mapping of text") from None


def _algorithm(compression: Enum | str | None) -> str | None:
    """Return our name of an algorithm; OpenTelemetry gives members of an enum, of which deflate is not worth having."""
    name = compression.value if isinstance(compression, Enum) else compression
    algorithms = {"gzip": "gzip", "zstd": "zstd", "none": "none", "deflate": "gzip", "nocompression": "none"}
    if name is None:
        return None
    if str(name).lower() not in algorithms:
        raise problem("compression", str(name), "give one of gzip, zstd, none", PLACE)
    return algorithms[str(name).lower()]


def _warn_unused(arguments: Mapping[str, object]) -> None:
    given = [name for name, value in arguments.items() if value is not None]
    if given:
        logger.warning("%s ignores %s: pyspan sends by a client of its own", PLACE, ", ".join(given))
