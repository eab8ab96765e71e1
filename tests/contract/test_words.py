"""What people read before they open the details has no technical word, on any surface, in any state."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
from rich.console import Console

from bot.email import message
from bot.presentation import card as cards
from bot.presentation import refusals, states
from bot.slack import message_view
from bot.terminal.view import render_card
from engine.domain import Card, DeliveryKind, RequestState, RunStatus, StepStatus
from engine.read_models import CodeDelivery, DecisionView, DeliveryContent, RequestView
from tests.support import samples
from tests.support.email_env import envelope, text_of
from tests.unit.bot.presentation.test_refusals import SENTENCES

RUN, REQUEST, TYPE, PATH = "05n7nzcm09tatzhjt", "05n7nzcm0gzmdwgjg", "http", "json.amount"
TOPICS: Final = (
    *("needs_attention", "stuck", "cancelled", "expired", "failed", "unseen", "unreachable", "broken"),
    *("undelivered", "excluded", "approved_failed", "approved_unknown"),
)
FORBIDDEN: Final = re.compile(
    r"\b(whoever|somebody|nobody|mend|waits for a decision|rejected by the clock|Asks about|was told|mail for)\b",
    re.IGNORECASE,
)
ISO: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT")


def request_of(state: RequestState, **changes: Any) -> RequestView:
    closed = {} if state is RequestState.PENDING else {"closed_at": samples.NOW}
    decision = None
    if state in (RequestState.APPROVED, RequestState.REJECTED):
        decision = DecisionView(
            id="05n7nzcm0decision",
            person=samples.PERSON,
            verdict="Pay it",
            reason="As agreed.",
            edits=(),
            assurance="slack",
            decided_at=samples.NOW,
        )
    view = samples.request(
        {"amount": ({"type": "money", "label": "Amount"}, {"amount": "120.00", "currency": "EUR"})},
        id=REQUEST,
        state=state,
        decision=decision,
        reason="Over 100 EUR.",
        unreached=((samples.PERSON, "the account is deactivated"),),
        **closed,
        **changes,
    )
    return replace(view, run=RUN)


def contents() -> Iterator[tuple[str, DeliveryContent | CodeDelivery]]:
    """Yield the content of a copy of each kind in each state."""
    waiting = samples.run(id=RUN, status=RunStatus.WAITING)
    for state in RequestState:
        for effect in (None, (StepStatus.SUCCEEDED, None), (StepStatus.FAILED, "The bank said no.")):
            request = request_of(state, effect=effect if state is RequestState.APPROVED else None)
            yield f"request {state} {effect}", _content(DeliveryKind.REQUEST, None, waiting, request)
    for topic in TOPICS:
        status = RunStatus(topic) if topic in {*RunStatus} else RunStatus.WAITING
        alert = samples.run(id=RUN, status=status, error="The bank said no.")
        for about in (None, request_of(RequestState.PENDING), request_of(RequestState.APPROVED)):
            of = about.model.state.value if about else "no request"
            yield f"alert {topic} {of}", _content(DeliveryKind.ALERT, topic, alert, about)
    for status in RunStatus:
        ended = samples.run(id=RUN, status=status)
        for last in (None, request_of(RequestState.REJECTED)):
            yield f"outcome {status} {last is not None}", _content(DeliveryKind.OUTCOME, None, ended, last)
    yield (
        "code",
        CodeDelivery(
            delivery="d1",
            person=samples.PERSON,
            challenge="c1",
            until=samples.NOW,
            wanted=True,
            digits=8,
            label="Firefox",
        ),
    )


def _content(kind: DeliveryKind, topic: str | None, run: Any, request: RequestView | None) -> DeliveryContent:
    return DeliveryContent(
        delivery="05n7nzcm0d31very0", kind=kind, topic=topic, person=samples.PERSON, run=run, request=request
    )


def in_email(card: Card) -> str:
    with_code = replace(card, code="36336366") if card.kind is DeliveryKind.CODE else card
    email = message.mail(with_code, envelope())
    return f"{email['Subject']}\n{re.split(r'(?m)^ *(?:Technical )?[Dd]etails', text_of(email))[0]}"


def in_terminal(card: Card) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(render_card(card))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def in_slack(card: Card) -> str:
    posted = message_view.message(card, delivery="d1")
    return "\n".join([posted.text, *_texts(posted.blocks)])


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for item in part:
            yield from _texts(item)
    elif isinstance(part, Mapping):
        if isinstance(part.get("text"), str):
            yield part["text"]
        for value in part.values():
            yield from _texts(value)


SURFACES: Final[Mapping[str, Callable[[Card], str]]] = {"email": in_email, "terminal": in_terminal, "slack": in_slack}
CONTENTS: Final = dict(contents())


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("name", CONTENTS)
def test_no_surface_shows_a_technical_word_before_the_details(surface: str, name: str) -> None:
    card = cards.card(CONTENTS[name])
    if surface == "slack" and card.kind is DeliveryKind.CODE:
        pytest.skip("codes are sent by email only")
    text = SURFACES[surface](card)
    assert FORBIDDEN.search(text) is None
    assert ISO.search(text) is None
    for technical in (RUN, REQUEST, PATH, f"({TYPE})"):
        assert technical not in text


@pytest.mark.parametrize("sentence", [sentence for _, sentence in SENTENCES])
def test_no_refusal_has_a_forbidden_word(sentence: str) -> None:
    assert FORBIDDEN.search(sentence) is None


def test_no_state_has_a_forbidden_word() -> None:
    for words in (states.RUNS, states.RUN_CLAUSES, states.STEPS, states.REQUESTS, states.DELIVERIES):
        assert not any(FORBIDDEN.search(text) for text in words.values())
    assert refusals.link_state(None)
