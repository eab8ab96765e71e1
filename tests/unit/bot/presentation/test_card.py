"""The card of every delivery, in every state."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from bot.presentation import card as cards
from bot.presentation import characters, dates, expiry, request_card, request_content, request_outcome
from engine import json_values
from engine.domain import (
    Address,
    Approver,
    CardAction,
    CardFact,
    CardField,
    CardOutcome,
    DeliveryKind,
    OnExpiry,
    Origin,
    Params,
    Person,
    RequestState,
    RunStatus,
    StepStatus,
    Tone,
)
from engine.fields import Field, FieldType
from engine.json_values import Value
from engine.read_models import DecisionView, DeliveryContent, RequestView, RunView, StepEffect, StepView
from engine.requests import Edit
from tests.support import samples
from tests.support.copies import replace_fields
from tests.support.fakes import START
from tests.support.run_in_memory import EVE, LEE, opening_of, request_of

WHEN = "Mar 2, 2026, 9:00 AM UTC"


def request_view(step: str = "- {id: words, uses: set, with: {text: draft}, gate: {}}", **changes: Any) -> RequestView:
    inputs = changes.pop("inputs", {})
    opening = opening_of(step, **inputs)
    request = request_of(opening, **changes.pop("model", {}))
    request_view = RequestView(
        model=request,
        run="r1",
        run_status=RunStatus.WAITING,
        workflow="demo",
        workflow_title="Demo",
        step_label=opening.step_label,
        technical=opening.technical,
        requester=EVE,
        started_at=START,
        title=opening.title,
        reason=opening.reason,
        show=opening.show,
        notes=opening.notes,
        confirm=opening.confirm,
        approve_label=opening.approve_label,
        reject_label=opening.reject_label,
        decision=None,
    )
    return replace_fields(request_view, **changes)


def decided_request(
    request: RequestView, *edits: Edit, state: RequestState = RequestState.APPROVED, **changes: Any
) -> Any:
    decision = DecisionView(
        id="d1",
        person=LEE,
        verdict="Take",
        reason=None,
        edits=edits,
        assurance="code",
        decided_at=START,
    )
    closed_request = replace_fields(request.model, state=state, closed_at=START, closed_by=LEE)
    return replace_fields(request, model=closed_request, decision=replace_fields(decision, **changes))


def closed_request(state: RequestState, **changes: Any) -> RequestView:
    return request_view(model={"state": state, "closed_at": START, **changes})


def facts_of(facts: Iterable[CardFact]) -> dict[str, str]:
    return {fact.label: dates.written(fact.text) for fact in facts}


def show_fields(value: dict[str, Value], gate: str = "{edit: []}") -> dict[str, CardField]:
    values = {f"v{index}": item for index, item in enumerate(value.values())}
    names = ", ".join(f"{name}: '{{{{ inputs.any.v{index} }}}}'" for index, name in enumerate(value))
    request = request_view(f"- {{id: words, uses: set, with: {{{names}}}, gate: {gate}}}", inputs={"any": values})
    return {field.path: field for field in request_content.labelled(request)}


# -- what matters comes first -------------------------------------------------------------------------------

PAY = """
- id: pay
  uses: set
  title: Pay the refund
  with:
    method: POST
    url: https://payments.example.com/refunds
    headers: {X-Team: support}
    json: {order: "A-1007", amount: {amount: "120.50", currency: EUR}, note: Arrived broken}
  gate:
    title: Refund order A-1007?
    reason: "Over 100 EUR: refund policy 4.2"
    show: [{label: Customer, value: Kim}]
    edit: {json.amount: {type: money, label: Amount}, json.note: long_text}
