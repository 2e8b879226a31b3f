"""Secrets in what a span is told: none leaves the tracer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import sampled_from, text
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

import pyspan
from pyspan.errors import ConfigurationError
from pyspan.sdk.trace import SpanLimits, TracerProvider

MARKER = "[REDACTED]"
CARD = "4111 1111 1111 1111"


class Text(str):
    """No exact string."""

    __slots__ = ()


class Number(int):
    """No exact integer."""


def started(**options: Any) -> Any:
    return TracerProvider(shutdown_on_exit=False, **options).get_tracer("test").start_span("a")


def written(key: Any, value: Any, **options: Any) -> Any:
    """Set one attribute in each way there is, and return what all of them have written."""
    one, many, first = started(**options), started(**options), started(**options)
    one.set_attribute(key, value)
    many.set_attributes({key: value})
    first.add_event("b", {key: value})
    (event,) = first.events
    assert one.attributes == many.attributes == event.attributes
    return one.attributes[str(key)]


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "db.passwd",
        "access_token",
        "client-secret",
        "aws.credentials",
        "credit_card",
        "cardNumber",
        "X-Api-Key",
        "APIKEY",
        "http.request.header.authorization",
        "set_cookie",
        "ssh.private_key",
        Text("password"),
        "пароль.token",
    ],
)
@pytest.mark.parametrize("value", ["hunter2", Text("hunter2"), b"hunter2", ["hunter2"], [17], {"a": "b"}, object])
def test_the_value_of_a_secret_key_is_replaced_whole(key: str, value: object) -> None:
    assert written(key, value) == MARKER


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("has_password", True),
        ("password.length", 8),
        ("authorization_status", 403),
        ("session.tokens", 0.5),
        ("secret.size", Number(2)),
        ("aws.secretsmanager.secret.arn", "arn:aws:secretsmanager:eu-1:1:secret:a"),
        ("gen_ai.token.type", "input"),
        ("token_type", "bearer"),
        ("authorization.result", "allowed"),
    ],
)
def test_what_only_tells_about_a_secret_stays(key: str, value: object) -> None:
    assert written(key, value) == value


def test_a_card_given_as_a_number_is_one_under_the_key_of_a_secret() -> None:
    assert written("card_number", 4111111111111111) == MARKER
    assert written("secret", Number(4111111111111111)) == MARKER
    assert written("order.id", 4111111111111111) == 4111111111111111


@pytest.mark.parametrize("key", ["author", "keyboard", "page", "user.name", "pass"])
def test_other_keys_keep_their_values(key: str) -> None:
    assert written(key, "hunter2") == "hunter2"


def test_a_key_is_known_again_whichever_object_it_is() -> None:
    span = started()
    for number in range(3000):
        span.set_attribute("PASSWORD".lower(), "hunter2")
        span.set_attribute(f"plain.{number}", "hunter2")
        assert span.attributes["password"] == MARKER
        assert span.attributes[f"plain.{number}"] == "hunter2"


def test_secrets_are_found_at_any_depth() -> None:
    value = [{"user": "ann", "auth": [{"token": "hunter2", "url": "/?sig=hunter2"}]}, ("4111111111111111",)]
    expected = ({"user": "ann", "auth": ({"token": MARKER, "url": f"/?sig={MARKER}"},)}, (MARKER,))
    assert written("request", value) == expected


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("https://ann:hunter2@shop.example/?page=2", "https://REDACTED:REDACTED@shop.example/?page=2"),
        ("/login?next=/a&api_key=hunter2", f"/login?next=/a&api_key={MARKER}"),
        ("token=hunter2", f"token={MARKER}"),
        (f"paid with {CARD}", f"paid with {MARKER}"),
        (Text("/?token=hunter2"), f"/?token={MARKER}"),
        ("naïve ?token=hunter2", f"naïve ?token={MARKER}"),
        ("\ud800 ?token=hunter2", f"\ufffd ?token={MARKER}"),
        ("?max_tokens=5&has_token=true&token=5", f"?max_tokens=5&has_token=true&token={MARKER}"),
        (b"https://ann:hunter2@shop.example/?n=1", b"https://REDACTED:REDACTED@shop.example/?n=1"),
        (b"?token=hunter2", f"?token={MARKER}".encode()),
        ([b"?token=hunter2", b"a"], (f"?token={MARKER}".encode(), b"a")),
    ],
)
def test_secrets_in_a_text_are_replaced_under_any_key(given: object, clean: object) -> None:
    assert written("note", given) == clean


@pytest.mark.parametrize(
    "value",
    [
        "ann@shop.example",
        "a = b",
        "SELECT a FROM b WHERE token = ?",
        "4111111111111112",
        "2026-11-21 15:39",
        "0.4111111111111111",
        "7000000000000005",
        b"a=b",
        b"\xff?token=hunter2",
    ],
)
def test_texts_without_secrets_stay(value: object) -> None:
    assert written("note", value) == value


def test_what_says_its_secret_as_text_is_redacted() -> None:
    class Url:
        def __str__(self) -> str:
            return "/?token=hunter2"

    assert written("url", Url()) == f"/?token={MARKER}"


@pytest.mark.parametrize("key", ["gen_ai.usage.input_tokens", "max_tokens", "llm.token_count.prompt"])
def test_counts_of_tokens_are_no_secrets(key: str) -> None:
    assert written(key, 17) == 17
    assert written(key, "hunter2") == MARKER


def test_what_an_instrumentation_has_redacted_stays_as_it_is() -> None:
    assert written("http.request.header.cookie", ["[REDACTED]"]) == ("[REDACTED]",)
    assert (
        written("url.full", "https://REDACTED:REDACTED@a/?sig=REDACTED") == "https://REDACTED:REDACTED@a/?sig=REDACTED"
    )
    assert written("password", ["[REDACTED]", "hunter2"]) == MARKER


def test_nothing_is_put_in_the_place_of_nothing() -> None:
    span = started()
    span.set_attribute("password", None)
    assert MARKER not in span.attributes.values()


def test_what_is_left_of_a_shortened_text_is_no_secret() -> None:
    limits = SpanLimits(max_attribute_length=24)
    assert "hunter" not in written("url.full", "https://ann:hunter2hunter2hunter2@shop.example/", span_limits=limits)
    assert written("password", "hunter2", span_limits=SpanLimits(max_attribute_length=4)) == "[RED"


def test_first_attributes_and_links_are_redacted() -> None:
    context = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1))
    tracer: Any = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    attributes: dict[str, Any] = {"a": 1, "password": "hunter2", "b": "/?token=hunter2", "c": 2}
    span = tracer.start_span("a", attributes=attributes, links=[Link(context, attributes)])
    clean = {"a": 1, "password": MARKER, "b": f"/?token={MARKER}", "c": 2}
    assert dict(span.attributes) == dict(span.links[0].attributes) == clean


def test_an_exception_tells_no_secret() -> None:
    tracer: Any = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    said = "no such user: password=hunter2 at postgres://ann:hunter2@db/x, paid with " + CARD
    with pytest.raises(ValueError, match="hunter2"), tracer.start_as_current_span("a") as span:
        raise ValueError(said)
    told = "no such user: password=[REDACTED] at postgres://REDACTED:REDACTED@db/x, paid with [REDACTED]"
    attributes = span.events[0].attributes
    assert attributes["exception.type"] == "ValueError"
    assert attributes["exception.message"] == told
    assert "hunter2" not in attributes["exception.stacktrace"]
    assert span.status.description == f"ValueError: {told}"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('login(password=b"hunter2")', f'login(password=b"{MARKER}")'),
        ("User(password=SecretStr('hunter2'), n=1)", f"User(password={MARKER}, n=1)"),
        (r"login(password='it\'s hunter2')", f"login(password='{MARKER}')"),
        (r"connect(dsn='host=h password=\'hunter2\'')", rf"connect(dsn='host=h password=\'{MARKER}\'')"),
        ("{'password': b'hunter2'}", f"{{'password': b'{MARKER}'}}"),
        ('{"password": ["hunter2"], "n": 1}', f'{{"password": {MARKER}, "n": 1}}'),
        ('{"password" : "hunter2"}', f'{{"password" : "{MARKER}"}}'),
        ('password = "hunter2"', f'password = "{MARKER}"'),
        ("refused: Authorization: Bearer hunter2\nHost: a", f"refused: Authorization: {MARKER}\nHost: a"),
        ("unexpected token: x", "unexpected token: x"),
        ("password=None, max_tokens=5", "password=None, max_tokens=5"),
    ],
)
def test_what_an_exception_says_is_redacted_up_to_the_end_of_each_value(said: str, told: str) -> None:
    span = started()
    span.record_exception(ValueError(said))
    assert span.events[0].attributes["exception.message"] == told
    assert "hunter2" not in span.events[0].attributes["exception.stacktrace"]


@given(
    secret=text(min_size=1).map(lambda around: f"{around}hunter2{around}"),
    form=sampled_from(["login(password={!r}, n=1)", "{{'password': {!r}}}", "{{'a': [{{'token': [1, {!r}]}}]}}"]),
    convert=sampled_from([str, lambda value: value.encode("utf-8", "replace"), lambda value: [value], repr]),
)
def test_no_value_as_python_shows_it_survives(secret: str, form: str, convert: Callable[[str], object]) -> None:
    span = started()
    span.set_attribute("exception.message", form.format(convert(secret)))
    assert "hunter2" not in span.attributes["exception.message"]


def test_the_description_of_a_status_tells_no_secret() -> None:
    span = started()
    span.set_status(Status(StatusCode.ERROR, "bad api_key=hunter2"))
    assert span.status.description == f"bad api_key={MARKER}"


def everything(span: Any) -> tuple[Any, ...]:
    span.set_attribute("password", "hunter2")
    span.set_attributes({"url": "https://a:b@c/?token=d", "card": CARD, "nested": {"token": "x"}})
    span.record_exception(ValueError("password=hunter2"))
    span.set_status(StatusCode.ERROR, "password=hunter2")
    return dict(span.attributes), span.events[0].attributes["exception.message"], span.status.description


RAW = (
    {"password": "hunter2", "url": "https://a:b@c/?token=d", "card": CARD, "nested": {"token": "x"}},
    "password=hunter2",
    "password=hunter2",
)


def test_off_means_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert everything(started(redact=False)) == RAW
    monkeypatch.setenv("PYSPAN_REDACT", "False")
    assert everything(started()) == RAW
    assert everything(started(redact=True)) != RAW


def test_another_word_leaves_it_on(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("PYSPAN_REDACT", "nope")
    assert everything(started()) != RAW
    assert "PYSPAN_REDACT='nope' in the environment cannot be used: give one of true, false; now true" in caplog.text


@pytest.mark.usefixtures("unconfigured")
def test_configure_takes_only_a_switch() -> None:
    with pytest.raises(ConfigurationError, match=r"redact='no' in .* cannot be used: give True or False"):
        pyspan.configure(redact="no")  # type: ignore[arg-type]
