"""SASL and TLS for Kafka: what is given, what the environment adds, and what is refused."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from pyspan.agent.exports import parse_export
from pyspan.config import KafkaSecurity
from pyspan.errors import ConfigurationError
from pyspan.sdk.trace.export import KafkaSpanExporter

if TYPE_CHECKING:
    from pathlib import Path

SASL = {"security_protocol": "sasl_plaintext", "sasl_username": "shop", "sasl_password": "hunter2"}


def in_environment(options: dict[str, str]) -> dict[str, str]:
    return {f"PYSPAN_KAFKA_{name.upper()}": value for name, value in options.items()}


def test_nothing_given_is_plain_text() -> None:
    assert KafkaSecurity.read({}, {}) == KafkaSecurity()
    assert KafkaSecurity().ssl_context() is None


@pytest.mark.parametrize("mechanism", ["plain", "SCRAM-SHA-256", "scram-sha-512"])
def test_options_and_variables_say_the_same(mechanism: str) -> None:
    options = {**SASL, "sasl_mechanism": mechanism}
    expected = KafkaSecurity("SASL_PLAINTEXT", mechanism.upper(), "shop", "hunter2")
    assert KafkaSecurity.read(options, {}) == KafkaSecurity.read({}, in_environment(options)) == expected


def test_what_is_not_given_comes_from_the_environment_unless_a_protocol_is() -> None:
    environ = in_environment(SASL)
    assert KafkaSecurity.read({"sasl_username": "other"}, environ).sasl_username == "other"
    assert KafkaSecurity.read({"security_protocol": "PLAINTEXT"}, environ) == KafkaSecurity()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"security_protocol": "tls"}, "one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
        ({**SASL, "sasl_mechanism": "GSSAPI"}, "one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"),
        ({"sasl_password": "hunter2"}, "no effect with security_protocol PLAINTEXT; set SASL_SSL"),
        ({"security_protocol": "SSL", "sasl_username": "shop"}, "no effect with security_protocol SSL"),
        ({**SASL, "ssl_cafile": "/x"}, "no effect with security_protocol SASL_PLAINTEXT; set SSL or SASL_SSL"),
        ({"security_protocol": "SASL_SSL", "sasl_username": "shop"}, "it needs sasl_password"),
        ({"security_protocol": "SSL", "ssl_cafile": "/nothere.pem"}, "No such file"),
    ],
)
def test_what_cannot_work_is_refused_by_option_and_by_variable(options: dict[str, str], reason: str) -> None:
    for given, environ in ((options, {}), ({}, in_environment(options))):
        with pytest.raises(ConfigurationError, match=reason) as error:
            KafkaSecurity.read(given, environ)
        assert "hunter2" not in str(error.value)
        assert str(error.value).startswith("PYSPAN_KAFKA_" if environ else tuple(options))


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A certificate with its key, and the key again under a pass phrase."""
    folder = tmp_path_factory.mktemp("pem")
    files = {name: folder / name for name in ("certificate", "key", "locked", "broken")}
    openssl(
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=shop",
        "-keyout",
        files["key"],
        "-out",
        files["certificate"],
    )
    openssl("rsa", "-aes128", "-passout", "pass:phrase", "-in", files["key"], "-out", files["locked"])
    files["broken"].write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return files


def openssl(*arguments: str | Path) -> None:
    program = shutil.which("openssl") or pytest.skip("the openssl program is missing: TLS files are not tested")
    subprocess.run([program, *map(str, arguments)], check=True, capture_output=True)


def test_certificates_are_loaded_into_one_context(pem: dict[str, Path]) -> None:
    files = {"ssl_cafile": pem["certificate"], "ssl_certfile": pem["certificate"], "ssl_keyfile": pem["key"]}
    security = KafkaSecurity.read({"security_protocol": "SSL", **{name: str(file) for name, file in files.items()}}, {})
    context = security.ssl_context()
    assert context is not None
    assert context.cert_store_stats()["x509"] == 1


@pytest.mark.parametrize(
    ("files", "culprit"),
    [
        ({"ssl_cafile": "broken"}, "ssl_cafile"),
        ({"ssl_certfile": "certificate", "ssl_keyfile": "locked"}, "ssl_certfile"),
        ({"ssl_certfile": "certificate"}, "ssl_certfile"),
        ({"ssl_keyfile": "key"}, "ssl_keyfile"),
    ],
)
def test_files_that_hold_something_else_are_named_and_nobody_is_asked_for_a_pass_phrase(
    files: dict[str, str], culprit: str, pem: dict[str, Path]
) -> None:
    options = {"security_protocol": "SSL", **{name: str(pem[file]) for name, file in files.items()}}
    with pytest.raises(ConfigurationError, match=f"^{culprit}="):
        KafkaSecurity.read(options, {})


def test_a_table_of_the_agent_holds_the_options_and_names_secrets_by_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_WORD", "hunter2")
    export = parse_export({"to": "kafka=h:1/t", **SASL, "sasl_password": "${KAFKA_WORD}"})
    assert export.security == KafkaSecurity("SASL_PLAINTEXT", "PLAIN", "shop", "hunter2")
    assert "hunter2" not in f"{export} {export!r}"


def test_the_applications_exporter_takes_arguments_and_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments: dict[str, Any] = SASL
    assert KafkaSpanExporter("h:1", "t", **arguments)._settings.security.sasl_password == "hunter2"
    for variable, value in in_environment(SASL).items():
        monkeypatch.setenv(variable, value)
    assert KafkaSpanExporter("h:1", "t")._settings.security.security_protocol == "SASL_PLAINTEXT"
    with pytest.raises(ConfigurationError, match=r"bootstrap_servers='h/otlp_spans' in KafkaSpanExporter .* no port"):
        KafkaSpanExporter("h")
