"""The text of an API key: what is written is read again, and every other text has one reason why it is none."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.presentation import refusals
from engine import api_key_text, system
from engine.api_key_text import KeyProblem, KeyText
from engine.domain.api_keys import ApiKeyRefused
from engine.id_times import ALPHABET
from tests.support.fakes import START

SECRETS = st.text(string.ascii_letters + string.digits + "_-", min_size=43, max_size=43)
KEYS = st.builds(api_key_text.write, st.text(ALPHABET, min_size=17, max_size=17), SECRETS)
KEY = api_key_text.write("06b6pe67q4f51aykc", "H1BsmX8W0DJ1dqXOL2TKcMZGgB_7W2obfgE0cbYjCP4")


def test_ids_and_secrets_of_this_machine_make_keys_that_are_read_again() -> None:
    ids = system.RandomIds()
    key, secret = ids.new(START), ids.token()
    text = api_key_text.write(key, secret)
    assert api_key_text.parse(text) == KeyText(key, secret)
    assert len(text) == api_key_text.LENGTH


@given(KEYS, st.sampled_from(["", " ", "\n", "\r\n", "\t "]))
def test_white_space_around_a_key_does_not_count(key: str, around: str) -> None:
    assert isinstance(api_key_text.parse(around + key + around), KeyText)


@given(KEYS, st.integers(4, 64))
def test_a_key_that_is_cut_off_is_told_so(key: str, length: int) -> None:
    assert api_key_text.parse(key[:length]) is KeyProblem.CUT_OFF


@given(KEYS, st.integers(5, 64), st.sampled_from([" ", "\n", "\u00a0", "\t"]))
def test_a_key_with_white_space_in_it_is_told_so(key: str, at: int, space: str) -> None:
    assert api_key_text.parse(key[:at] + space + key[at:]) is KeyProblem.SPACE


@given(KEYS, st.text(string.ascii_letters, min_size=1))
def test_a_key_that_is_followed_by_something_is_told_so(key: str, more: str) -> None:
    assert api_key_text.parse(key + more) is KeyProblem.TOO_LONG


@given(KEYS, st.integers(4, 64), st.sampled_from("…“é\0,;=%"))
def test_a_key_with_another_character_has_a_typo(key: str, at: int, typo: str) -> None:
    assert api_key_text.parse(key[:at] + typo + key[at + 1 :]) is KeyProblem.TYPO


@given(st.text())
def test_any_text_is_a_key_or_has_one_sentence_that_does_not_quote_it(text: str) -> None:
    parsed = api_key_text.parse(text)
    if isinstance(parsed, KeyProblem):
        sentence = refusals.sentence(ApiKeyRefused(why=parsed.value))
        assert sentence.count(". ") <= 1
        assert sentence.endswith(".")
        assert len(text.strip()) < 12 or text.strip() not in sentence


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", KeyProblem.MISSING),
        (" \n", KeyProblem.MISSING),
        (f"Bearer {KEY}", KeyProblem.NOT_A_KEY),
        (f'"{KEY}"', KeyProblem.NOT_A_KEY),
        (KEY.upper(), KeyProblem.NOT_A_KEY),
        ("sk_live_0123456789", KeyProblem.NOT_A_KEY),
        (KEY.replace("06b6", "06B6"), KeyProblem.TYPO),
        (KEY.replace("kc_", "kc-"), KeyProblem.TYPO),
    ],
)
def test_the_reason_fits_what_people_paste(text: str, problem: KeyProblem) -> None:
    assert api_key_text.parse(text) is problem


def test_the_secret_of_a_key_is_in_no_repr() -> None:
    assert "H1BsmX8W" not in repr(api_key_text.parse(KEY))
