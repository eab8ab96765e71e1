"""Details, registration and sentences keep the limits of Slack and lose no content."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.slack import details_modal, ids, register_modal, request_modals, view_state
from bot.slack.ids import ModalRef
from bot.slack.text_objects import View
from engine.domain import Card, CardFact, CardField, CardOutcome
from engine.errors import Problem
from tests.support import samples, slack_rules
from tests.support.examples import example_count

REF = ids.Ref(request="req1", content_version=1, digest=samples.DIGEST, delivery="d1")
METADATA = ModalRef(ref=REF)


def check_view(view: View) -> View:
    assert slack_rules.problems_of_view(view) == []
    return view


def join_texts(payload: Any) -> str:
    return "\n".join(slack_rules.texts(payload))


def find_action_ids(view: View) -> list[str]:
    return [
        element["action_id"] for block in view["blocks"] if block["type"] == "actions" for element in block["elements"]
    ]


# -- details ------------------------------------------------------------------------------------------------


@settings(max_examples=example_count(15), deadline=None)
@given(samples.cards(), st.integers(0, 3))
def test_every_page_of_the_details_is_within_the_limits(card: Card, page: int) -> None:
    small = replace(card, values=card.values[:8], notes=card.notes[:8], details=card.details[:8])
    check_view(details_modal.details(small, metadata=ModalRef(ref=REF, page=page)))
    check_view(details_modal.details(small, metadata=ModalRef(page=10**6)))


def test_the_pages_of_the_details_together_show_everything() -> None:
    long_text = "".join(f"word{number} " for number in range(6_000))
    fields = [
        CardField(path=f"f{number}", label=f"Field {number}", type="text", text=f"value {number}")
        for number in range(99)
    ]
    fields.append(CardField(path="body", label="Body", type="long_text", text=long_text, before="before"))
    card = samples.card(values=tuple(fields), title="T" * 200)
    pages = details_modal.paginate(card)
    views = [
        check_view(details_modal.details(card, metadata=ModalRef(ref=REF, page=number))) for number in range(len(pages))
    ]
    assert len(views) > 5
    views_text = join_texts(views)
    assert all(f"value {number}\n" in f"{views_text}\n" for number in range(99))
    lines = [line for page in pages for line in page]
    assert "".join(line.after for line in lines if line.label.startswith("Body (now)")) == long_text
    assert "T" * 200 in views_text
    assert [ids.APPROVE in find_action_ids(view) for view in views] == [False] * (len(views) - 1) + [True]
    assert find_action_ids(views[0]) == [ids.NEXT_PAGE]
    assert ids.PREVIOUS_PAGE in find_action_ids(views[-1])
    assert ids.NEXT_PAGE not in find_action_ids(views[-1])


def test_a_short_card_is_one_page_with_its_buttons() -> None:
    view = check_view(details_modal.details(samples.card(), metadata=METADATA))
    assert find_action_ids(view) == [ids.APPROVE, ids.EDIT, ids.REJECT, ids.HAND_ON]
    assert "Page" not in join_texts(view)
    assert ids.decode_modal(view["private_metadata"]) == METADATA
    changed_field = CardField(path="a", label="Amount", type="text", text="new", before="old")
    closed_view = check_view(details_modal.details(samples.closed_card(values=(changed_field,)), metadata=ModalRef()))
    assert find_action_ids(closed_view) == []
    assert "Approved by Lee" in join_texts(closed_view)


def test_the_details_have_values_then_notes_then_technical_details() -> None:
    note = CardFact(label="Please check", text=("The order is old.",))
    view = check_view(details_modal.details(samples.card(notes=(note,)), metadata=METADATA))
    parts = ["Sam asks.", "over 50.", "Expires", "90.00 EUR", "The order is old.", "Who can decide", "Lee"]
    parts += ("Technical details", "https://payments.example.com/refunds", "Refunds, version 3", "Started", "Pay it")
    text = join_texts(view)
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert view["title"]["text"] == "Details"


def test_the_details_of_a_closed_request_begin_with_how_it_ended() -> None:
    outcome = CardOutcome(line=("Rejected by Lee, ", samples.NOW), reason="No.\nNever.", effect="Pay: not run")
    text = join_texts(check_view(details_modal.details(samples.closed_card(outcome=outcome), metadata=METADATA)))
    places = [text.index(part) for part in ("Rejected by Lee", "Pay: not run", "No.\nNever.", "Who was asked")]
    assert places == sorted(places)


def test_changes_of_many_single_words_keep_a_page_small() -> None:
    before = " ".join(f"a{number} b" for number in range(1_500))
    changed = CardField(path="x", label="X", type="text", before=before, text=before.replace("b", "c"))
    card = samples.closed_card(values=(changed,) * 5)
    pages = details_modal.paginate(card)
    for number in range(len(pages)):
        check_view(details_modal.details(card, metadata=ModalRef(ref=REF, page=number)))
    assert "more characters)" in join_texts(details_modal.details(card, metadata=METADATA))


def test_a_long_fact_with_a_moment_is_whole_in_the_details() -> None:
    fact = CardFact(label="Started", text=("x" * 4_000, samples.NOW, "y" * 4_000))
    lines = [line for page in details_modal.paginate(samples.card(details=(fact,))) for line in page]
    whole = "".join(line.after for line in lines if line.label.startswith("Started"))
    assert whole == f"{'x' * 4_000}Mar 4, 2026, 9:30 AM UTC{'y' * 4_000}"


# -- registering --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [1, 3, 5, 9])
def test_a_file_can_be_pasted_in_parts_or_uploaded(parts: int) -> None:
    view = check_view(register_modal.register_form(metadata=METADATA, parts=parts))
    values = slack_rules.untouched_state(view)
    assert len(values) == min(parts, 5)
    assert next(block["optional"] for block in view["blocks"] if block["type"] == "input") is False
    assert ids.REGISTER_UPLOAD in find_action_ids(view)
    assert (ids.REGISTER_MORE in find_action_ids(view)) is (parts < 5)
    assert view_state.read_source(values) == ("", None)
    for number in range(1, min(parts, 5) + 1):
        values[register_modal.paste_block(number)][ids.INPUT]["value"] = f"part {number}\n"
    pasted, file = view_state.read_source(values)
    assert pasted == "".join(f"part {number}\n" for number in range(1, min(parts, 5) + 1))
    assert file is None


def test_an_uploaded_file_is_read_as_slack_describes_it() -> None:
    values = slack_rules.untouched_state(check_view(register_modal.upload_form(metadata=METADATA)))
    values[ids.UPLOAD_BLOCK][ids.INPUT]["files"] = [{"id": "F1"}]
    assert view_state.read_source(values) == ("", {"id": "F1"})


def test_problems_stand_under_the_input_with_their_lines() -> None:
    problems = [Problem("This is wrong.", path="steps[0]", line=4, column=2)]
    assert register_modal.problems_text(problems) == {
        register_modal.paste_block(1): "Line 4, column 2: steps[0]: This is wrong."
    }
    assert list(register_modal.problems_text(problems, uploaded=True)) == [ids.UPLOAD_BLOCK]


def test_more_problems_than_fit_are_counted() -> None:
    errors = register_modal.problems_text([Problem("This is wrong.", line=number) for number in range(1, 101)])
    (error,) = errors.values()
    assert len(error) <= ids.ERROR_TEXT
    shown_count = error.count("This is wrong.")
    assert error.endswith(f"And {100 - shown_count} more problems.")
    (long_error,) = register_modal.problems_text([Problem("x" * 5_000)]).values()
    assert len(long_error) <= ids.ERROR_TEXT


# -- sentences ----------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(samples.ANY)
def test_a_sentence_is_a_view(text: str) -> None:
    check_view(request_modals.sentence(text))
    check_view(request_modals.sentence(text, metadata=METADATA))
    check_view(request_modals.loading(metadata=METADATA))
