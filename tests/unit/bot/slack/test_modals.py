"""Details, registration, lists and App Home keep the limits of Slack and lose no content."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.slack import command_messages, details_modal, home_view, ids, register_modal, request_modals, view_state
from bot.slack.ids import ModalRef
from bot.slack.message_view import SlackMessage
from bot.slack.text_objects import View
from engine import workflowfile
from engine.domain import Card, CardField
from engine.errors import Problem
from engine.read_models import WorkflowView
from engine.steps import registry
from engine.workflowfile import Workflow
from tests.support import samples, slack_rules

REF = ids.Ref(request="req1", content_version=1, digest=samples.DIGEST, delivery="d1")
METADATA = ModalRef(ref=REF)
FULL_WORKFLOW = Path(__file__).parents[3] / "data" / "workflows" / "full.yaml"
TEMPLATES = sorted((Path(__file__).parents[4] / "templates" / "workflows").glob("*.yaml"))


def check_view(view: View) -> View:
    assert slack_rules.problems_of_view(view) == []
    return view


def check_message(message: SlackMessage) -> SlackMessage:
    assert slack_rules.problems_of_message(message.text, message.blocks, message.metadata) == []
    return message


def join_texts(payload: Any) -> str:
    return "\n".join(slack_rules.texts(payload))


def find_action_ids(view: View) -> list[str]:
    return [
        element["action_id"] for block in view["blocks"] if block["type"] == "actions" for element in block["elements"]
    ]


def load_workflow(path: Path) -> Workflow:
    return workflowfile.load(path.read_bytes(), kinds=registry.all_step_types())


# -- details ------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(samples.cards(), st.integers(0, 3))
def test_every_page_of_the_details_is_within_the_limits(card: Card, page: int) -> None:
    small = replace(card, fields=card.fields[:8], facts=card.facts[:8])
    check_view(details_modal.details(small, metadata=ModalRef(ref=REF, page=page)))
    check_view(details_modal.details(small, metadata=ModalRef(page=10**6)))


def test_the_pages_of_the_details_together_show_everything() -> None:
    long_text = "".join(f"word{number} " for number in range(6_000))
    fields = [
        CardField(path=f"f{number}", label=f"Field {number}", type="text", text=f"value {number}")
        for number in range(99)
    ]
    fields.append(CardField(path="body", label="Body", type="long_text", text=long_text, before="before"))
    card = samples.card(fields=tuple(fields), title="T" * 200)
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
    assert find_action_ids(view) == [ids.APPROVE, ids.EDIT, ids.REJECT]
    assert "Page" not in join_texts(view)
    assert ids.decode_modal(view["private_metadata"]) == METADATA
    changed_field = CardField(path="a", label="Amount", type="text", text="new", before="old")
    closed_view = check_view(details_modal.details(samples.closed_card(fields=(changed_field,)), metadata=ModalRef()))
    assert find_action_ids(closed_view) == []
    assert "Approved by Lee" in join_texts(closed_view)


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
        register_modal.paste_block(1): "line 4, column 2: steps[0]: This is wrong."
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


def test_a_registered_workflow_is_shown_step_by_step_with_its_gates() -> None:
    workflow = load_workflow(FULL_WORKFLOW)
    view = check_view(
        register_modal.registered_message(workflow, version=3, changed=True, approvers={"pay": "Lee and Kim"})
    )
    view_text = join_texts(view)
    for part in (
        "registered as version 3",
        "1. Look the order up",
        "only if {{ not inputs.urgent }}",
        "Asks Lee and Kim before it runs, if {{ inputs.amount.amount | number > 100 }}",
        "then: reject",
        "Asks the owner before it runs",
        "on what it produced",
        "/signoff run refund",
    ):
        assert part in view_text
    assert "already" in join_texts(register_modal.registered_message(workflow, version=3, changed=False, approvers={}))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_every_ready_made_workflow_can_be_shown(path: Path) -> None:
    workflow = load_workflow(path)
    check_view(register_modal.registered_message(workflow, version=1, changed=True, approvers={}))
    check_message(command_messages.workflow(workflow, version=1, approvers={}))


def test_a_workflow_of_many_steps_says_how_many_are_not_shown() -> None:
    workflow = load_workflow(FULL_WORKFLOW)
    long_workflow = replace(workflow, steps=workflow.steps * 20)
    message = check_message(command_messages.workflow(long_workflow, version=1, approvers={}))
    assert "more steps." in join_texts(message.blocks)
    long_titles = replace(workflow, steps=tuple(replace(step, title="x" * 3_000) for step in long_workflow.steps))
    check_message(command_messages.workflow(long_titles, version=1, approvers={"pay": "y" * 3_000}))


# -- lists and Home -----------------------------------------------------------------------------------------


def workflow_view(name: str) -> WorkflowView:
    return WorkflowView(
        name=name,
        title="Refunds <!here>",
        version=1,
        owner=samples.PERSON,
        source=b"",
        hash="h",
        updated_at=samples.NOW,
    )


def test_help_names_every_command() -> None:
    message = check_message(command_messages.help_message("/approve"))
    for name in "help", "register", "run NAME", "list", "show NAME", "pending", "runs", "cancel":
        assert f"/approve {name}" in join_texts(message.blocks)


def test_empty_lists_say_so_in_a_sentence() -> None:
    assert "/signoff register" in check_message(command_messages.workflows([])).text
    assert check_message(command_messages.pending([])).text == "No request waits for you."
    assert (
        check_message(command_messages.runs([])).text
        == "None of the runs is yours: you started none, and own none of their workflows."
    )
    view = check_view(home_view.home(pending=[], runs=[]))
    assert "Nothing waits for you." in join_texts(view)


@settings(max_examples=15, deadline=None)
@given(samples.ANY.map(lambda text: text[:3_000]), st.integers(1, 60))
def test_lists_of_any_length_and_content_are_within_the_limits(text: str, count: int) -> None:
    requests = [samples.request(id=f"r{number}", title=text, workflow_title=text) for number in range(count)]
    runs = [samples.run(id=f"u{number}", workflow_title=text) for number in range(count)]
    workflows = [replace(workflow_view(f"w{number}"), title=text) for number in range(count)]
    for message in (
        command_messages.pending(requests),
        command_messages.runs(runs),
        command_messages.workflows(workflows),
    ):
        check_message(message)
        if count > 40:
            assert "more." in join_texts(message.blocks)
    view = check_view(home_view.home(pending=requests, runs=runs))
    sections = [block for block in view["blocks"] if "accessory" in block]
    assert len(sections) == min(count, command_messages.MOST_ITEMS)


def test_a_request_in_a_list_carries_its_reference() -> None:
    message = command_messages.pending([samples.request(expires_at=None)])
    (button,) = [block["accessory"] for block in message.blocks if "accessory" in block]
    assert button["action_id"] == ids.DETAILS
    assert ids.decode_ref(button["value"]) == request_ref(None)


def request_ref(delivery: str | None) -> ids.Ref:
    return ids.Ref(request="req1", content_version=1, digest=samples.DIGEST, delivery=delivery)


@settings(deadline=None)
@given(samples.ANY)
def test_a_sentence_is_a_view(text: str) -> None:
    check_view(request_modals.sentence(text))
    check_view(request_modals.sentence(text, metadata=METADATA))
    check_view(request_modals.loading(metadata=METADATA))
