"""Where spans go, written as `KIND=TARGET`: the one parser for the application and for the agent."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pyspan.config.address import Address, parse_address, parse_path, type_name
from pyspan.config.endpoint import GRPC, HTTP, Protocol, by_convention, parse_url, with_traces_path
from pyspan.config.redaction import redact
from pyspan.config.suggestion import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from urllib.parse import SplitResult

__all__ = ["KINDS", "Destination", "parse_destination", "parse_kafka_target"]

FORMS = "otlp=URL, otlp-grpc=HOST:PORT, kafka=HOST:PORT[,HOST:PORT]/TOPIC or file=PATH"
TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
PLAIN = re.compile(r"[A-Za-z0-9._:]{1,60}")
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Destination:
    """A checked destination; `target` is completed, `protocol` is set for OTLP."""

    kind: str
    target: str
    protocol: Protocol | None = None

    @property
    def name(self) -> str:
        """Such as `otlp-collector-4318`: legal in file names and metrics, without secrets, the same at each start.

        What does not fit, or could be another target's name too, is made unique by a checksum at the end.
        """
        text = Path(self.target).name if self.kind == "file" else _short(redact(self.target))
        name = f"{self.kind}-{_slug(text)}"
        if self.kind != "file" and PLAIN.fullmatch(text) and "@" not in self.target:
            return name
        return f"{name}-{zlib.crc32(redact(self.target).encode(errors='surrogateescape')):08x}"

    def __str__(self) -> str:
        return f"{self.kind}={redact(self.target)}"


def parse_destination(value: object, kinds: Sequence[str] = ()) -> Destination:
    """Parse `KIND=TARGET`; `kinds` are what the caller takes without a target, for the message about an unknown one.

    Raises:
        ValueError: what is wrong, and how to write it; TypeError where it is no text. The caller says where it stood.
    """
    if not isinstance(value, str):
        raise TypeError(f"{type_name(value)} where KIND=TARGET is needed (write {FORMS})")
    kind, equals, target = value.strip().partition("=")
    if not equals:
        raise ValueError(f"no KIND= (write {FORMS})")
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r} ({nearest(kind, [*KINDS, *kinds])})")
    if not target.strip():
        raise ValueError(f"nothing after {kind}= (write {FORMS})")
    return KINDS[kind](target.strip())


def parse_kafka_target(target: str) -> tuple[tuple[str, ...], str]:
    """Parse `HOST:PORT[,HOST:PORT]/TOPIC` into brokers and topic."""
    brokers, slash, topic = target.rpartition("/")
    if not slash or not brokers:
        raise ValueError("no topic (write HOST:PORT[,HOST:PORT]/TOPIC, such as 127.0.0.1:9092/otlp_spans)")
    if not TOPIC.fullmatch(topic) or topic in {".", ".."}:
        raise ValueError("the topic is not 1 to 249 letters, digits, dots, hyphens or underscores")
    return tuple(str(_far(broker.strip())) for broker in brokers.split(",")), topic


def _otlp(target: str) -> Destination:
    """Take a URL; its path, or port 4317 without one, says which protocol it speaks."""
    if target.startswith("unix:"):
        return Destination("otlp", target, HTTP)
    url = parse_url(target, "http://127.0.0.1:4318")
    if by_convention(url) == GRPC:
        return _of_grpc("otlp", url)
    return Destination("otlp", with_traces_path(url), HTTP)


def _otlp_grpc(target: str) -> Destination:
    """Take HOST:PORT for plain text, as for a Collector next door, or a URL whose scheme says whether it is TLS."""
    if "://" not in target:
        return Destination("otlp-grpc", f"http://{_far(target)}", GRPC)
    return _of_grpc("otlp-grpc", parse_url(target, "https://collector:4317"))


def _of_grpc(kind: str, url: SplitResult) -> Destination:
    if url.path.strip("/") or url.query:
        raise ValueError("a gRPC endpoint has no path or query (write HOST:PORT or https://HOST:PORT)")
    return Destination(kind, f"{url.scheme}://{url.netloc}", GRPC)


def _kafka(target: str) -> Destination:
    brokers, topic = parse_kafka_target(target)
    return Destination("kafka", f"{','.join(brokers)}/{topic}")


def _file(target: str) -> Destination:
    if "://" in target:
        raise ValueError("a URL is no path (write the path alone, such as file=/var/log/spans.jsonl)")
    return Destination("file", str(parse_path(target)))


KINDS: dict[str, Callable[[str], Destination]] = {
    "otlp": _otlp,
    "otlp-grpc": _otlp_grpc,
    "kafka": _kafka,
    "file": _file,
}


def _far(text: str) -> Address:
    if "@" in text:
        raise ValueError("HOST:PORT has no user or password (headers and the options of Kafka take them)")
    address = parse_address(text)
    if address.port == 0:
        raise ValueError("port 0 is no destination (give a number from 1 to 65535)")
    return address


def _short(target: str) -> str:
    return re.sub("//REDACTED(:REDACTED)?@", "//", target).removeprefix("http://").removesuffix("/v1/traces")


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-.")[:LONGEST_NAME].rstrip("-.")
