"""The text of a message without Slack's marks, as people read it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack import message_text, text_objects

NAMES = {"U012AB3CD": "Ada Approver"}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("*bold* and _slanted_ stay", "*bold* and _slanted_ stay"),
        ("&lt;b&gt; &amp;amp; more", "<b> &amp; more"),
        ("hi <@U012AB3CD>, <@U0OTHER|otto> and <@U0NONE>", "hi @Ada Approver, @otto and @U0NONE"),
        ("in <#C012AB3CD|refunds> and <#C09>", "in #refunds and #C09"),
        ("<!here> <!channel> <!subteam^S1|@finance> <!date^1^{date}|May 1>", "@here @channel @finance May 1"),
        ("<https://example.com/a|example.com/a>", "example.com/a"),
        ("<https://example.com/a?b=1&amp;c=2>", "https://example.com/a?b=1&c=2"),
        ("<https://example.com/a|the order>", "the order (https://example.com/a)"),
        ("<mailto:a@example.com|a@example.com> <tel:123|123>", "a@example.com 123"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("", ""),
    ],
)
def test_marks_are_read_as_words(written: str, read: str) -> None:
    assert message_text.plain(written, NAMES) == read


@given(typed=st.text(max_size=200))
def test_what_a_person_typed_comes_back(typed: str) -> None:
    assert message_text.plain(text_objects.escape(typed), {}) == typed


@given(written=st.text(st.sampled_from("<>@#!|&U1Ca:/ "), max_size=60))
def test_no_mark_is_left(written: str) -> None:
    plain = message_text.plain(written, {})
    assert not re.search(r"<@U[A-Z0-9]{2,}>", plain) or "&lt;" in written
    assert message_text.mentions(written) == [*dict.fromkeys(message_text.mentions(written))]


def test_a_message_of_an_app_may_have_its_text_in_attachments() -> None:
    attachments = [{"text": "first"}, {"fallback": "second"}, {"title": 3}, "x"]
    assert message_text.of_message({"text": " ", "attachments": attachments}) == "first\nsecond"
    assert message_text.of_message({"text": "own", "attachments": attachments}) == "own"
    assert message_text.of_message({"attachments": None}) == ""