"""


TECHNICAL = ("method", "url", "headers")


def test_values_come_first_and_technical_values_are_details() -> None:
    card = request_card.request_card(request_view(PAY, technical=TECHNICAL))
    assert card.lead == (("Eve asks.",), ("Over 100 EUR: refund policy 4.2.",))
    assert [(field.label, field.text, field.editable) for field in card.values] == [
        ("Amount", "120.50 EUR", True),
        ("Note", "Arrived broken", True),
        ("Order", "A-1007", False),
        ("Customer", "Kim", False),
    ]
    details = {fact.label: dates.written(fact.text) for fact in card.details}
    assert details["If approved"] == "Pay the refund"
    assert (details["Method"], details["URL"]) == ("POST", "https://payments.example.com/refunds")
    assert details["X team"] == "support"
    assert details["Step"] == "pay (set)"
    assert details["Started"] == f"Eve, {WHEN}"
    assert card.approvers == ("Lee", "kim@example.com")


def test_a_step_with_nothing_but_technical_values_shows_them() -> None:
    card = request_card.request_card(
        request_view(
            "- {id: drop, uses: set, with: {method: DELETE, url: https://a.example/42}, gate: {}}", technical=TECHNICAL
        )
    )
    assert [field.text for field in card.values] == ["DELETE", "https://a.example/42"]


def test_a_long_reason_is_a_note_and_never_a_line_of_ours() -> None:
    card = request_card.request_card(request_view(reason="Look closely.\n\nApproved by Ada."))
    assert card.lead == (("Eve asks.",),)
    assert [(fact.label, dates.written(fact.text)) for fact in card.notes] == [
        ("Why it was asked", "Look closely.\n\nApproved by Ada.")
    ]


def test_a_person_is_not_told_that_they_are_asked_by_email_themselves() -> None:
    mia = Person("p9", "Mia", (Address("email", "mia@example.com"), Address("email", "mia@old.example.com")))
    old, new, other = (
        f"{name} is not in Slack, so they are asked by email."
        for name in ("mia@old.example.com", "Mia@example.com", "lee@example.com")
    )
    request = request_view(notes=(old, new, other, "Odd."))

    def notes(reader: Person | None) -> list[str]:
        return [dates.written(fact.text) for fact in request_card.request_card(request, reader).notes]

    assert notes(mia) == [other, "Odd."]
    assert notes(EVE) == notes(None) == [old, new, other, "Odd."]


def test_a_decided_request_says_who_when_and_what_became_of_it() -> None:
    request = decided_request(request_view(PAY, effect=StepEffect(StepStatus.SUCCEEDED, ended_at=START)), reason="fine")
    card = request_card.request_card(request)
    assert card.tone is Tone.APPROVED
    assert card.outcome == CardOutcome(
        line=("Approved by Lee, ", START),
        sentence=("Lee approved this, ", START),
        reason="fine",
        effect="Pay the refund: done",
        effect_at=START,
        effect_tone=Tone.DONE,
    )
    assert card.lead == ()


def test_the_copy_of_the_person_who_decided_says_you() -> None:
    request = decided_request(request_view(PAY), reason="fine")
    copies = [
        DeliveryContent(
            delivery="c1", kind=DeliveryKind.REQUEST, topic=None, person=person, run=run_view(), request=request
        )
        for person in (LEE, EVE)
    ]
    outcomes = [cards.card(copy).outcome for copy in copies]
    assert [outcome and outcome.sentence for outcome in outcomes] == [
        ("You approved this, ", START),
        ("Lee approved this, ", START),
    ]


@pytest.mark.parametrize(
    ("verdict", "is_form", "has_edits", "words"),
    [
        (RequestState.APPROVED, False, True, "You approved this with edits, "),
        (RequestState.APPROVED, True, True, "You filled this in, "),
        (RequestState.REJECTED, False, False, "You rejected this, "),
    ],
)
def test_a_decision_is_told_in_a_sentence(verdict: RequestState, is_form: bool, has_edits: bool, words: str) -> None:
    pending = request_view(PAY)
    subject = replace_fields(pending.model.subject, uses="form" if is_form else "http")
    pending = replace_fields(pending, model=replace_fields(pending.model, subject=subject))
    edits = (Edit(("json", "note"), "note", "Arrived broken", "Arrived late"),) if has_edits else ()
    request = decided_request(pending, *edits, state=verdict)
    assert request_outcome.sentence(request, LEE) == (words, START)


def test_the_question_of_a_request_stays_the_same_when_a_decision_changes_its_values() -> None:
    pending = request_view(PAY, title="Pay?", technical=TECHNICAL)
    before, after = (
        json_values.loads(f'{{"amount": "{amount}", "currency": "EUR"}}') for amount in ("120.50", "99.50")
    )
    decided = decided_request(pending, Edit(("json", "amount"), "amount", before, after))
    for request in (pending, decided):
        assert request_card.request_card(request).question == "Pay? · 120.50 EUR · A-1007"


def test_a_card_knows_the_time_zone_of_its_reader() -> None:
    copy = DeliveryContent(
        delivery="c1",
        kind=DeliveryKind.OUTCOME,
        topic=None,
        person=structs.replace(LEE, zone="Asia/Tokyo"),
        run=run_view(),
        request=None,
    )
    assert cards.card(copy).zone == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (RequestState.EXPIRED, ("Expired without a decision, ", START, ". The run was stopped")),
        (RequestState.REJECTED, ("Expired without a decision, ", START, ". It was rejected automatically")),
        (RequestState.CANCELLED, ("The run was cancelled, ", START)),
    ],
)
def test_a_request_without_a_decision_says_why_it_closed(state: RequestState, line: Any) -> None:
    outcome = request_card.request_card(closed_request(state)).outcome
    assert outcome is not None
    assert outcome.line == line


# -- hidden characters are made visible ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "hidden",
    [
        "\u200b", "\u202e", "\u2066", "\ufeff", "\x00", "\r", "\x7f", "\u0085", "\u2028", "\u200d", "\ue000",
        "\U000e0041", "\u3164", "\u115f", "\u2800", "\u034f", "\ufe00", "\U000e0100", "\ud800", "\u061c", "\ufff0",
    ],
)  # fmt: skip
def test_a_character_that_hides_itself_or_turns_the_text_is_shown_as_its_number(hidden: str) -> None:
    assert characters.visible(f"pay{hidden}pal") == f"pay⟦U+{ord(hidden):04X}⟧pal"


@pytest.mark.parametrize("text", ["plain", "two\nlines\tand a tab", "Grüße, 日本語 שלום", "☀\ufe0f", "é", "¢ € – ’"])
def test_readable_text_is_unchanged(text: str) -> None:
    assert characters.visible(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "\u2139\ufe0f info", "1\ufe0f\u20e3", "\u203c\ufe0f", "\u2194\ufe0f", "\u2600\ufe0e",
        "\U0001f469\u200d\U0001f4bb",
        "\U0001f3f3\ufe0f\u200d\U0001f308", "\U0001f469\U0001f3fd\u200d\U0001f680",
        "\U0001f469\u200d\u2764\ufe0f\u200d\U0001f468",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian
        "\u0647\u200d 1404",  # a Persian year of the Hijra
        "\u0915\u094d\u200d\u0937", "\u0915\u094d\u200c\u0937",  # Hindi
        "\u09b0\u200d\u09cd\u09af\u09be\u09ac",  # Bengali
        "\u0db1\u0dca\u200d\u0dba",  # Sinhala
        "\u845b\U000e0100\u98fe",  # a Japanese name
        "\u1820\u180b\u1821",  # Mongolian
        "\u0628\u06dd\u0661",  # the Arabic end of a verse, which is visible
        "co\u00adop", "Do\u00adnau\u00addampf.",
    ],
)  # fmt: skip
def test_hidden_characters_that_spelling_and_emoji_need_are_unchanged(text: str) -> None:
    assert characters.visible(text) == text
    assert characters.hidden(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "a\u200db", "\U0001f469\u200d", "\U0001f469\u200d\u200d\U0001f4bb", "x\U0001f3fb\u200d1",
        "1\ufe0f00", "1\ufe0f", "\u2139\ufe0f\ufe0f", "\U0001f3f4\U000e0067\U000e0062\U000e0031\U000e007f",
        "\u0628\u200d\u0628",  # The letters are joined without it.
        "\u0645\u06cc\u200c 5", "\u0915\u094d\u200d\u200d\u0937", "\u845b\U000e0100\U000e0101",
        "pay\u00adpal.example", "pay@b\u00adank", "https://e\u00advil", "co\u00ad op", "co\u00ad\u00adop", "\u00adop",
    ],
)  # fmt: skip
def test_a_hidden_character_that_its_neighbours_do_not_need_is_shown_as_its_number(text: str) -> None:
    assert len(characters.hidden(text)) == characters.visible(text).count("⟦U+") >= 1


def test_a_carriage_return_is_part_of_a_line_end_and_shown_anywhere_else() -> None:
    assert characters.visible("Dear Ann,\r\nhello\r\n") == "Dear Ann,\nhello\n"
    assert characters.visible("a\rb\r\r\n") == "a⟦U+000D⟧b⟦U+000D⟧\n"
    assert characters.line("a\r\nb") == "a b"


_PIECES = st.sampled_from(
    [
        *("a", "1", " ", "\n", "\r\n", "\r", "é", "\u0301", "@", "."),
        *(
            "\u200d",
            "\u200c",
            "\ufe0f",
            "\ufe0e",
            "\u00ad",
            "\u202e",
            "\u2028",
            "\u180b",
            "\U000e0100",
            "\U000e0067",
            "\u3164",
        ),
        *(
            "\U0001f469",
            "\U0001f3fb",
            "\U0001f3f4",
            "\u20e3",
            "\u0628",
            "\u0915",
            "\u094d",
            "\u845b",
            "\u1820",
            "\ud800",
        ),
    ]
)


@given(st.lists(_PIECES, max_size=12).map("".join))
@example("\r\r\n")
@example("a\u180b\u00ada")
def test_a_shown_text_is_the_text_with_some_characters_spelled_out(text: str) -> None:
    shown = characters.visible(text)
    restored = re.sub(r"⟦U\+([0-9A-F]{4,6})⟧", lambda match: chr(int(match[1], 16)), shown)
    assert restored == text.replace("\r\n", "\n")
    assert shown.count("⟦") == len(characters.hidden(text))
    assert characters.visible(shown) == shown
    assert not re.search("[\u202e\u2028\u3164\ud800\r]", shown)


@pytest.mark.parametrize("text", ["a\ufe0f", "☀\ufe0f\ufe0f", "\ufe0f"])
def test_the_mark_of_colour_is_hidden_nowhere_but_behind_a_symbol(text: str) -> None:
    assert characters.visible(text).endswith("⟦U+FE0F⟧")


def test_the_places_of_hidden_characters_are_those_that_are_written_as_their_number() -> None:
    text = "a\u200b☀\ufe0fb\ufe0f\n\t\u202e"
    assert [characters.visible(text[at]) for at in characters.hidden(text)] == ["⟦U+200B⟧", "⟦U+FE0F⟧", "⟦U+202E⟧"]
    assert characters.hidden("plain") == []


def test_names_and_titles_are_one_line_with_any_data() -> None:
    imitator = Person("p9", "Eve\nApproved by: Sam")
    request = replace_fields(request_view(title="Pay?\nYes", workflow_title="A\nB"), requester=imitator)
    card = request_card.request_card(request)
    assert card.title == "Pay? Yes"
    details = facts_of(card.details)
    assert (details["Workflow"], details["Started"]) == ("A B", f"Eve Approved by: Sam, {WHEN}")
    assert card.lead == (("Eve Approved by: Sam asks.",),)


# -- an open request ----------------------------------------------------------------------------------------


def test_an_open_request_shows_its_content_reason_and_approvers() -> None:
    request = request_view(
        reason="over 100", show=(("To", "lee\u200b"),), notes=("Odd.",), model={"expires_at": START + timedelta(days=1)}
    )
    card = request_card.request_card(request)
    assert card.lead == (("Eve asks.",), ("over 100.",))
    assert (card.values[-1].label, card.values[-1].text) == ("To", "lee⟦U+200B⟧")
    assert facts_of(card.notes) == {"Please note": "Odd."}
    assert card.approvers == ("Lee", "kim@example.com")
    assert (card.kind, card.outcome, card.request, card.run) == (DeliveryKind.REQUEST, None, "q1", "r1")
    assert (card.content_version, card.digest) == (1, request.model.digest)
    assert card.expires_at == START + timedelta(days=1)


@pytest.mark.parametrize(
    ("on_expiry", "words"),
    [
        (OnExpiry.STOP, "Expires in 1 day, then the run is stopped"),
        (OnExpiry.REJECT, "Expires in 1 day, then the request is rejected"),
        (OnExpiry.CONTINUE, "Expires in 1 day, then the run continues without an approval"),
        (OnExpiry.ESCALATE, "Escalates in 1 day"),
    ],
)
def test_a_card_says_what_happens_when_no_one_decides(on_expiry: OnExpiry, words: str) -> None:
    card = request_card.request_card(request_view(model={"expires_after": timedelta(days=1), "on_expiry": on_expiry}))
    assert dates.written(expiry.of_card(card)) == words
    never = request_card.request_card(request_view(model={"expires_after": None, "on_expiry": on_expiry}))
    assert expiry.of_card(never) == ()


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (timedelta(weeks=2), "2 weeks"),
        (timedelta(days=1), "1 day"),
        (timedelta(hours=1, minutes=30), "1 hour and 30 minutes"),
        (timedelta(days=10, hours=2, seconds=1), "10 days, 2 hours and 1 second"),
    ],
)
def test_before_the_first_delivery_a_request_says_in_words_when_it_expires(after: timedelta, words: str) -> None:
    request = request_view(model={"expires_after": after})
    card = request_card.request_card(request)
    assert dates.written(expiry.deadline(card.expires_at, card.expires_after)) == f"Expires in {words}"
    assert (card.expires_at, card.expires_after) == (None, after)
    delivered = replace_fields(
        request,
        model=replace_fields(
            request.model, deadlines=replace_fields(request.model.deadlines, expires_at=START + after)
        ),
    )
    cancelled = closed_request(RequestState.CANCELLED, expires_after=after)
    for other_card in (request_card.request_card(delivered), request_card.request_card(cancelled)):
        assert other_card.expires_after is None


def test_a_request_after_a_step_says_whose_result_it_is() -> None:
    card = request_card.request_card(request_view("- {id: words, uses: set, with: {x: 1}, gate: {at: after}}"))
    assert facts_of(card.details)["Result of"] == "Words"


def test_the_actions_carry_the_words_of_the_gate_and_its_question() -> None:
    request = request_view(approve_label="Take", reject_label="Leave\u202e", confirm="Sure?\u202e")
    assert request_card.request_card(request).actions == (
        CardAction(verdict="approve", label="Take", confirm="Sure?⟦U+202E⟧", primary=True),
        CardAction(verdict="edit", label="Edit"),
        CardAction(verdict="reject", label="Leave⟦U+202E⟧"),
    )
    without_edits = request_view("- {id: words, uses: set, with: {text: draft}, gate: {edit: []}}")
    assert [action.verdict for action in request_card.request_card(without_edits).actions] == ["approve", "reject"]


# -- a closed request ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (decided_request(request_view()), f"Approved by Lee, {WHEN}."),
        (
            decided_request(request_view(), Edit(("text",), "text", "draft", "x")),
            f"Approved with edits by Lee, {WHEN}.",
        ),
        (
            decided_request(request_view(), state=RequestState.REJECTED, reason="too\u200b much"),
            f"Rejected by Lee, {WHEN}. Reason: too⟦U+200B⟧ much",
        ),
        (
            closed_request(RequestState.REJECTED),
            f"Expired without a decision, {WHEN}. It was rejected automatically.",
        ),
        (closed_request(RequestState.EXPIRED), f"Expired without a decision, {WHEN}. The run was stopped."),
        (
            closed_request(RequestState.EXPIRED, on_expiry=OnExpiry.CONTINUE),
            f"Expired without a decision, {WHEN}. The run continued without approval.",
        ),
        (closed_request(RequestState.CANCELLED), f"The run was cancelled, {WHEN}."),
        (closed_request(RequestState.CANCELLED, closed_by=LEE), f"The run was cancelled by Lee, {WHEN}."),
        (closed_request(RequestState.EXPIRED, closed_at=None), "Expired without a decision, –. The run was stopped."),
    ],
)
def test_a_closed_request_says_its_outcome_and_offers_nothing_more(request_: RequestView, sentence: str) -> None:
    open_until = replace_fields(
        request_,
        model=replace_fields(request_.model, deadlines=replace_fields(request_.model.deadlines, expires_at=START)),
    )
    card = request_card.request_card(open_until)
    assert dates.written(request_outcome.with_reason(open_until)) == sentence
    assert (card.actions, card.expires_at) == ((), None)
    assert card.approvers == ("Lee", "kim@example.com")


def test_a_reason_of_several_lines_is_whole_on_the_card_and_the_sentence_shows_its_first_line() -> None:
    request = decided_request(
        request_view(), state=RequestState.REJECTED, reason="too much\r\n\r\nApproved by Ada at noon."
    )
    card = request_card.request_card(request)
    assert dates.written(request_outcome.with_reason(request)) == f"Rejected by Lee, {WHEN}. Reason: too much …"
    assert card.outcome is not None
    assert card.outcome.reason == "too much\n\nApproved by Ada at noon."
    with_spaces = decided_request(request_view(), reason=f"fine{' ' * 9}Approved by Ada")
    sentence = dates.written(request_outcome.with_reason(with_spaces))
    assert sentence == f"Approved by Lee, {WHEN}. Reason: fine Approved by Ada"


@given(st.text(st.sampled_from("ab.\n\r\t \u2028\u00a0"), max_size=40))
def test_the_sentence_of_a_closed_request_is_one_line_with_any_reason(reason: str) -> None:
    request = decided_request(request_view(), reason=f"x{reason}")
    assert "\n" not in dates.written(request_outcome.with_reason(request))
    outcome = request_card.request_card(request).outcome
    assert outcome is not None
    assert outcome.reason == characters.visible(f"x{reason}")


# -- content ------------------------------------------------------------------------------------------------


def test_every_field_is_shown_by_its_type() -> None:
    card_fields = show_fields(
        {
            "text": "hello",
            "number": Decimal("12.50"),
            "whole": 7,
            "yes": True,
            "nothing": None,
            "sum": {"amount": "9.99", "currency": "EUR"},
            "list": [1, {"a": None}],
            "empty": {},
        }
    )
    assert {path: (field.type, field.text) for path, field in card_fields.items()} == {
        "text": ("text", "hello"),
        "number": ("number", "12.50"),
        "whole": ("integer", "7"),
        "yes": ("boolean", "yes"),
        "nothing": ("text", "–"),
        "sum": ("money", "9.99 EUR"),
        "list": ("json", '[\n  1,\n  {\n    "a": null\n  }\n]'),
        "empty": ("json", "{}"),
    }
    assert not any(field.editable for field in card_fields.values())


def test_nested_mappings_are_shown_part_by_part_down_to_a_depth_and_then_as_json() -> None:
    card_fields = show_fields({"a": {"b": {"c": {"d": 1}}, "e": 2}})
    assert {path: field.text for path, field in card_fields.items()} == {"a.b.c": '{\n  "d": 1\n}', "a.e": "2"}


@pytest.mark.parametrize("items", [["rush", "it"], ["rush"], ["order 7", "null", "⟦U+200B⟧"]])
def test_a_list_of_plain_texts_reads_as_in_a_sentence(items: list[Value]) -> None:
    assert show_fields({"tags": items})["tags"].text == ", ".join(map(str, items))


def test_the_dates_of_a_list_are_in_words_and_apart_from_each_other() -> None:
    assert show_fields({"days": ["2026-01-02", "2026-01-03"]})["days"].text == "Jan 2, 2026; Jan 3, 2026"


@pytest.mark.parametrize(
    ("value", "text"), [("2026-03-02", "Mar 2, 2026"), ("2026-03-02T09:00:00Z", "Mar 2, 2026, 9:00 AM UTC")]
)
def test_a_date_is_shown_in_words_and_the_content_stays_exact(value: str, text: str) -> None:
    request = request_view(f"- {{id: words, uses: set, with: {{at: '{value}'}}, gate: {{}}}}")
    assert [field.text for field in request_content.labelled(request)] == [text]
    assert request.model.content.value == {"at": value}


@pytest.mark.parametrize(
    "items",
    [[], ["a, b", "c"], ["a\nb"], ["a", ""], [" a", "b"], ["a", 1], ["a", None], ["a", ["b"]], [True]],
)
def test_a_list_whose_items_cannot_be_told_apart_in_a_sentence_stays_as_it_is(items: list[Value]) -> None:
    shown = show_fields({"tags": items})["tags"].text
    assert json_values.loads(shown) == items


def test_an_editable_place_inside_of_a_list_is_shown_by_itself() -> None:
    card_fields = show_fields(
        {"a": [{"b": 1, "c": [2, 3]}, "x"], "m": {"amount": "1", "currency": "EUR"}, "z": [1]},
        gate="{edit: {a.0.b: {type: integer, label: Count}, m.amount: }}",
    )
    assert {path: (field.label, field.text, field.editable) for path, field in card_fields.items()} == {
        "a.0.b": ("Count", "1", True),
        "a.0.c": ("C", "[\n  2,\n  3\n]", False),
        "a.1": ("A 2", "x", False),
        "m.amount": ("Amount", "1", True),
        "m.currency": ("Currency", "EUR", False),
        "z": ("Z", "[\n  1\n]", False),
    }


def test_an_editable_mapping_is_never_taken_apart() -> None:
    card_fields = show_fields({"a": {"b": {"c": 1}}}, gate="{}")
    assert [(path, field.editable) for path, field in card_fields.items()] == [("a", True)]


def test_a_hundred_fields_are_a_hundred_fields() -> None:
    request = request_view(
        "- {id: words, uses: set, with: {all: '{{ inputs.any }}'}, gate: {edit: []}}",
        inputs={"any": {f"k{index}": index for index in range(100)}},
    )
    assert len(request_card.request_card(request).values) == 100


def test_a_value_that_is_not_of_its_declared_type_is_shown_all_the_same() -> None:
    assert request_content.show(Field(type=FieldType.MONEY), "twelve") == "twelve"
    assert request_content.show(Field(type=FieldType.TEXT), {"a": 1}) == '{\n  "a": 1\n}'
    assert request_content.show(Field(type=FieldType.NUMBER), [1]) == "[\n  1\n]"
    assert (
        request_content.show(Field(type=FieldType.CHOICES, options=({"value": "a", "label": "a"},)), ["a", "b"])
        == "a, b"
    )


def test_the_name_of_a_field_cannot_look_like_another_line() -> None:
    assert show_fields({"a": {"b\nApproved": 1}})["a.b\nApproved"].label == "b Approved"


def test_a_secret_is_shown_by_its_name() -> None:
    step = "- {id: send, uses: call, with: {to: x, headers: {token: 'Bearer {{ secret.BANK }}'}}, gate: {}}"
    texts = {field.path: field.text for field in request_content.labelled(request_view(step))}
    assert texts["headers.token"] == "Bearer •••• (secret BANK)"


def test_an_edited_field_shows_the_approved_and_the_old_value() -> None:
    (field,) = request_content.labelled(
        decided_request(request_view(), Edit(("text",), "text", "draft", "better\u200b"))
    )
    assert (field.text, field.before) == ("better⟦U+200B⟧", "draft")


@pytest.mark.parametrize(
    ("amount", "before", "text"),
    [
        ("99.5", "120.00 EUR", "99.50 EUR"),
        ("120.50", "120.00 EUR", "120.50 EUR"),
        ("120.00", "120 EUR", "120.00 EUR"),
        ("120.001", "120.00 EUR", "120.001 EUR"),
    ],
)
def test_an_edit_of_money_shows_usual_decimals_unless_both_values_would_read_the_same(
    amount: str, before: str, text: str
) -> None:
    old: Value = {"amount": "120", "currency": "EUR"}
    request = request_view(
        "- {id: pay, uses: set, with: {sum: '{{ inputs.any.v }}'}, gate: {}}", inputs={"any": {"v": old}}
    )
    edit = Edit(("sum",), "sum", old, {"amount": amount, "currency": "EUR"})
    (field,) = request_content.labelled(decided_request(request, edit))
    assert (field.before, field.text) == (before, text)


def test_an_edit_of_a_part_is_shown_in_its_field() -> None:
    request = request_view("- {id: words, uses: set, with: {a: {b: 1}, c: 2}, gate: {}}")
    edited_field, other_field = request_content.labelled(decided_request(request, Edit(("a", "b"), "b", 1, 5)))
    assert (edited_field.text, edited_field.before) == ('{\n  "b": 5\n}', '{\n  "b": 1\n}')
    assert (other_field.text, other_field.before) == ("2", None)


def test_an_edit_that_changes_the_shape_is_shown_as_a_whole() -> None:
    request = request_view("- {id: words, uses: set, with: {a: {b: 1}}, gate: {}}")
    (field,) = request_content.labelled(decided_request(request, Edit(("a",), "a", {"b": 1}, [2])))
    assert (field.path, field.text, field.before) == ("a", "[\n  2\n]", '{\n  "b": 1\n}')


# -- deliveries and alerts ----------------------------------------------------------------------------------


def run_view(**changes: Any) -> RunView:
    defaults = {
        "id": "r1",
        "workflow": "demo",
        "workflow_title": "Demo",
        "status": RunStatus.FAILED,
        "requester": EVE,
        "owner": LEE,
        "origin": Origin(surface="api"),
        "started_at": START,
    }
    return samples.run(**{**defaults, **changes})


_AGAIN: Final = "Fix the cause, then try the run again. It goes on from the step that failed."
_FIND_OUT: Final = f"May have happened: Pay. Find out first, because trying again could do it twice. {_AGAIN}"


def alert_card(topic: str | None, request: RequestView | None = None, **changes: Any) -> Any:
    copy = DeliveryContent(
        delivery="c1", kind=DeliveryKind.ALERT, topic=topic, person=LEE, run=run_view(**changes), request=request
    )
    return cards.card(copy)


def test_the_copy_of_a_request_is_the_card_of_the_request() -> None:
    request = request_view()
    copy = DeliveryContent(
        delivery="c1", kind=DeliveryKind.REQUEST, topic=None, person=LEE, run=run_view(), request=request
    )
    assert cards.card(copy) == request_card.request_card(request)


@pytest.mark.parametrize(
    ("topic", "title"),
    [
        ("failed", "Failed: Demo"),
        ("something new", "There is news about “Demo”"),
        (None, "There is news about “Demo”"),
        ("needs_attention", "“Demo” needs attention"),
        ("expired", "Expired without a decision: Demo"),
        ("unseen", "No approver has received “Demo” yet"),
        ("unreachable", "No approver can be reached for “Demo”"),
    ],
)
def test_an_alert_shows_the_event_and_what_to_do(topic: str | None, title: str) -> None:
    status = RunStatus.NEEDS_ATTENTION if topic == "needs_attention" else RunStatus.FAILED
    card = alert_card(topic, error="It\u200b broke.", status=status)
    assert (card.kind, card.title, card.run, card.request, card.actions) == (DeliveryKind.ALERT, title, "r1", None, ())
    assert facts_of(card.notes) == {"What went wrong": "It⟦U+200B⟧ broke."}
    assert facts_of(card.details) == {"Workflow": "Demo, version 1", "Started": f"Eve, {WHEN}", "Run": "r1"}
    assert len(card.lead) == 1


def test_an_alert_about_the_end_of_a_run_shows_the_outcome_of_the_request() -> None:
    request = replace_fields(closed_request(RequestState.EXPIRED), title="Pay?")
    expiry_alert = alert_card("expired", request, status=RunStatus.EXPIRED)
    assert (expiry_alert.request, expiry_alert.about) == ("q1", "Pay? · draft"), "its reader was asked"
    assert expiry_alert.lead == (("The run was stopped. If you still need it, start it again.",),)
    assert facts_of(expiry_alert.notes) == {"When": WHEN}
    other_alert = alert_card("stuck", request, status=RunStatus.EXPIRED)
    assert other_alert.notes == (), "the alert is about another problem"


@pytest.mark.parametrize(("reader", "asked"), [(LEE, True), (EVE, False)])
def test_the_end_of_a_run_belongs_to_its_request_for_a_reader_who_was_asked(reader: Person, asked: bool) -> None:
    request = replace_fields(closed_request(RequestState.EXPIRED), title="Pay?")
    for kind, topic in ((DeliveryKind.OUTCOME, None), (DeliveryKind.ALERT, "expired")):
        run = run_view(status=RunStatus.EXPIRED)
        copy = DeliveryContent(delivery="c1", kind=kind, topic=topic, person=reader, run=run, request=request)
        card = cards.card(copy)
        assert (card.request, card.about) == (("q1", "Pay? · draft") if asked else (None, None))


@pytest.mark.parametrize(
    ("topic", "reader", "because"),
    [
        ("failed", LEE, "you own this workflow"),
        ("failed", EVE, "you started this run"),
        ("failed", Person("p9", "Kim"), ""),
        ("approved_failed", EVE, "you approved this request"),
    ],
)
def test_an_alert_says_why_its_reader_gets_it(topic: str, reader: Person, because: str) -> None:
    copy = DeliveryContent(
        delivery="c1", kind=DeliveryKind.ALERT, topic=topic, person=reader, run=run_view(), request=request_view()
    )
    assert cards.card(copy).because == because


def test_the_outcome_of_an_expired_run_says_once_that_it_expired() -> None:
    request = replace_fields(closed_request(RequestState.EXPIRED), title="Pay?")
    run = run_view(status=RunStatus.EXPIRED)
    copy = DeliveryContent(delivery="c1", kind=DeliveryKind.OUTCOME, topic=None, person=EVE, run=run, request=request)
    card = cards.card(copy)
    assert card.title == "Expired without a decision: Pay · draft"
    assert card.lead == (("The run was stopped, ", START, "."),)


def test_an_alert_to_an_approver_does_not_list_who_was_not_reached() -> None:
    request = replace_fields(decided_request(request_view()), unreached=((EVE, "the account is deactivated"),))
    assert "Not reached" in facts_of(alert_card("undelivered", request).notes)
    assert "Not reached" not in facts_of(alert_card("approved_unknown", request).notes)


def test_an_alert_about_a_request_names_it() -> None:
    card = alert_card("unseen", request_view(title="Pay?"))
    assert (card.title, card.request) == ("No approver has received “Pay?” yet", "q1")
    assert card.lead == (("Nothing was delivered for 15 minutes. Please ask an approver yourself.",),)


@pytest.mark.parametrize(
    ("error", "changes", "advice"),
    [
        ("POST https://pay.example.com/refunds answered 404 Not Found: no such order", {}, _AGAIN),
        ("POST https://pay.example.com/refunds was not sent: no connection in time", {}, _AGAIN),
        ("POST https://pay.example.com/refunds answered 503 Service Unavailable", {}, _AGAIN),
        ("POST https://pay.example.com/refunds answered 302 Found", {}, _FIND_OUT),
        ("POST https://pay.example.com/refunds answered 500 Internal Server Error", {}, _FIND_OUT),
        ("It took longer than 30 seconds.", {}, _FIND_OUT),
        # An earlier call may have happened.
        ("POST https://pay.example.com/refunds answered 404 Not Found", {"attempt": 2}, _FIND_OUT),
        # A text of a step that is no web call may only look like this.
        ("POST https://pay.example.com/refunds answered 404 Not Found", {"params": Params({"a": 1})}, _FIND_OUT),
    ],
)
def test_a_refused_web_call_did_nothing_and_others_may_have_happened(
    error: str, changes: dict[str, Any], advice: str
) -> None:
    step = StepView(
        step="pay",
        label="Pay",
        visit=1,
        status=StepStatus.FAILED,
        attempt=1,
        params=Params({"method": "POST", "url": "https://pay.example.com/refunds"}),
        output=None,
        error=error,
        wakes_at=None,
        started_at=START,
        ended_at=START,
    )
    alert = alert_card("failed", steps=(replace(step, **changes),), error=error)
    assert alert.lead == ((advice,),)
    assert (alert.step, alert.visit, alert.retry is None) == ("pay", 1, False)
    assert bool(alert.retry) == (advice == _FIND_OUT), "a repetition of what may have happened is confirmed"
    others: list[dict[str, Any]] = [{"owner": EVE}, {"status": RunStatus.RUNNING}, {"is_erased": True}]
    for other in others:
        assert alert_card("failed", **{"steps": (replace(step, **changes),), "error": error, **other}).retry is None
    moved = alert_card("failed", steps=(replace(step, **changes),), status=RunStatus.RUNNING)
    assert (moved.outcome and dates.written(moved.outcome.line), moved.lead) == ("It was tried again", ())


def test_an_alert_about_a_run_without_a_request_says_which_run_it_is() -> None:
    inputs = {"order": "A-1007", "amount": {"amount": "40.00", "currency": "EUR"}}
    waiting = alert_card("needs_attention", status=RunStatus.NEEDS_ATTENTION, inputs=inputs)
    assert [(note.label, dates.written(note.text)) for note in waiting.notes] == [
        ("Started with", "A-1007 · 40.00 EUR")
    ]
    assert alert_card("failed", inputs=inputs).title == "Failed: Demo · A-1007 · 40.00 EUR"


@pytest.mark.parametrize(
    ("request_", "title", "what"),
    [
        (
            samples.counted(samples.QUORUM, approvers=(Approver(samples.LEE, "approver"),)),
            "Too few people can approve “",
            "It has 0 of 2 approvals, and only one person can approve it now. Pass it on",
        ),
        (
            samples.counted(samples.QUORUM, samples.LEE, approvers=(Approver(samples.LEE, "approver"),)),
            "No one else can approve “",
            "It has 1 of 2 approvals. Pass it on",
        ),
        (
            samples.counted(samples.QUORUM, approvers=()),
            "No one can approve “",
            "None of the people who were asked may approve it. Pass it on",
        ),
    ],
)
def test_the_alert_that_approvals_are_missing_says_how_many(request_: RequestView, title: str, what: str) -> None:
    run = samples.run(status=RunStatus.WAITING)
    copy = DeliveryContent(
        delivery="d", kind=DeliveryKind.ALERT, topic="short", person=samples.PERSON, run=run, request=request_
    )
    alert = cards.card(copy)
    assert alert.title.startswith(title)
    assert str(alert.lead[0][0]).startswith(what)
