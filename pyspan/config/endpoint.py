"""Where OTLP goes: URL and protocol out of a base endpoint, an endpoint of the signal, and conventions on ports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from pyspan.config.environ import PLACE, problem

__all__ = [
    "GRPC",
    "HTTP",
    "PROTOCOLS",
    "Endpoint",
    "Protocol",
    "by_convention",
    "parse_url",
    "resolve_endpoint",
    "with_traces_path",
]

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
    url = _split(given, "http" if insecure else "https")
    chosen = protocol or by_convention(url)
    if chosen == GRPC:
        return f"{url.scheme}://{url.netloc}", GRPC
    if "://" not in given.value:
        raise problem(given.key, given.value, "start it with http:// or https://", given.place)
    return (given.value if given.exact else with_traces_path(url)), chosen


def parse_url(text: str, example: str) -> SplitResult:
    """Parse a URL of http or https.

    Raises:
        ValueError: what is wrong, and how to write it; it quotes nothing, for that may be a part of a password.
    """
    if unfit := _unfit(text):
        raise ValueError(f"there is {unfit} in it (write a URL such as {example})")
    try:
        url = urlsplit(text)
        port = url.port  # urlsplit checks the port only when it is asked for
    except ValueError:
        raise ValueError(f"the host or the port is none (write a URL such as {example})") from None
    if url.scheme not in {"http", "https"} or not url.hostname or port == 0:
        raise ValueError(f"not a URL with http or https and a host (write one such as {example})")
    if url.fragment:
        raise ValueError("what follows the # is never sent (leave it out, or write %23 for a # of the path)")
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


def _unfit(text: str) -> str | None:
    """Say what no URL has: the surrogates are what an environment or a command line has of bytes that are no UTF-8."""
    if any(letter.isspace() for letter in text):
        return "a blank"
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return "a byte that is no UTF-8"
    return None if text.isprintable() else "an invisible character"


def _split(given: Endpoint, scheme: str) -> SplitResult:
    text = given.value if "://" in given.value else f"{scheme}://{given.value}"
    try:
        return parse_url(text, "http://localhost:4318")
    except ValueError as error:
        raise problem(given.key, given.value, str(error), given.place) from None
