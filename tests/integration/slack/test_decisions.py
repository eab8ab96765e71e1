"""Deciding in messages and modals, over signed HTTP and over a socket."""

from __future__ import annotations

import asyncio
import threading

import pytest

from bot.slack import form_blocks, ids
from engine.domain import RequestState, RunStatus
from engine.store.port import Tx
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, buttons, copy_of, ephemeral_texts, expect_ok, words

pytestmark = pytest.mark.each_variation

CONFIRMS = REFUND_WORKFLOW.replace("edit: [text]", 'edit: [text]\n      confirm: "This pays. Sure?"')
REASONS = REFUND_WORKFLOW.replace("edit: [text]", "edit: [text]\n      reason_required: always")
EXPIRES = REFUND_WORKFLOW.replace("edit: [text]", "edit: [text]\n      expires: 2h")
TYPED = REFUND_WORKFLOW.replace(
    'with: {text: "Pay {{ inputs.amount }} EUR", again: true}',
    'with: {text: "{{ inputs.note }}", again: true}',
).replace("edit: [text]", "edit: {text: {type: json}}")
LONG = REFUND_WORKFLOW.replace("Pay {{ inputs.amount }} EUR", "{{ inputs.note }}")


# -- one click ----------------------------------------------------------------------------------------------


async def test_one_click_approves_and_both_copies_change(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada, ben = env.person("ada"), env.person("ben")
    assert buttons(copy_of(ada)) == ["Approve", "Edit", "Reject", "Ask", "Details"]
    expect_ok(await ada.click("Approve"))
    assert await env.state(run) is RequestState.APPROVED
    await env.finish_background_work()
    assert "Approved by Ada Approver" in words(copy_of(ada))
    assert buttons(copy_of(ben)) == ["Approve", "Edit", "Reject", "Ask", "Details"]
    await env.settle()
    for person in ada, ben:
        assert buttons(copy_of(person)) == ["Details"]
        assert "Approved by Ada Approver" in words(copy_of(person))
        assert not person.troubles
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert [params.text for params, _ in env.bot.step.calls] == ["Pay 120 EUR"]


async def test_the_blocks_of_an_updated_copy_have_other_ids_as_slack_wants_it(env: SlackEnv) -> None:
    await env.request_approval()
    ada = env.person("ada")
    before = {block["block_id"] for block in copy_of(ada)["blocks"]}
    expect_ok(await ada.click("Approve"))
    await env.settle()
    assert before.isdisjoint(block["block_id"] for block in copy_of(ada)["blocks"])


@pytest.mark.parametrize("form", [False, True], ids=["click", "form"])
async def test_a_click_is_acknowledged_only_after_its_commit(env: SlackEnv, *, form: bool) -> None:
    run = await env.request_approval()
    ada = env.person("ada")
    if form:
        expect_ok(await ada.click("Reject"))
        await env.slack.until(lambda: ada.modal)
    writing, released = threading.Event(), threading.Event()

    def hold_commit(tx: Tx) -> None:
        writing.set()
        released.wait()

    holding = asyncio.ensure_future(env.bot.store.transact(hold_commit))
    try:
        await asyncio.to_thread(writing.wait)
        acting = asyncio.ensure_future(ada.submit({"Reason": "No."}) if form else ada.click("Approve"))
        answered, _ = await asyncio.wait({acting}, timeout=0.3)
    finally:
        released.set()
    assert not answered, "the click was acknowledged before it was on the disk"
    expect_ok(await acting)
    assert await env.state(run) is (RequestState.REJECTED if form else RequestState.APPROVED)
    await holding


async def test_the_decision_records_the_approver_and_the_place(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada = env.person("ada")
    message = copy_of(ada)
    await ada.click("Approve")
    await env.settle()
    entry = next(entry for entry in await env.engine.story(run) if entry.kind == "request.approved")
    assert entry.content is not None
    origin = entry.content["place"]
    assert isinstance(origin, dict)
    assert (origin["user"], origin["message"], origin["channel"]) == (ada.id, message["ts"], message["channel"])
    assert entry.content["assurance"] == "slack"


async def test_a_gate_with_a_confirmation_is_decided_when_the_dialog_is_confirmed(env: SlackEnv) -> None:
    run = await env.request_approval(CONFIRMS)
    ada = env.person("ada")
    assert await ada.click("Approve", confirm=False) is None
    assert await env.state(run) is RequestState.PENDING
    expect_ok(await ada.click("Approve"))
    assert await env.state(run) is RequestState.APPROVED


async def test_a_gate_with_a_confirmation_and_a_reason_asks_for_confirmation_once(env: SlackEnv) -> None:
    run = await env.request_approval(
        REASONS.replace("reason_required: always", 'reason_required: always\n      confirm: "Really?"')
    )
    ada = env.person("ada")
    for label in "Approve", "Edit":
        (button,) = (element for element in copy_of(ada)["blocks"][-1]["elements"] if element["text"]["text"] == label)
        expect_ok(await ada.click(label))
        await env.slack.until(lambda: ada.modal)
        assert f"{words(button.get('confirm'))} {words(ada.modal)}".count("Really?") == 1
        if label == "Approve":
            await ada.close()
    expect_ok(await ada.submit({"Reason": "They waited long enough."}))
    assert await env.state(run) is RequestState.APPROVED


async def test_an_approval_that_needs_a_reason_asks_for_it(env: SlackEnv) -> None:
    run = await env.request_approval(REASONS)
    ada = env.person("ada")
    expect_ok(await ada.click("Approve"))
    await env.slack.until(lambda: ada.modal)
    assert await env.state(run) is RequestState.PENDING
    expect_ok(await ada.submit({"Reason": "They waited long enough."}))
    await env.settle()
    assert ada.modal is None
    assert "Reason: They waited long enough." in words(copy_of(ada))
    assert buttons(copy_of(env.person("ben"))) == ["Details"]


# -- edits --------------------------------------------------------------------------------------------------


async def test_an_edit_with_a_wrong_value_is_refused_under_its_field_and_then_taken(env: SlackEnv) -> None:
    run = await env.request_approval(TYPED, note="lee@example.com")
    ada = env.person("ada")
    expect_ok(await ada.click("Edit"))
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ada.submit({"Text": "{"}))
    assert ada.modal is not None
    assert list(ada.modal["errors"]) == [ada.modal["blocks"][1]["block_id"]]
    assert await env.state(run) is RequestState.PENDING
    expect_ok(await ada.submit({"Text": '"sam@example.com"'}))
    await env.finish_background_work()
    assert ada.modal is None
    assert "Approved with edits by Ada Approver" in words(copy_of(ada))
    await env.settle()
    for person in ada, env.person("ben"):
        text = words(copy_of(person))
        assert "lee@example.com" in text
        assert "sam@example.com" in text
        assert buttons(copy_of(person)) == ["Details"]
    assert [params.text for params, _ in env.bot.step.calls] == ["sam@example.com"]


async def test_a_form_that_is_sent_unchanged_is_a_plain_approval(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada = env.person("ada")
    await ada.click("Edit")
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ada.submit())
    request = await env.request(run)
    assert request.decision is not None
    assert request.decision.edits == ()


async def test_a_form_with_slow_content_opens_at_once_and_is_filled_later(env: SlackEnv) -> None:
    await env.request_approval()
    ada = env.person("ada")
    waits = asyncio.Event()
    read = env.engine.store.read

    async def build_slowly(query):  # type: ignore[no-untyped-def]

        await waits.wait()
        return await read(query)

    env.engine.store.read = build_slowly  # type: ignore[method-assign]

    expect_ok(await ada.click("Edit"))
    await env.slack.until(lambda: ada.modal)
    assert "One moment" in words(ada.modal)
    waits.set()
    await env.slack.until(lambda: "Approve with edits" in words(ada.modal))
    expect_ok(await ada.submit({"Text": "Pay less"}))
    await env.settle()
    assert "Pay less" in words(copy_of(env.person("ben")))


# -- rejections ---------------------------------------------------------------------------------------------


async def test_a_rejection_asks_for_its_reason_and_every_copy_shows_it(env: SlackEnv) -> None:
    run = await env.request_approval()
    ben = env.person("ben")
    expect_ok(await ben.click("Reject"))
    await env.slack.until(lambda: ben.modal)
    expect_ok(await ben.submit({"Reason": "Paid last week."}))
    await env.finish_background_work()
    assert "Rejected by Ben Approver" in words(copy_of(ben))
    await env.settle()
    assert "Reason: Paid last week." in words(copy_of(env.person("ada")))
    assert (await env.view(run)).status is RunStatus.REJECTED
    assert env.bot.step.calls == []


async def test_the_requester_reads_the_outcome_where_they_started_the_run(env: SlackEnv) -> None:
    await env.request_approval()
    await env.person("ada").click("Approve")
    await env.settle()
    text = words(env.person("cleo").sees("general")[-1])
    assert "Done: Refund 120 EUR" in text
    assert "Approved by Ada Approver" in text


async def test_the_requester_reads_who_rejected_the_request_and_why(env: SlackEnv) -> None:
    await env.request_approval()
    ben = env.person("ben")
    await ben.click("Reject")
    await env.settle()
    await ben.submit({"Reason": "Paid already"})
    await env.settle()
    text = words(env.person("cleo").sees("general")[-1])
    assert "Rejected: Refund 120 EUR" in text
    assert "Rejected by Ben Approver" in text
    assert "Reason: Paid already" in text


# -- long content -------------------------------------------------------------------------------------------


async def test_long_content_is_shown_in_full_on_pages_that_end_with_the_buttons(env: SlackEnv) -> None:
    text = "\n".join(f"line {number} of the text" for number in range(1500))
    run = await env.request_approval(LONG, note=text)
    ada = env.person("ada")
    expect_ok(await ada.click("Show everything"))
    await env.slack.until(lambda: ada.modal)
    text_shown = ""
    for _ in range(20):
        assert ada.modal is not None
        text_shown += words(ada.modal)
        if "Next" not in buttons(ada.modal):
            break
        before = ada.modal["hash"]
        expect_ok(await ada.click("Next"))
        await env.slack.until(lambda before=before: ada.modal["hash"] != before)  # type: ignore[misc]

    assert all(f"line {number} of the text" in text_shown for number in (0, 700, 1499))
    expect_ok(await ada.click("Approve"))
    await env.finish_background_work()
    assert await env.state(run) is RequestState.APPROVED
    assert "You approved this, " in words(ada.modal)
    assert "Approved by Ada Approver" in words(copy_of(ada))


async def test_a_form_opened_on_top_of_the_pages_closes_them_all(env: SlackEnv) -> None:
    text = "\n".join(f"line {number}" for number in range(1400))
    run = await env.request_approval(LONG, note=text)
    ada = env.person("ada")
    await ada.click("Show everything")
    await env.slack.until(lambda: ada.modal)
    while ada.modal is not None and "Reject" not in buttons(ada.modal):
        before = ada.modal["hash"]
        await ada.click("Next")
        await env.slack.until(lambda before=before: ada.modal["hash"] != before)  # type: ignore[misc]

    expect_ok(await ada.click("Reject"))
    await env.slack.until(lambda: len(ada.stack) == 2)
    expect_ok(await ada.submit({"Reason": "Too long."}))
    assert ada.stack == []
    assert await env.state(run) is RequestState.REJECTED
    await env.finish_background_work()
    assert "Rejected by Ada Approver" in words(copy_of(ada))


# -- refusals -----------------------------------------------------------------------------------------------


async def test_the_loser_of_a_race_reads_who_was_first_and_sees_the_outcome(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada, ben = env.person("ada"), env.person("ben")
    first, second = await asyncio.gather(ada.click("Approve"), ben.click("Approve"))
    expect_ok(first)
    expect_ok(second)
    await env.finish_background_work()
    request = await env.request(run)
    assert request.decision is not None
    winner, loser = (ada, ben) if request.decision.person.name == "Ada Approver" else (ben, ada)
    (sentence,) = ephemeral_texts(env.slack, loser)
    assert f"{request.decision.person.name} already approved this request, " in sentence
    assert ephemeral_texts(env.slack, winner) == []
    assert buttons(copy_of(loser)) == ["Details"]


async def test_a_second_click_is_answered_that_it_was_the_second(env: SlackEnv) -> None:
    await env.request_approval()
    ada = env.person("ada")
    outdated = copy_of(ada)
    await ada.click("Approve", on=outdated)
    await env.settle()
    expect_ok(await ada.click("Approve", on=outdated, stale=True))
    await env.finish_background_work()
    (sentence,) = ephemeral_texts(env.slack, ada)
    assert "You already approved this request, " in sentence


async def test_a_repeated_delivery_makes_one_decision_and_one_sentence(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada = env.person("ada")
    env.slack.fault("deliver:interactive", "duplicate")
    expect_ok(await ada.click("Approve"))
    await env.settle()
    kinds = [entry.kind for entry in await env.engine.story(run)]
    assert kinds.count("request.approved") == 1
    assert "Approved by Ada Approver" in words(copy_of(ada))


async def test_a_form_of_a_request_decided_meanwhile_says_so_and_updates_the_copy(env: SlackEnv) -> None:
    await env.request_approval()
    ada, ben = env.person("ada"), env.person("ben")
    await ada.click("Edit")
    await env.slack.until(lambda: ada.modal)
    await ben.click("Approve")
    expect_ok(await ada.submit({"Text": "Pay nothing"}))
    await env.finish_background_work()
    assert "Ben Approver already approved this request" in words(ada.modal)
    assert buttons(copy_of(ada)) == ["Details"]


async def test_the_form_of_a_decided_request_is_not_opened(env: SlackEnv) -> None:
    await env.request_approval()
    ada, ben = env.person("ada"), env.person("ben")
    outdated = copy_of(ben)
    await ada.click("Approve")
    await env.settle()
    expect_ok(await ben.click("Edit", on=outdated, stale=True))
    await env.slack.until(lambda: ben.modal)
    assert "Ada Approver already approved this request" in words(ben.modal)


@pytest.mark.parametrize(
    ("by", "sentence"),
    [
        ("ben", "Cleo Builder is not an approver of this request. Ada Approver can decide."),
        ("cleo", "You started this, so another person decides. Ada Approver or Ben Approver can decide."),
    ],
)
async def test_a_person_who_may_not_decide_reads_who_is_asked(env: SlackEnv, by: str, sentence: str) -> None:
    run = await env.request_approval(by=by)
    ada, cleo = env.person("ada"), env.person("cleo")
    copy = copy_of(ada)
    # In Slack, people cannot click the copy of another person, so the test forges the request.
    value = next(
        element["value"]
        for block in copy["blocks"]
        for element in block.get("elements", [])
        if element.get("action_id") == "request.approve"
    )
    await env.bot.client.post(
        "chat.postMessage",
        channel=env.slack.channel("general"),
        text="Decide",
        blocks=[
            {
                "type": "actions",
                "elements": [
                    {
                        "type": "button",
                        "action_id": action,
                        "text": {"type": "plain_text", "text": label},
                        "value": value,
                    }
                    for action, label in (("request.approve", "Yes"), ("request.edit", "Change"))
                ],
            }
        ],
    )
    message = cleo.sees("general")[-1]
    expect_ok(await cleo.click("Yes", on=message))
    await env.finish_background_work()
    assert sentence in ephemeral_texts(env.slack, cleo)[-1]
    assert await env.state(run) is RequestState.PENDING


async def test_an_expired_request_can_no_longer_be_decided(env: SlackEnv) -> None:
    run = await env.request_approval(EXPIRES)
    ada = env.person("ada")
    env.pass_time(hours=2, seconds=1)
    expect_ok(await ada.click("Approve"))
    await env.finish_background_work()
    assert "This request expired " in ephemeral_texts(env.slack, ada)[-1]
    await env.settle()
    assert "without a decision" in words(copy_of(ada))
    assert buttons(copy_of(ada)) == ["Details"]
    assert await env.state(run) is RequestState.EXPIRED


async def test_a_cancelled_request_says_that_its_run_was_cancelled(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada, cleo = env.person("ada"), env.person("cleo")
    outdated = copy_of(ada)
    expect_ok(await cleo.command(f"/signoff cancel {run}"))
    expect_ok(await ada.click("Approve", on=outdated))
    await env.finish_background_work()
    assert "The run was cancelled, " in ephemeral_texts(env.slack, ada)[-1]
    await env.settle()
    assert "The run was cancelled by Cleo Builder" in words(copy_of(ada)["blocks"])


async def test_a_button_of_another_version_is_answered_with_the_place_of_the_request(env: SlackEnv) -> None:
    await env.bot.client.post(
        "chat.postMessage",
        channel=env.person("ada").id,
        text="Old",
        blocks=[
            {
                "type": "actions",
                "elements": [
                    {
                        "type": "button",
                        "action_id": action,
                        "text": {"type": "plain_text", "text": label},
                        "value": '["q0",1]',
                    }
                    for action, label in (("request.approve", "Approve"), ("request.edit", "Edit"), ("old.one", "Old"))
                ],
            }
        ],
    )
    ada = env.person("ada")
    for number, name in enumerate(("Approve", "Edit", "Old"), start=1):
        expect_ok(await ada.click(name))
        await env.finish_background_work()
        sentences = ephemeral_texts(env.slack, ada)
        assert len(sentences) == number
        assert "another version of Signoff" in sentences[-1]


async def test_a_form_of_another_version_stays_open_with_what_was_typed(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada = env.person("ada")
    reason = form_blocks.reason_input(required=True, label="Reason", hint="Cleo will read it.")
    for callback in ids.EDIT_MODAL, ids.REJECT_MODAL, ids.RUN_MODAL, ids.RESUME_MODAL:
        view = form_blocks.view(
            callback=callback, title="Old", blocks=[reason], metadata=ids.ModalRef(), submit="Send", close="Cancel"
        )
        opening = {**view, "private_metadata": '["m0",1]'}
        await env.bot.client.post("views.open", trigger_id=env.slack.trigger(ada), view=opening)
        expect_ok(await ada.submit({"Reason": "Paid already."}))
        assert ada.modal is not None
        (error,) = ada.modal["errors"].values()
        assert error.startswith("This form is from another version of Signoff, so nothing was saved.")
        await ada.close()
    assert await env.state(run) is RequestState.PENDING


async def test_a_workflow_that_was_removed_meanwhile_leaves_the_form_open(env: SlackEnv) -> None:
    ben = env.person("ben")
    reason = form_blocks.reason_input(required=True, label="Reason", hint="For Cleo.")
    view = form_blocks.view(
        callback=ids.RUN_MODAL,
        title="Refund",
        blocks=[reason],
        metadata=ids.ModalRef(workflow="refund", version=1),
        submit="Start",
        close="Cancel",
    )
    await env.bot.client.post("views.open", trigger_id=env.slack.trigger(ben), view=view)
    expect_ok(await ben.submit({"Reason": "For Dana"}))
    assert ben.modal is not None
    (error,) = ben.modal["errors"].values()
    assert error == "There is no workflow “refund”."


async def test_an_expired_trigger_is_answered_with_a_request_to_click_again(env: SlackEnv) -> None:
    await env.request_approval()
    ada = env.person("ada")
    env.slack.fault("views.open", "error", code="expired_trigger_id")
    expect_ok(await ada.click("Edit"))
    await env.finish_background_work()
    assert "click again" in ephemeral_texts(env.slack, ada)[-1]


async def test_an_unexpected_error_is_answered_with_an_incident_and_decides_nothing(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada = env.person("ada")

    async def raise_error(*_: object, **__: object) -> None:
        raise RuntimeError("broke")

    decide = env.engine.decide
    env.engine.decide = raise_error  # type: ignore[method-assign,assignment]

    expect_ok(await ada.click("Approve"))
    await env.finish_background_work()
    assert "(incident " in ephemeral_texts(env.slack, ada)[-1]
    env.engine.decide = decide  # type: ignore[method-assign]

    expect_ok(await ada.click("Approve"))
    assert await env.state(run) is RequestState.APPROVED


DECLARED = """\
name: pay
title: Pay
inputs:
  amount: {type: money, currency: EUR, max: 500, label: Amount}
  size: {type: choice, options: [small, large], label: Size}
  note: {type: text, max_length: 20, label: Note, required: false}
steps:
  - id: plan
    uses: set
    with: {body: {size: "{{ inputs.size }}"}, amount: "{{ inputs.amount }}", note: "{{ inputs.note }}"}
    gate: {title: "Pay {{ inputs.amount }}?", approvers: [ada@example.com]}
"""


async def test_an_edit_is_held_to_the_declaration_of_the_input_and_has_its_control(env: SlackEnv) -> None:
    run = await env.request_approval(DECLARED, amount={"amount": "400", "currency": "EUR"}, size="small")
    ada = env.person("ada")
    assert "Amount" in words(copy_of(ada, "Pay 400.00 EUR?"))
    expect_ok(await ada.click("Edit"))
    await env.slack.until(lambda: ada.modal)
    assert ada.modal is not None
    inputs = {block["label"]["text"]: block["element"] for block in ada.modal["blocks"] if block["type"] == "input"}
    assert inputs["Size"]["type"] == "radio_buttons"
    assert inputs["Amount (EUR)"]["max_value"] == "500"
    assert inputs["Note"]["max_length"] == 20
    expect_ok(await ada.submit({"Amount (EUR)": "1.234"}))
    assert ada.modal is not None
    (error,) = ada.modal["errors"].values()
    assert error == "Amount must have at most 2 decimals in EUR; write 1234 EUR if you mean that."
    assert await env.state(run) is RequestState.PENDING
    expect_ok(await ada.submit({"Amount (EUR)": "12.50", "Size": "large"}))
    await env.settle()
    decision = (await env.request(run)).decision
    assert decision is not None
    assert {edit.path: edit.after for edit in decision.edits} == {
        ("amount",): {"amount": "12.50", "currency": "EUR"},
        ("body", "size"): "large",
    }
