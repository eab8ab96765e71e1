"""How texts are cut into the words by which requests are found."""

from __future__ import annotations

import unicodedata
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine import search_words
from engine.json_values import Value


def test_words_are_without_accents_and_in_small_letters() -> None:
    assert search_words.words(["Crème BRÛLÉE, straße", "crème"]) == ("creme", "brulee", "strasse")


def test_punctuation_separates_words() -> None:
    assert search_words.words(["A-1007 ann@example.com 120.50_EUR"]) == (
        *("a", "1007", "ann", "example", "com", "120", "50", "eur"),
    )


def test_long_words_and_long_texts_are_cut() -> None:
    assert search_words.words(["x" * 100]) == ("x" * search_words.LONGEST,)
    assert len(search_words.words([" ".join(map(str, range(500)))])) == search_words.MOST


def test_many_accents_on_one_letter_are_read_at_once() -> None:
    accents = "\u0316\u0301" * 500_000
    assert search_words.words([f"a{accents}b été"]) == ("ab", "ete")


@given(st.text(st.sampled_from("aéｶﾞ각ﬁ\u0301\u0316 \U0001d15f"), min_size=900, max_size=1_100), st.integers(1, 30))
def test_the_words_do_not_depend_on_how_much_is_read_at_once(text: str, before: int) -> None:
    plain = "".join(part for part in unicodedata.normalize("NFKD", text) if not unicodedata.combining(part))
    assert search_words.words([text]) == search_words.words([plain])
    assert search_words.words(["-" * before + text]) == search_words.words([text])


def test_texts_of_a_value_are_its_texts_and_numbers() -> None:
    value: Value = {"a": ["one", 2, True, None], "b": {"c": Decimal("3.50")}}
    assert [*search_words.texts_of(value)] == ["one", "2", "3.50"]


@given(st.lists(st.text()))
def test_a_text_is_found_by_each_word_that_is_stored_for_it(texts: list[str]) -> None:
    stored = search_words.words(texts)
    assert all(search_words.typed(word) == (word,) for word in stored)
