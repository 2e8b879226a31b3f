"""How Kafka brokers are spoken to: SASL and TLS, by the names that users of librdkafka and aiokafka know."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, NamedTuple

from pyspan.config.environ import PLACE, first, problem
from pyspan.config.tls import read_pem

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from pyspan.errors import ConfigurationError

__all__ = ["KAFKA_OPTIONS", "KafkaSecurity"]

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
FILES = ("ssl_cafile", "ssl_certfile", "ssl_keyfile")
VARIABLE_PREFIX = "PYSPAN_KAFKA_"


class _Option(NamedTuple):
    """An option as it was written, and where."""

    key: str
    value: str
    place: str

    def refusal(self, fix: str) -> ConfigurationError:
        shown = "..." if self.key.lower().endswith("password") else self.value
        return problem(self.key, shown, fix, self.place)


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """Checked options: credentials for SASL, paths of PEM files for TLS."""

    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None

    @classmethod
    def read(cls, given: Mapping[str, str], environ: Mapping[str, str], place: str = PLACE) -> KafkaSecurity:
        """Take what is given, and the rest from PYSPAN_KAFKA_*, unless a `security_protocol` of its own is given.

        Raises:
            ConfigurationError: an option is unknown to us, without effect, or lacks another one; a file is no PEM file.
        """
        options = {name: _Option(name, value, place) for name, value in given.items()}
        if "security_protocol" not in given:
            options = {**_from_environment(environ), **options}
        _check_words(options)
        _check_effects(options)
        _check_files(options)
        checked = cls(**{name: _word(name, option.value) for name, option in options.items()})
        checked.ssl_context()
        return checked

    def ssl_context(self) -> ssl.SSLContext | None:
        """Load the certificates; None without TLS.

        Raises:
            ConfigurationError: a file holds something else, or a key that asks for a pass phrase.
        """
        if not self.security_protocol.endswith("SSL"):
            return None
        import ssl  # 10 ms that only those wait who use it

        path = self.ssl_cafile
        try:
            context = ssl.create_default_context(cafile=path)
            if self.ssl_certfile:
                path = self.ssl_certfile
                # Without a password OpenSSL would ask for one on the terminal.
                context.load_cert_chain(path, self.ssl_keyfile, password="")
        except (OSError, ValueError) as error:
            fix = f"{error}; name PEM files that belong together, the key without a pass phrase"
            raise problem("ssl_cafile" if path == self.ssl_cafile else "ssl_certfile", str(path), fix) from error
        return context


KAFKA_OPTIONS = tuple(option.name for option in fields(KafkaSecurity))


def _from_environment(environ: Mapping[str, str]) -> dict[str, _Option]:
    found = {name: first(environ, VARIABLE_PREFIX + name.upper()) for name in KAFKA_OPTIONS}
    return {name: _Option(*pair, PLACE) for name, pair in found.items() if pair is not None}


def _word(name: str, value: str) -> str:
    return value.upper() if name in ("security_protocol", "sasl_mechanism") else value


def _check_words(options: Mapping[str, _Option]) -> None:
    for name, allowed in (("security_protocol", PROTOCOLS), ("sasl_mechanism", MECHANISMS)):
        if name in options and options[name].value.upper() not in allowed:
            raise options[name].refusal(f"give one of {', '.join(allowed)}")


def _check_effects(options: Mapping[str, _Option]) -> None:
    """Refuse what would be believed and do nothing: credentials given, and the spans go out in plain text."""
    protocol = options["security_protocol"].value.upper() if "security_protocol" in options else "PLAINTEXT"
    for name, option in options.items():
        if name.startswith("sasl_") and not protocol.startswith("SASL_"):
            raise option.refusal(f"it has no effect with security_protocol {protocol}; set SASL_SSL or SASL_PLAINTEXT")
        if name.startswith("ssl_") and not protocol.endswith("SSL"):
            raise option.refusal(f"it has no effect with security_protocol {protocol}; set SSL or SASL_SSL")
    missing = [name for name in ("sasl_username", "sasl_password") if name not in options]
    if protocol.startswith("SASL_") and missing:
        raise options["security_protocol"].refusal(f"it needs {' and '.join(missing)}; set them too")


def _check_files(options: Mapping[str, _Option]) -> None:
    for name in FILES:
        if name in options:
            read_pem(options[name].value, options[name].key, options[name].place)
    if "ssl_keyfile" in options and "ssl_certfile" not in options:
        raise options["ssl_keyfile"].refusal("it needs ssl_certfile; set it too")
