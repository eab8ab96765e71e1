"""Where a text may be cut, and the direction of its lines."""

from __future__ import annotations

import re
import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from bot.email import truncate
from bot.presentation import characters

TEXTS = st.lists(st.sampled_from(["", " ", "a", "a.b", "1", "ש", "- ש 5", "\N{ARABIC LETTER BEH}", "⟦U+202E⟧"])).map(
    "\n".join
)


_PIECES = st.sampled_from(
    ["a", " ", "\n", "\r\n", "e\u0301", "\u1100\u1161\u11a8", "\u1100\u1161", "\uac00\u11a8", "\u0915\u094d\u0937",
     "\U0001f469\u200d\U0001f4bb", "\U0001f1e9\U0001f1ea", "\U0001f44d\U0001f3fd", "1\ufe0f\u20e3", "⟦U+202E⟧"]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=12), st.integers(0, 80))
def test_a_cut_splits_nothing_that_people_see_as_one_character(pieces: list[str], index: int) -> None:
    text = "".join(pieces)
    index = min(index, len(text))
    ends = {0, *(match.end() for match in regex.finditer(r"\X", text))}
    cut = characters.boundary(text, index)
    assert cut <= index
    assert cut in ends or not any(0 < end <= index for end in ends)
    assert characters.boundary(text, cut) == cut
    assert not re.search(r"⟦U\+[0-9A-F]*\Z", text[:cut]) or cut == index


def test_a_flag_is_not_cut_in_two_however_many_stand_side_by_side() -> None:
    flags = "\U0001f1e9\U0001f1ea" * 500
    assert {characters.boundary(flags, at) % 2 for at in range(0, 1000, 7)} == {0}


@pytest.mark.parametrize("text", ["a\nb", "a\tb", f"a{' ' * 4}b", f"a{chr(0xA0) * 2}{chr(0x3000)} b"])
def test_a_text_whose_lines_could_pass_for_lines_of_signoff_stands_apart(text: str) -> None:
    assert characters.stands_apart(text)
    assert not characters.stands_apart(" ".join(text.split()))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", [""]),
        ("a\nb", ["a\nb"]),
        ("1\n\n2", ["1\n\n2"]),
        ("1\nש\n2", ["1\nש\n2"]),
        ("a\nש", ["a", "ש"]),
        ("a\n1\nש\n1\na", ["a\n1", "ש\n1", "a"]),
        ("a\n\n \nש\n\na\n", ["a", "\n \nש", "\na\n"]),
        ("- a ש\n- ש a", ["- a ש", "- ש a"]),
        ("ש\n\N{ARABIC LETTER BEH}\na", ["ש\n\N{ARABIC LETTER BEH}", "a"]),
    ],
)
def test_a_text_is_taken_apart_where_its_lines_begin_to_run_the_other_way(text: str, parts: list[str]) -> None:
    assert characters.stretches(text) == parts


def test_as_many_empty_lines_as_a_text_may_have_are_taken_apart_once() -> None:
    # Moving these lines one by one to the front of a list would block the server for too long.
    lines = "\n" * 99_998
    assert characters.stretches(f"ש{lines}a") == ["ש", f"{lines[1:]}a"]


def test_all_letters_that_run_from_right_to_left_are_known() -> None:
    from_the_right = [chr(code) for code in range(0x110000) if unicodedata.bidirectional(chr(code)) in ("R", "AL")]
    missed = [letter for letter in from_the_right if len(characters.stretches(f"{letter}\na")) == 1]
    assert [f"{ord(letter):04X}" for letter in missed] == ["200F"], "this mark is shown as its number"


@given(TEXTS)
def test_no_character_is_lost_or_added_and_no_stretch_ends_in_an_empty_line(text: str) -> None:
    parts = characters.stretches(text)
    assert "\n".join(parts) == text
    assert all(part.rpartition("\n")[2].strip() for part in parts[:-1])


@given(TEXTS, st.integers(0, 300))
def test_a_cut_text_fits_with_the_markup_around_its_lines(text: str, room: int) -> None:
    cut = truncate.cut(text, room)
    assert text.startswith(cut.text)
    parts = truncate.stretched(cut.text)
    wrapped = [f'<div dir="auto">{truncate.markup(part)}</div>' for part in parts]
    html = "".join(wrapped) if len(parts) > 1 else str(truncate.markup(cut.text))
    assert len(html.encode()) <= truncate.size(cut.text) <= room
    assert cut.missing == 0 or truncate.size(text) > room


def test_a_text_that_turns_very_often_stays_in_one() -> None:
    assert len(truncate.stretched("a\nש\n" * 30)) == 60
    assert len(truncate.stretched("a\nש\n" * 31)) == 1


@pytest.mark.parametrize("text", ["No answer", "No answer.", "Why?", "Cut…", "As follows:"])
def test_a_sentence_ends_once(text: str) -> None:
    ended = characters.sentence(text)
    assert ended.removeprefix(text) in ("", ".")
    assert characters.sentence(ended) == ended
    assert not ended[-1].isalnum()
