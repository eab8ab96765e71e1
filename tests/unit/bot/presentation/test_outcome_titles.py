"""The headline of an outcome: what was approved, beside what was asked."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.presentation import outcome_card
from engine.domain import RequestState, RunStatus
from engine.read_models import RequestView
from engine.requests import Edit
from tests.support import samples
from tests.unit.bot.presentation.test_card import decided_request


def headline(request: RequestView, status: RunStatus = RunStatus.SUCCEEDED) -> str:
    return outcome_card.title(samples.run(status=status), request, status)


def edited(title: str, **values: tuple[Any, Any]) -> RequestView:
    """Return an approved request with texts that were changed: name, and the texts before and after."""
    pending = samples.request({name: ("text", before) for name, (before, _) in values.items()}, title=title)
    approved: RequestView = decided_request(pending, *(Edit((name,), name, *pair) for name, pair in values.items()))
    return approved


@pytest.mark.parametrize(
    ("request_view", "says"),
    [
        (edited("Pay 120 EUR for A-1?", sum=("120 EUR", "95 EUR")), "Done: Pay 95 EUR (was 120 EUR) for A-1"),
        (edited("Send this to Kim?", to=("Kim", "Lee")), "Done: Send this to Lee (was Kim)"),
        (edited("Pay 120 EUR, not 120 EUR?", sum=("120 EUR", "95 EUR")), "Done: Pay 120 EUR, not 120 EUR"),
        (edited("Pay 1120 EUR?", sum=("120 EUR", "95 EUR")), "Done: Pay 1120 EUR"),
        (edited("Deploy 500?", seats=("500", "700")), "Done: Deploy 500"),
        (edited("Pay 120 EUR?", net=("120 EUR", "95 EUR"), tax=("120 EUR", "9 EUR")), "Done: Pay 120 EUR"),
        (
            edited("Swap Kim and Lee?", one=("Kim", "Lee"), two=("Lee", "Kim")),
            "Done: Swap Lee (was Kim) and Kim (was Lee)",
        ),
    ],
)
def test_what_was_approved_stands_beside_what_was_asked(request_view: RequestView, says: str) -> None:
    assert headline(request_view).partition(" · ")[0] == says


def test_a_rejected_or_pending_request_keeps_its_values() -> None:
    rejected = samples.request({}, title="Pay 120 EUR?", state=RequestState.REJECTED, closed_at=samples.NOW)
    assert headline(rejected, RunStatus.REJECTED) == "Rejected: Pay 120 EUR"
    assert headline(samples.request({}, title="Pay 120 EUR?"), RunStatus.CANCELLED) == "Cancelled: Pay 120 EUR?"


WORDS: Final = st.text(alphabet="abcXYZ 019.-", min_size=1, max_size=40).map(str.strip).filter(bool)


@given(WORDS, WORDS, WORDS, WORDS)
def test_what_was_asked_can_be_read_from_any_title(left: str, before: str, right: str, after: str) -> None:
    title = " ".join(f"{left} {before} {right}".split())
    shown = headline(edited(f"{title}?", text=(before, after))).partition(" · ")[0]
    assert shown.replace(f"{after} (was {before})", before, 1) == f"Done: {title}"
