"""Texts are cut, split and escaped for Slack."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.slack import ids, text_objects
from bot.slack.text_objects import ClippedText
from tests.support import samples, slack_rules


@settings(deadline=None)
@given(samples.ANY, st.integers(1, 4_000))
def test_a_cut_text_fits_and_begins_like_the_whole(text: str, limit: int) -> None:
    clipped = text_objects.clip(text, limit)
    cut_text, missing = clipped.text, clipped.missing
    assert text_objects.size(cut_text) <= limit
    assert slack_rules.length(cut_text) <= limit
    if missing:
        head = cut_text[: len(text) - missing]
        assert text.startswith(head)
        assert cut_text[len(head) :].startswith("…")
    else:
        assert cut_text == text


def test_a_cut_says_how_much_is_missing() -> None:
    assert text_objects.clip("x" * 2_000, 100).text == "x" * 75 + "… (1,925 more characters)"
    assert text_objects.clip("x" * 50, 20).text == "x" * 19 + "…"
    assert text_objects.clip("x" * 5, 100, beyond=10) == ClippedText("xxxxx… (10 more characters)", 10)


@pytest.mark.parametrize(
    ("text", "room", "head"),
    [
        ("ae\u0301", 2, "a"),
        ("a👍🏽", 3, "a"),
        ("a👩‍👧", 4, "a"),
        ("🇩🇪🇫🇷", 4, "🇩🇪"),
        ("🇩🇪🇫🇷", 6, "🇩🇪"),
        ("ab\r\n", 3, "ab"),
        ("ab⟦U+202E⟧", 6, "ab"),
        ("⟦U+202E⟧", 4, "⟦U+2"),
        ("e" + "\u0301" * 99, 60, "e" + "\u0301" * 59),
        ("\u0301\u0301", 1, "\u0301"),
        ("a<b", 4, "a"),
        ("a<b", 5, "a<"),
    ],
)
def test_a_cut_splits_no_character_as_people_see_it(text: str, room: int, head: str) -> None:
    assert text_objects.fit(text, room) == head


@settings(deadline=None)
@given(samples.ANY, st.integers(10, 3_000))
def test_pieces_are_the_text_again(text: str, limit: int) -> None:
    pieces = list(text_objects.pieces(text, limit))
    assert "".join(pieces) == text
    assert all(0 < text_objects.size(piece) <= limit for piece in pieces)


@settings(deadline=None)
@given(samples.ANY.map(lambda text: text[:16_000]))
def test_the_inputs_of_a_long_text_are_the_text_again(text: str) -> None:
    pieces = text_objects.input_pieces(text)
    if pieces is None:
        assert slack_rules.length(text) > ids.INPUT_TEXT * 5
        return
    assert "".join(pieces) == text
    assert 1 <= len(pieces) <= 5
    assert all(slack_rules.length(piece) <= ids.INPUT_TEXT for piece in pieces)


def test_a_text_is_split_at_line_ends_else_at_words_and_with_room_to_grow() -> None:
    lines = text_objects.input_pieces("a line of words\n" * 500)
    assert lines is not None
    assert all(piece.endswith("\n") and len(piece) <= 2_700 for piece in lines)
    words = text_objects.input_pieces("word " * 1_000)
    assert words is not None
    assert all(piece.endswith(" ") for piece in words)


@pytest.mark.parametrize("length", [13_600, 15_000])
def test_a_text_that_barely_fits_is_split_all_the_same(length: int) -> None:
    pieces = text_objects.input_pieces(("x" * 1_600 + "\n") * 9 + "y" * (length - 1_601 * 9))
    assert pieces is not None
    assert len(pieces) == 5


def test_a_text_of_line_ends_alone_fits_without_them() -> None:
    text = ("x" * 1_600 + "\n") * 20
    assert "".join(text_objects.input_pieces(text[:15_000]) or []) == text[:15_000]
    assert text_objects.input_pieces(text) is None


def test_a_text_whose_last_character_does_not_fit_is_too_long() -> None:
    assert text_objects.input_pieces("a" + "\N{GRINNING FACE}" * 7_499 + "b") is None


def test_escaping_leaves_nothing_to_parse() -> None:
    assert text_objects.escape("<!here> & <@U1>") == "&lt;!here&gt; &amp; &lt;@U1&gt;"


def test_text_objects_are_never_empty_and_show_hidden_characters() -> None:
    assert text_objects.plain("")["text"] == "–"
    assert text_objects.plain_line(" \n ", 75)["text"] == "–"
    assert text_objects.plain("a\u202eb\ud800")["text"] == "a⟦U+202E⟧b\N{REPLACEMENT CHARACTER}"


def test_no_full_stop_stands_alone_behind_a_moment() -> None:
    at = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
    (ended, moment) = text_objects.phrase_elements(("Approved by Lee, ", at, "."))
    assert (ended["text"], moment["type"]) == ("Approved by Lee,", "mrkdwn")
    (*_, led_to) = text_objects.phrase_elements(("Expired, ", at, ". The run was stopped."))
    assert led_to["text"] == "The run was stopped."
