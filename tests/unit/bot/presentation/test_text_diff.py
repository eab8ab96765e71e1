"""The difference between two texts: nothing is lost, and one changed digit is found in any length."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.presentation.text_diff import AROUND, Part, Segment, difference, folded, is_long

TEXTS = st.text(st.sampled_from("ab \n12.,e\u0301"), max_size=60) | st.text(max_size=30)


def join_without(segments: tuple[Segment, ...], part: Part) -> str:
    return "".join(segment.text for segment in segments if segment.part is not part)


@given(TEXTS, TEXTS)
def test_a_difference_holds_both_texts(before: str, after: str) -> None:
    segments = difference(before, after)
    assert join_without(segments, Part.ADDED) == before
    assert join_without(segments, Part.REMOVED) == after


@given(TEXTS, TEXTS)
def test_a_folded_difference_holds_both_texts(before: str, after: str) -> None:
    segments = folded(before, after, around=5)
    assert join_without(segments, Part.ADDED) == before
    assert join_without(segments, Part.REMOVED) == after


@given(TEXTS)
def test_equal_texts_have_no_difference(text: str) -> None:
    assert {segment.part for segment in difference(text, text)} <= {Part.SAME}


MARKERS = ["⟦U+202E⟧", "⟦U+202D⟧", "⟦U+200B⟧", "⟦U+E0041⟧"]
MARKED = st.lists(
    st.sampled_from([*MARKERS, "a", "U", "202", "1,250", " ", "\n", "\u0301", "\u0600", "e\u0301"]), max_size=25
).map("".join)


@given(MARKED, MARKED)
def test_the_name_of_a_hidden_character_is_never_split(before: str, after: str) -> None:
    for segment in (*difference(before, after), *folded(before, after, around=5)):
        rest = re.sub("|".join(map(re.escape, MARKERS)), "", segment.text)
        assert not {"⟦", "⟧", "+"} & {*rest}


def test_one_hidden_character_in_the_place_of_another_is_one_changed_word() -> None:
    assert difference("pay⟦U+202E⟧ now", "pay⟦U+202D⟧ now") == (
        Segment(Part.SAME, "pay"),
        Segment(Part.REMOVED, "⟦U+202E⟧ "),
        Segment(Part.ADDED, "⟦U+202D⟧ "),
        Segment(Part.SAME, "now"),
    )


def test_one_digit_in_a_long_text_is_found() -> None:
    before = "\n".join(f"Line {number}: the customer gets 1,250 EUR in total." for number in range(60))
    after = before.replace("Line 31: the customer gets 1,250", "Line 31: the customer gets 1,350")
    segments = folded(before, after)
    assert [(segment.part, segment.text) for segment in segments if segment.part in (Part.REMOVED, Part.ADDED)] == [
        (Part.REMOVED, "1,250 "),
        (Part.ADDED, "1,350 "),
    ]
    assert [segment.part for segment in segments] == [
        Part.FOLDED, Part.SAME, Part.REMOVED, Part.ADDED, Part.SAME, Part.FOLDED,
    ]  # fmt: skip
    shown = "".join(segment.text for segment in segments if segment.part is not Part.FOLDED)
    assert len(shown) <= 2 * AROUND + 10


def test_an_amount_is_one_word() -> None:
    parts = [(segment.part, segment.text) for segment in difference("We pay 120.50 EUR.", "We pay 99.50 EUR.")]
    assert parts == [
        (Part.SAME, "We pay "),
        (Part.REMOVED, "120.50 "),
        (Part.ADDED, "99.50 "),
        (Part.SAME, "EUR."),
    ]


@settings(deadline=None)
@given(st.integers(1, 3))
def test_long_texts_that_have_little_in_common_are_compared_by_lines_or_as_a_whole(seed: int) -> None:
    before = " ".join(f"word{number * seed}" for number in range(3_000))
    after = " ".join(f"term{number * seed}" for number in range(3_000))
    segments = difference(before, after)
    assert join_without(segments, Part.ADDED) == before
    assert join_without(segments, Part.REMOVED) == after


def test_lines_are_compared_where_there_are_too_many_words() -> None:
    before = "\n".join(f"a{number} b c d e f g h" for number in range(200))
    after = "\n".join(f"{'z' if number % 2 else 'a'}{number} b c d e f g h" for number in range(200))
    removed = [segment for segment in difference(before, after) if segment.part is Part.REMOVED]
    assert len(removed) == 100


def test_text_near_a_change_is_not_folded() -> None:
    parts = [segment.part for segment in folded("one two three", "one two four")]
    assert parts == [Part.SAME, Part.REMOVED, Part.ADDED]


def test_short_texts_are_shown_in_full_beside_each_other() -> None:
    assert not is_long("120 EUR", "99.50 EUR")
    assert is_long("a\nb", "a")
    assert is_long("x" * 81, "x")
