"""Rows of emails: what does not fit is cut, counted, and never looks like something else."""

from __future__ import annotations

from itertools import cycle, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.email import rows, truncate
from bot.email.rows import Group, Row
from bot.presentation.text_diff import Part
from engine.domain import CardField
from tests.support.examples import example_count

TEXTS = st.builds(
    lambda words, count: "".join(islice(cycle(words), count)),
    st.lists(st.sampled_from(["word ", "12.50 ", "é", "<&>", "\N{GRINNING FACE}", "\n", "ש\n", "a.b/c "]), min_size=1),
    st.integers(0, 4_000),
)


def changed(before: str, after: str, label: str = "Text") -> CardField:
    return CardField(path="p", label=label, type="long_text", text=after, before=before)


def fit(*fields: CardField) -> tuple[Row, ...]:
    return rows.fit([*rows.of_values(fields)]).by_group[Group.VALUES]


def html_size(row: Row) -> int:
    """Return the bytes of HTML of the texts of a row, as the template writes them."""
    texts = [truncate.difference(row.segments)] if row.segments else [truncate.markup(row.text)]
    texts += [truncate.markup(row.before)] if row.before is not None else []
    return sum(len(text.encode()) for text in texts)


def test_a_difference_that_does_not_fit_is_cut_and_says_by_how_much() -> None:
    before = " ".join(f"old{number} same" for number in range(4_000))
    after = before.replace("old", "new")
    (row,) = fit(changed(before, after))
    *shown, more = row.segments
    assert (more.part, more.text) == (Part.FOLDED, f"… ({row.missing:,} more characters)")
    assert shown[0].text.startswith("old0")
    removed = "".join(segment.text for segment in shown if segment.part in (Part.REMOVED, Part.SAME))
    added = "".join(segment.text for segment in shown if segment.part in (Part.ADDED, Part.SAME))
    assert before.startswith(removed)
    assert after.startswith(added)


def test_a_short_text_before_a_change_never_passes_for_the_one_after_it() -> None:
    """Where only the old one fits, it is still shown as removed."""
    fields = [changed("." * 80, "@" * 80, str(number)) for number in range(rows.ROWS)]
    for row in fit(*fields):
        assert row.missing > 0
        assert row.before is not None or row.segments[0].part is Part.REMOVED


@pytest.mark.parametrize(("before", "after", "shown"), [("", "b", ("–", "b")), ("a", "", ("a", "–"))])
def test_an_empty_text_in_a_change_is_shown_by_a_dash(before: str, after: str, shown: tuple[str, str]) -> None:
    (row,) = fit(changed(before, after))
    assert (row.before, row.text) == shown


@settings(max_examples=example_count(30), deadline=None)
@given(st.lists(st.tuples(st.none() | TEXTS, TEXTS), min_size=1, max_size=6))
def test_rows_of_any_texts_fit_into_their_room(values: list[tuple[str | None, str]]) -> None:
    fields = [
        CardField(path="p", label=str(index), type="text", text=text, before=before)
        for index, (before, text) in enumerate(values)
    ]
    fitting = fit(*fields)
    assert [row.label for row in fitting] == [str(index) for index in range(len(values))]
    assert sum(map(html_size, fitting)) <= rows.ROOM + len(fitting) * len("… (100,000 more characters)")
