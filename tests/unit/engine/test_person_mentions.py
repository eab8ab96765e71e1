"""Names and addresses of a person are found as whole words, and a pseudonym takes their place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.person_mentions import Mentions, is_sure

ADA = Mentions(["Ada", "Ada Lovelace", "ada@example.com", "U0ADA1234", " ", "x"], pseudonym="P")


@pytest.mark.parametrize(
    ("text", "erased"),
    [
        ("Ada asks", "P asks"),
        ("Ask Ada Lovelace, or ada@example.com.", "Ask P, or P."),
        ("ADA@EXAMPLE.COM and ada  lovelace\nand Ada\nLovelace", "P and P\nand P"),
        ("<@U0ADA1234>", "<@P>"),
        ("the ada language, Adam, bada@example.com, ada@example.com.au, x", None),
        ("x.ada@example.com ada@example.community Ada-Marie", None),
        ("", None),
    ],
)
def test_whole_names_and_addresses_are_found(text: str, erased: str | None) -> None:
    assert ADA.erased(text) == (text if erased is None else erased)
    assert ADA.found_in(text) is (erased is not None)


def test_json_is_searched_in_its_texts_and_keys() -> None:
    value = {"to": ["Ada", 1, None, True], "ada@example.com": {"note": "for\nAda\t"}}
    text = json.dumps(value)
    assert json.loads(ADA.erased_json(text)) == {"to": ["P", 1, None, True], "P": {"note": "for\nP\t"}}
    assert ADA.found_in_json(text)
    assert ADA.erased_json('{"amount": 12.50}') == '{"amount": 12.50}'
    assert not ADA.found_in_json('{"amount": 12.50}')
    assert ADA.erased_json("{no json of Ada") == "{no json of P"


def test_without_a_name_nothing_is_found() -> None:
    assert not Mentions([], pseudonym="P").found_in("anything at all")


def test_only_addresses_and_names_of_several_words_are_sure() -> None:
    assert [is_sure(text) for text in ("Ada", "Ada Lovelace", "ada@example.com")] == [False, True, True]


@given(st.text(), st.text(), st.sampled_from(["Ada Lovelace", "ada@example.com"]))
def test_no_name_is_left_between_spaces(before: str, after: str, name: str) -> None:
    erased = ADA.erased(f"{before} {name} {after}")
    assert erased == ADA.erased(erased)
    assert f" {name} " not in f" {erased} "
