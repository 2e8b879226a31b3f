"""YAML and JSON into values."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspan.config.file.parse import parse_json, parse_yaml
from pyspan.config.file.scalar import resolve


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("", None),
        ("~", None),
        ("NULL", None),
        ("True", True),
        ("false", False),
        ("nUll", "nUll"),
        ("no", "no"),
        ("on", "on"),
        ("12", 12),
        ("-12", -12),
        ("+1", 1),
        ("0o17", 15),
        ("0xdeadBEEF", 3735928559),
        ("017", 17),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.", 1.0),
        ("1.2.3", "1.2.3"),
        ("2024-01-01", "2024-01-01"),
        (".INF", math.inf),
        ("-.inf", -math.inf),
        ("9" * 31, float("9" * 31)),
    ],
)
def test_a_plain_word_is_what_yamls_core_schema_says(word: str, value: object) -> None:
    assert resolve(word) == value
    assert type(resolve(word)) is type(value)


def test_not_a_number_is_a_number() -> None:
    assert math.isnan(resolve(".NaN"))  # type: ignore[arg-type]


@given(st.text())
def test_every_word_is_something(word: str) -> None:
    resolve(word)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("a: ${NUMBER}", 5),
        ("a: '${NUMBER}'", "5"),
        ('a: "${NUMBER}"', "5"),
        ("a: ${NUMBER}0", 50),
        ("a: ${NONE}", None),
        ("a: '${NONE}'", ""),
        ("a: ${SWITCH}", True),
        ("a: ${TABLE}", "x: 1\ny: 2"),
        ("a: [1, b, 'c']", [1, "b", "c"]),
        ("a:\n  - b:\n  - c: 1", [{"b": None}, {"c": 1}]),
        ("a: &x {b: 1}", {"b": 1}),
        ("a: |\n  text", "text"),
    ],
)
def test_variables_are_put_in_before_types_are_seen(written: str, value: object) -> None:
    environ = {"NUMBER": "5", "SWITCH": "true", "TABLE": "x: 1\ny: 2"}
    assert parse_yaml(written, environ) == {"a": value}


def test_a_key_is_never_replaced() -> None:
    assert parse_yaml("${A}: 1", {"A": "b"}) == {"${A}": 1}


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("a: [", "no YAML: .* line"),
        ("a: 1\na: 2", "'a' stands twice"),
        ("a: !!python/object/apply:os.system ['true']", "tag .*python.* line 1 is none of YAML's core schema"),
        ("a: !mine 1", "tag '!mine' in line 1"),
        ("a: 1\nb: ${1}", "line 2: a reference to a variable is written"),
        ("[a, b]: 1", "the key in line 1 is no text"),
        ("--- 1\n--- 2", "no YAML"),
        ("a: &a [*a]", "deeper than 64"),
        ("a: \x00", "no YAML"),
        ("[" * 20_000, "no YAML"),
    ],
)
def test_what_is_wrong_with_yaml_is_said_with_its_line(written: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_yaml(written, {})


def test_a_table_of_many_keys_is_read_in_time() -> None:
    text = json.dumps(dict.fromkeys(map(str, range(90_000))))
    assert len(parse_json(text, {})) == 90_000


def test_a_small_file_cannot_become_a_huge_one() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ValueError, match="more than 100000 values"):
        parse_yaml("\n".join(lines), {})


@given(st.text())
def test_no_text_breaks_the_reading_of_yaml(text: str) -> None:
    try:
        parse_yaml(text, {})
    except ValueError:
        return


def test_json_is_read_without_yaml_and_its_strings_stay_text() -> None:
    code = (
        "import sys; sys.modules['yaml'] = None; from pyspan.config.file.parse import parse_json;"
        'print(parse_json(\'{"a": "${N}", "b": [1, null, {"c": true}]}\', {\'N\': \'5\'}))'
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'a': '5', 'b': [1, None, {'c': True}]}"


@pytest.mark.parametrize(
    ("written", "complaint"), [("{", "no JSON"), ('{"a": 1, "a": 2}', "'a' stands twice"), ('["${1}"]', "reference")]
)
def test_what_is_wrong_with_json_is_said(written: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_json(written, {})


def test_both_read_the_same() -> None:
    text = '{"a": {"b": [1, 2.5, "x", true, null]}}'
    values: list[Any] = [parse_json(text, {}), parse_yaml(text, {})]
    assert values[0] == values[1]
