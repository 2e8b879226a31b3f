"""What is wrong with an environment as a whole: unknown variables, contradictions, variables without effect."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pyspan.config.environ import first
from pyspan.config.identity import OTEL_ATTRIBUTES, SERVICE_NAME
from pyspan.config.instrument import OPT_IN
from pyspan.config.suggestion import nearest, slips
from pyspan.config.variables import CONFIG_FILES, OTHERS, READ
from pyspan.config.vendors import WITHOUT_EFFECT, adopt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["examine"]

OWN_FAMILY = "PYSPAN_"
FAMILIES = ("OTEL_", OWN_FAMILY)
# They have hundreds of variables that pyspan does not read: only what is a letter away from one of its own is a slip.
OTHER_FAMILIES = ("DD_", "SENTRY_")
A_LETTER_AWAY = 0.95
STABLE, A_WORD_AWAY = ("http", "http/dup"), 0.75
OTLP = "OTEL_EXPORTER_OTLP_"
LISTED = "see docs/reference/configuration.md"


def examine(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return a line for each finding, with the variables' names and what to do; no secret is in them.

    With OTEL_CONFIG_FILE no other variable counts, so that only what is unknown is found. Values that cannot be used
    are warned about where they are read, with what holds instead.
    """
    findings = list(_unknown(environ))
    if first(environ, *CONFIG_FILES):
        return tuple(findings)
    return (*findings, *adopt(environ).notes, *_contradictions(environ))


def _unknown(environ: Mapping[str, str]) -> Iterator[str]:
    """Find slips of the keyboard; an OTEL_* that resembles nothing is somebody else's, a PYSPAN_* is nobody's."""
    for name in sorted(environ):
        known = name in READ or name in WITHOUT_EFFECT or name.startswith(OTHERS)
        if known or not environ[name].strip():
            continue
        if name.startswith(OTHER_FAMILIES):
            close = slips(name, sorted(READ | set(WITHOUT_EFFECT)), A_LETTER_AWAY)
            yield from (f"{name} is unknown: did you mean {meant}?" for meant in close)
        elif name.startswith(FAMILIES):
            meant = nearest(name, sorted(READ), LISTED)
            if meant != LISTED or name.startswith(OWN_FAMILY):
                yield f"{name} is unknown: {meant}"


def _contradictions(environ: Mapping[str, str]) -> Iterator[str]:
    yield from _two_names(environ)
    yield from _exporters(environ)
    yield from _endpoint(environ)
    yield from _formats(environ)
    yield from _conventions(environ)


def _two_names(environ: Mapping[str, str]) -> Iterator[str]:
    own = first(environ, "OTEL_SERVICE_NAME")
    listed = [item.partition("=") for item in environ.get(OTEL_ATTRIBUTES, "").split(",")]
    for key, _, value in listed:
        if own and key.strip() == SERVICE_NAME and value.strip() != own[1]:
            yield (
                f"OTEL_SERVICE_NAME ({own[1]}) stands above {SERVICE_NAME}={value.strip()} in {OTEL_ATTRIBUTES}; "
                "remove one"
            )


def _exporters(environ: Mapping[str, str]) -> Iterator[str]:
    names = _listed(environ, "OTEL_TRACES_EXPORTER")
    if "none" in names and len(names) > 1:
        others = ", ".join(name for name in names if name != "none")
        yield f"OTEL_TRACES_EXPORTER lists none beside {others}; none changes nothing, remove it"
    endpoint = first(environ, f"{OTLP}TRACES_ENDPOINT")
    if names and endpoint and not any(name.startswith("otlp") for name in names):
        yield f"{endpoint[0]} has no effect: OTEL_TRACES_EXPORTER ({', '.join(names)}) has no otlp; add it"
    brokers = first(environ, "PYSPAN_KAFKA_BROKERS")
    if brokers and not any(name.startswith("kafka") for name in names):
        yield "PYSPAN_KAFKA_BROKERS has no effect: set OTEL_TRACES_EXPORTER=kafka to send to it"


def _endpoint(environ: Mapping[str, str]) -> Iterator[str]:
    endpoint = first(environ, f"{OTLP}TRACES_ENDPOINT", f"{OTLP}ENDPOINT")
    if endpoint is None:
        return
    protocol = first(environ, f"{OTLP}TRACES_PROTOCOL", f"{OTLP}PROTOCOL")
    port = _port(endpoint[1])
    if protocol and (protocol[1].lower(), port) in (("grpc", 4318), ("http/protobuf", 4317)):
        usual = "HTTP" if port == 4318 else "gRPC"
        yield f"{protocol[0]} ({protocol[1]}) and {endpoint[0]} differ: port {port} is the usual one of {usual}"
    insecure = first(environ, f"{OTLP}TRACES_INSECURE", f"{OTLP}INSECURE")
    if insecure and insecure[1].lower() == "true" and endpoint[1].startswith("https://"):
        yield f"{insecure[0]} has no effect: {endpoint[0]} says https; write http:// there, or remove it"
    for name in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"):
        written = first(environ, f"{OTLP}TRACES_{name}", OTLP + name)
        if written and endpoint[1].startswith("http://"):
            yield f"{written[0]} has no effect: {endpoint[0]} says http; write https:// there, or remove it"


def _formats(environ: Mapping[str, str]) -> Iterator[str]:
    names = _listed(environ, "OTEL_PROPAGATORS")
    others = ", ".join(name for name in names if name != "none")
    if others and "none" in names:
        yield f"OTEL_PROPAGATORS lists none beside {others}: nothing is propagated; remove none, or the others"


def _conventions(environ: Mapping[str, str]) -> Iterator[str]:
    """Find slips alone: most words are for other instrumentations, such as database/dup."""
    for word in _listed(environ, OPT_IN):
        close = [] if word in STABLE else slips(word, STABLE, A_WORD_AWAY)
        yield from (f"{OPT_IN} lists {word}, which is unknown: did you mean {meant}?" for meant in close)


def _listed(environ: Mapping[str, str], variable: str) -> list[str]:
    return [word.strip().lower() for word in environ.get(variable, "").split(",") if word.strip()]


def _port(endpoint: str) -> int | None:
    try:
        return urlsplit(endpoint if "://" in endpoint else f"//{endpoint}").port
    except ValueError:  # said where the endpoint is read
        return None
