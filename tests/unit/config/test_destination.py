"""Destinations: one parser for the application and the agent, names, and what people see of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspan.agent.exports import parse_export
from pyspan.config.destination import parse_destination
from pyspan.config.redaction import redact
from pyspan.config.suggestion import nearest
from pyspan.errors import ConfigurationError
from pyspan.pipeline.specs import parse_spec

HOME_FILE = str(Path("~/spans.jsonl").expanduser())


@pytest.mark.parametrize(
    ("text", "target", "protocol"),
    [
        ("otlp=http://h:4317", "http://h:4317", "grpc"),
        ("otlp=http://h:4318", "http://h:4318/v1/traces", "http/protobuf"),
        ("otlp=http://h:4317/x", "http://h:4317/x/v1/traces", "http/protobuf"),
        ("otlp=unix:///run/agent.sock", "unix:///run/agent.sock", "http/protobuf"),
        ("otlp-grpc=[::1]:4317", "http://[::1]:4317", "grpc"),
        (" otlp-grpc=https://h:4317/ ", "https://h:4317", "grpc"),
        ("kafka=a:1, b:2/spans", "a:1,b:2/spans", None),
        ("file=~/spans.jsonl", HOME_FILE, None),
    ],
)
def test_the_application_and_the_agent_understand_a_destination_alike(
    text: str, target: str, protocol: str | None
) -> None:
    destination = parse_destination(text)
    assert (destination.target, destination.protocol) == (target, protocol)
    export, spec = parse_export(text), parse_spec(text, {})
    assert (export.target, export.name) == (target, spec.name)
    for otlp in (export.otlp, spec.otlp):
        assert (otlp and (otlp.endpoint, otlp.protocol)) == (protocol and (target, protocol))


@pytest.mark.parametrize(
    "text",
    [
        "otlp=h:4318",
        "otlp=http://h:99999",
        "otlp-grpc=h",
        "otlp-grpc=h:0",
        "otlp-grpc=http://h/x",
        "kafka=h:9092",
        "kafka=h:9092/ü",
        "file=",
        "oltp=http://h",
        "http://h:4318",
        "file=~nobody-of-this-name/x",
        "otlp=http://[x",
        "otlp=http://h m",
        "otlp=http://h:4318#part",
        "otlp=http://h:4317?key",
    ],
)
def test_both_give_the_same_reason_for_what_they_refuse(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as of_the_agent:
        parse_export(text)
    with pytest.raises(ConfigurationError) as of_the_application:
        parse_spec(text, {}, key="exporter", place="here")
    reason = str(of_the_agent.value)
    assert str(of_the_application.value).startswith(f"exporter={redact(repr(text))} in here cannot be used: ")
    assert reason.partition("(known")[0] in str(of_the_application.value)


@given(st.text())
def test_any_text_is_a_destination_or_a_value_error(text: str) -> None:
    for candidate in (
        text,
        f"otlp={text}",
        f"otlp-grpc={text}",
        f"kafka={text}",
        f"file={text}",
        f"otlp=http://{text}",
    ):
        try:
            destination = parse_destination(candidate)
        except ValueError:
            continue
        assert parse_destination(f"{destination.kind}={destination.target}") == destination


LONG = "http://collector.example/" + "tenants/" * 20


def test_targets_that_differ_late_or_only_in_punctuation_have_names_of_their_own() -> None:
    texts = [f"otlp={LONG}{n}" for n in range(50)] + ["otlp=http://h:1/a/b", "otlp=http://h:1/a-b", "otlp=http://h-1"]
    texts += ["otlp=http://h:1", "file=/a/spans", "file=/b/spans", "kafka=a:1/b", "kafka=a:1,b:2/c"]
    names = {parse_destination(text).name for text in texts}
    assert len(names) == len(texts)
    assert all(len(name) <= 80 for name in names)


def test_a_name_is_the_same_at_each_start_and_with_a_renewed_secret() -> None:
    assert parse_destination(f"otlp={LONG}").name == parse_destination(f"otlp={LONG}").name
    assert (
        parse_destination(f"otlp={LONG}").name
        == "otlp-collector.example-tenants-tenants-tenants-tenants-tenants-te-26e9731f"
    )
    old, new = (parse_destination(f"otlp=http://shop:{word}@h:1/?key={word}") for word in ("old-secret", "new-secret"))
    assert old.name == new.name
    assert "secret" not in f"{old} {old.name}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:pass@h:1/x?key=abc&b=c&flag", "http://REDACTED:REDACTED@h:1/x?key=REDACTED&b=REDACTED&REDACTED"),
        ("https://token@h", "https://REDACTED@h"),
        ("http://u:p/a@ss@h:1", "http://REDACTED:REDACTED@h:1"),
        ("otlp=u:p@h:4318", "otlp=REDACTED:REDACTED@h:4318"),
        ("http://h:1/v1/traces", "http://h:1/v1/traces"),
        ("file=/a@b/c", "file=/a@b/c"),
        ("['otlp=http://u:p@h?k=v', 'file=/x']", "['otlp=http://REDACTED:REDACTED@h?k=REDACTED', 'file=/x']"),
    ],
)
def test_users_passwords_and_queries_are_redacted(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "otlp=http://shop:hun/ter2@h:port?key=s3cret",
        "otlp=http://h:4317?key=s3cret",
        "otlp-grpc=shop:s3cret@h",
        "kafka=shop:s3cret@h:9092/spans",
        "kafka=h:9092/spans?sasl_password=s3cret",
        "kafka=h:9092/shop:s3cret@spans",
        "file=https://shop:s3cret@h/spans",
    ],
)
def test_an_error_about_a_destination_holds_none_of_its_secrets(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as of_the_agent:
        parse_export(text)
    with pytest.raises(ConfigurationError) as of_the_application:
        parse_spec(text, {})
    said = f"{of_the_agent.value} {of_the_application.value}"
    assert not {"hun", "ter2", "s3cret"} & set(re.split(r"\W", said))


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("otlp-htp", "did you mean otlp-http?"),
        ("OTLP_HTTP", "did you mean otlp-http?"),
        ("http", "did you mean otlp-http?"),
        ("exprot", "did you mean export?"),
        ("spool-bytes", "did you mean spool-max-bytes or spool-segment-bytes?"),
        ("port", "see the list"),
        ("verbose", "see the list"),
    ],
)
def test_a_suggestion_is_a_slip_or_a_part_and_never_far_fetched(word: str, advice: str) -> None:
    known = ("otlp-http", "otlp-grpc", "export", "spool", "spool-max-bytes", "spool-segment-bytes", "log-level")
    assert nearest(word, known, "see the list") == advice
