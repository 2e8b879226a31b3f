"""Where OTLP goes: URL and protocol out of a base endpoint, an endpoint of the signal, and conventions on ports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from pyspan.config.environ import PLACE, problem

__all__ = ["GRPC", "HTTP", "PROTOCOLS", "Endpoint", "Protocol", "by_convention", "resolve_endpoint", "with_traces_path"]

Protocol = Literal["http/protobuf", "grpc"]
HTTP: Protocol = "http/protobuf"
GRPC: Protocol = "grpc"
PROTOCOLS = (HTTP, GRPC)
TRACES_PATH = "/v1/traces"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as it was given: `exact` for the signal's own URL, which is taken as it is."""

    key: str
    value: str
    exact: bool = False
    place: str = PLACE

    @property
    def origin(self) -> str:
        """Where it was written, in words for people."""
        return self.key if self.place == PLACE else f"{self.key} of {self.place}"


def resolve_endpoint(
    given: Endpoint | None, protocol: Protocol | None, *, insecure: bool = False
) -> tuple[str, Protocol]:
    """Return URL and protocol.

    Where the protocol is unset, a path or port 4318 means HTTP and port 4317 gRPC. A base URL gets /v1/traces once.
    `insecure` picks http for a gRPC target without a scheme (OTLP exporter spec, "Insecure").

    Raises:
        ConfigurationError: the endpoint is no URL of http, https or unix.
    """
    if given is None:
        return ("http://localhost:4317", GRPC) if protocol == GRPC else (f"http://localhost:4318{TRACES_PATH}", HTTP)
    if given.value.startswith("unix:"):
        return given.value, HTTP
    url = _split(given, insecure=insecure)
    chosen = protocol or by_convention(url)
    if chosen == GRPC:
        return f"{url.scheme}://{url.netloc}", GRPC
    if "://" not in given.value:
        raise problem(given.key, given.value, "start it with http:// or https://", given.place)
    return (given.value if given.exact else with_traces_path(url)), chosen


def _split(given: Endpoint, *, insecure: bool) -> SplitResult:
    scheme = "http" if insecure else "https"
    if any(letter.isspace() or not letter.isprintable() for letter in given.value):
        raise problem(given.key, given.value, "there is a blank in it; write http://HOST:PORT", given.place)
    try:
        url = urlsplit(given.value if "://" in given.value else f"{scheme}://{given.value}")
        _ = url.port  # urlsplit checks the port only when it is asked for
    except ValueError:  # its own words may quote a part of a password
        raise problem(
            given.key, given.value, "the host or the port is none; write http://HOST:PORT", given.place
        ) from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise problem(given.key, given.value, "write http://HOST:PORT or https://HOST:PORT", given.place)
    return url


def by_convention(url: SplitResult) -> Protocol:
    """Return gRPC for port 4317 without a path, else HTTP."""
    return GRPC if url.port == 4317 and url.path in ("", "/") else HTTP


def with_traces_path(url: SplitResult) -> str:
    """Complete a base URL by /v1/traces, once."""
    path = url.path.rstrip("/")
    if not path.endswith(TRACES_PATH):
        path += TRACES_PATH
    return url._replace(path=path).geturl()
