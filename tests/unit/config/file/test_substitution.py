"""Variables in the values of a file, as the specification of the data model has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspan.config.file.substitution import substitute

ENVIRON = {"TEXT": "shop", "EMPTY": "", "NESTED": "${TEXT}", "DOLLARS": "a$$", "_under1": "x"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${TEXT}", "shop"),
        ("${env:TEXT}", "shop"),
        ("${_under1}", "x"),
        ("a ${TEXT} b ${TEXT}", "a shop b shop"),
        ("${NONE}", ""),
        ("${NONE:-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ("${TEXT:-other}", "shop"),
        ("${env:NONE:-http://h:1}/v1", "http://h:1/v1"),
        ("${NONE:-}", ""),
        ("${NONE:-a b:c}", "a b:c"),
        ("${NESTED}", "${TEXT}"),
        ("${DOLLARS}", "a$$"),
        ("${NONE:-${TEXT}}", "${TEXT}"),
        ("$${TEXT}", "${TEXT}"),
        ("$$${TEXT}", "$shop"),
        ("$$$${TEXT}", "$${TEXT}"),
        ("$${TEXT:-${TEXT}}", "${TEXT:-shop}"),
        ("${NONE:-$${NONE}}", "${NONE:-${NONE}}"),
        ("a $$ b", "a $ b"),
        ("a $ b", "a $ b"),
        ("${", "${"),
    ],
)
def test_a_reference_is_replaced_once(text: str, filled: str) -> None:
    assert substitute(text, ENVIRON) == filled


@pytest.mark.parametrize("text", ["${1TEXT}", "${TEXT:?error}", "${TE XT}", "${sys:TEXT}", "${TE-XT}"])
def test_what_looks_like_a_reference_and_is_none_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"\$\{NAME:-default\}"):
        substitute(text, ENVIRON)


@given(st.text(alphabet="${}:-aTEXT_ \n"))
def test_no_text_breaks_it_and_nothing_is_put_in_twice(text: str) -> None:
    try:
        filled = substitute(text, {"T": "${T}", "TEXT": "${TEXT}"})
    except ValueError:
        return
    assert isinstance(filled, str)


@given(st.text().filter(lambda text: "$" not in text))
def test_a_text_without_a_dollar_stays_as_it_is(text: str) -> None:
    assert substitute(text, ENVIRON) == text
