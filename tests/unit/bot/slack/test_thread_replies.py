"""Replies below a request that look like decisions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.thread_replies import verdict
from engine.domain import Verdict

APPROVALS = (
    *("looks good", "Looks good to me!", "approve", "+1", "LGTM", "ok, approved. Thanks"),
    *("👍🏽", "<@U1> approve"),
)
REJECTIONS = ("no", "No.", "reject", "Don’t approve", "-1", ":-1::skin-tone-3:", "please reject", "👎")
OTHERS = (
    *("", "Which customer is this?", "no idea who asked for this", "I approve of the colour", "not yet", "1"),
    *("I approved the budget last week, where is this from?", "yes or no?", "thanks", "please"),
)


@pytest.mark.parametrize("text", APPROVALS)
def test_approvals_are_recognized(text: str) -> None:
    assert verdict(text) is Verdict.APPROVE


@pytest.mark.parametrize("text", REJECTIONS)
def test_rejections_are_recognized(text: str) -> None:
    assert verdict(text) is Verdict.REJECT


@pytest.mark.parametrize("text", OTHERS)
def test_a_discussion_is_left_alone(text: str) -> None:
    assert verdict(text) is None


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    assert verdict(text) in (None, *Verdict)
    assert verdict(text + "x" * 201) is None
