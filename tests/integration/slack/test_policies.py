"""Requests that several people approve, in Slack: what each of them sees, and which buttons are left."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bot.devtools.sandbox.server import SimulatedPerson
from bot.devtools.sandbox.world import User
from engine.domain import RequestState, RunStatus
from tests.support.slack_env import SlackEnv, copy_of, ephemeral_texts, expect_ok, words
from tests.support.slack_env import buttons as all_buttons

Three = tuple[SimulatedPerson, SimulatedPerson, SimulatedPerson]

GATE = """\
name: refund
title: Refund
owner: USER
inputs:
  amount: {type: number, default: 120}
steps:
  - id: pay
    uses: played
    with: {text: "Pay {{ inputs.amount }} EUR", again: true}
    gate:
      title: "Refund {{ inputs.amount }} EUR?"
      edit: [text]
      KEYS
"""
TWO_OF_THREE = "approvers: [ada@example.com, ben@example.com, dana@example.com]\n      policy: {quorum: 2}"
CHAIN = "policy: {chain: [[ada@example.com, ben@example.com], [dana@example.com]]}"
LIVE = ["Approve", "Edit", "Reject"]


@pytest.fixture
def transport() -> str:
    return "http"


@pytest.fixture
async def people(env: SlackEnv) -> Three:
    """Return three approvers; Dana is new in the workspace."""
    world = env.slack.world
    dana = User(id=world.new_id("U"), name="dana", real_name="Dana Approver", email="dana@example.com")
    world.users[dana.id] = dana
    return env.person("ada"), env.person("ben"), env.person("dana")


def gate(keys: str, owner: str = "cleo@example.com") -> str:
    return GATE.replace("USER", owner).replace("KEYS", keys)


def buttons(message: Any) -> list[str]:
    """Return the buttons that decide."""
    return [label for label in all_buttons(message) if label in LIVE]


def said(message: Any) -> str:
    """Return the text of a message or modal, with DATE for each date."""
    return plain(words(message["blocks"]))


def plain(text: str) -> str:
    dated = re.sub(r"<!date[^>]*>|\{date_short_pretty\} at \{time\} [^|]*? UTC", "DATE", text)
    return " ".join(dated.split()).replace("DATE .", "DATE.")


def alerts(person: SimulatedPerson) -> list[dict[str, Any]]:
    return [message for message in person.sees() if "changed what you approved" in message["text"]]


async def answer(env: SlackEnv, person: SimulatedPerson) -> str:
    """Return the latest answer that only this person sees."""
    await env.finish_background_work()
    return plain(ephemeral_texts(env.slack, person)[-1])


async def open_modal(env: SlackEnv, person: SimulatedPerson, button: str, **on: Any) -> None:
    expect_ok(await person.click(button, **on))
    await env.slack.until(lambda: person.modal)


# -- a quorum, all --------------------------------------------------------------------------------------------


async def test_a_quorum_closes_with_its_second_approval_and_all_see_how_far_it_is(env: SlackEnv, people: Three) -> None:
    ada, ben, dana = people
    run = await env.request_approval(gate(TWO_OF_THREE))
    assert "Cleo Builder asks. 2 of 3 have to approve." in said(copy_of(ada))
    expect_ok(await ada.click("Approve"))
    assert await env.state(run) is RequestState.PENDING
    await env.finish_background_work()
    # Her own copy changes at once, those of the others when the outbox gets to them.
    progress = "You approved this, DATE 1 of 2 approvals so far. Waiting for Ben Approver or Dana Approver."
    assert progress in said(copy_of(ada))
    assert buttons(copy_of(ada)) == ["Reject"]
    assert buttons(copy_of(ben)) == LIVE
    await env.settle()
    assert progress in said(copy_of(ada))
    assert "1 of 2: Ada Approver approved, DATE Waiting for you or Dana Approver." in said(copy_of(ben))
    assert "Waiting for you or Ben Approver." in copy_of(dana)["text"]
    assert [buttons(copy_of(person)) for person in people] == [["Reject"], LIVE, LIVE]
    env.pass_time(minutes=5)
    expect_ok(await dana.click("Approve"))
    await env.settle()
    for person in people:
        assert "Approved by Ada Approver and Dana Approver" in said(copy_of(person))
        assert buttons(copy_of(person)) == []
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert "Approved by Ada Approver and Dana Approver" in said(env.person("cleo").sees("general")[-1])


async def test_all_have_to_approve_and_one_who_has_approved_can_still_reject(env: SlackEnv, people: Three) -> None:
    ada, ben, _ = people
    run = await env.request_approval(gate("approvers: [ada@example.com, ben@example.com]\n      policy: all"))
    assert "Both have to approve." in said(copy_of(ada))
    expect_ok(await ada.click("Approve"))
    await env.settle()
    assert "1 of 2: Ada Approver approved, DATE Waiting for you." in said(copy_of(ben))
    await open_modal(env, ada, "Reject")
    expect_ok(await ada.submit({"Reason": "It is paid already."}))
    await env.settle()
    assert await env.state(run) is RequestState.REJECTED
    assert "Rejected by Ada Approver" in said(copy_of(ben))


async def test_a_second_approval_by_the_same_person_is_answered_with_who_is_missing(
    env: SlackEnv, people: Three
) -> None:
    ada, *_ = people
    await env.request_approval(gate(TWO_OF_THREE))
    outdated = copy_of(ada)
    await ada.click("Approve", on=outdated)
    await env.settle()
    expect_ok(await ada.click("Approve", on=outdated, stale=True))
    assert await answer(env, ada) == "You already approved this, DATE. Waiting for Ben Approver or Dana Approver."


async def test_a_slow_update_of_a_clicked_copy_does_not_hide_the_outcome(env: SlackEnv, people: Three) -> None:
    ada, ben, _ = people
    run = await env.request_approval(gate(TWO_OF_THREE))
    env.slack.fault("response_url", "slow", seconds=2)
    expect_ok(await ada.click("Approve"))
    # The state after her approval is under way to her copy. Meanwhile the request is approved.
    await env.slack.until(lambda: not env.slack.faults.queue)
    env.pass_time(seconds=1)
    expect_ok(await ben.click("Approve"))
    for delivery in await env.engine.deliveries(run=run):
        await env.bot.relay.deliver(delivery.id)
    assert "Approved by Ada Approver and Ben Approver" in said(copy_of(ada))
    env.slack.time.advance(2)
    await env.finish_background_work()
    assert "Approved by Ada Approver and Ben Approver" in said(copy_of(ada))
    assert buttons(copy_of(ada)) == []


async def test_an_approval_in_a_list_is_answered_with_a_receipt_and_leaves_the_list(
    env: SlackEnv, people: Three
) -> None:
    ada, ben, _ = people
    await env.request_approval(gate(TWO_OF_THREE))
    await ada.command("/signoff pending")
    await env.finish_background_work()
    await open_modal(env, ada, "Review")
    expect_ok(await ada.click("Approve"))
    await env.settle()
    assert "Your approval was saved: 1 of 2. Waiting for Ben Approver or Dana Approver." in said(ada.modal)
    await ada.close(everything=True)
    for person, rows in ((ada, "No request is waiting for you."), (ben, "1 request is waiting for you")):
        expect_ok(await person.command("/signoff pending"))
        assert rows in await answer(env, person)
        person.open_home()
        await env.finish_background_work()
        assert rows.rstrip(".") in said(person.home)
    assert "1 of 2 approvals" in said(ben.home)


async def test_the_details_say_the_policy_who_approved_and_who_is_asked(env: SlackEnv, people: Three) -> None:
    ada, ben, _ = people
    await env.request_approval(gate(TWO_OF_THREE.replace("[ada", "[cleo@example.com, ada")))
    expect_ok(await ada.click("Approve"))
    await env.settle()
    await open_modal(env, ben, "Details")
    details = said(ben.modal)
    assert "Approvals 2 of 3 have to approve." in details
    assert "Approved by Ada Approver, DATE" in details
    assert "Who can decide Ben Approver, Dana Approver" in details
    assert "Not asked Cleo Builder, who started this" in details
    assert buttons(ben.modal) == LIVE


async def test_the_reasons_of_earlier_approvals_are_in_the_details(env: SlackEnv, people: Three) -> None:
    ada, ben, dana = people
    await env.request_approval(gate(f"{TWO_OF_THREE}\n      reason_required: always"))
    await open_modal(env, ada, "Approve")
    expect_ok(await ada.submit({"Reason": "As agreed\u202e\nDana Approver: fine"}))
    await env.settle()
    await open_modal(env, ben, "Details")
    reason = "Reasons Ada Approver: As agreed⟦U+202E⟧ Dana Approver: fine"
    assert reason in said(ben.modal)
    await ben.close(everything=True)
    env.pass_time(minutes=5)
    await open_modal(env, ben, "Approve")
    expect_ok(await ben.submit({"Reason": "Same here"}))
    await env.settle()
    await open_modal(env, dana, "Details")
    assert said(dana.modal).count("Same here") == 1
    assert reason in said(dana.modal)


# -- a chain --------------------------------------------------------------------------------------------------


async def test_a_chain_asks_the_next_group_and_the_first_one_has_no_live_buttons(env: SlackEnv, people: Three) -> None:
    ada, ben, dana = people
    run = await env.request_approval(gate(CHAIN))
    assert "First you or Ben Approver, then Dana Approver." in said(copy_of(ada))
    assert dana.sees() == []
    outdated = copy_of(ben)
    expect_ok(await ada.click("Approve"))
    await env.settle()
    assert "1 of 2: Ada Approver approved, DATE Waiting for you." in said(copy_of(dana))
    assert [buttons(copy_of(person)) for person in people] == [["Reject"], [], LIVE]
    assert "Waiting for Dana Approver. You don't need to do anything." in said(copy_of(ben))
    expect_ok(await ben.click("Approve", on=outdated, stale=True))
    assert await answer(env, ben) == (
        "Ada Approver already approved this, so you don't need to. Waiting for Dana Approver."
    )
    env.pass_time(minutes=5)
    expect_ok(await dana.click("Approve"))
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED
    assert "Approved by Ada Approver and Dana Approver" in said(copy_of(ben))


# -- edits ----------------------------------------------------------------------------------------------------


async def test_an_edit_voids_an_approval_and_tells_who_gave_it(env: SlackEnv, people: Three) -> None:
    ada, ben, dana = people
    await env.request_approval(gate(TWO_OF_THREE))
    expect_ok(await ada.click("Approve"))
    await env.settle()
    await open_modal(env, ben, "Edit")
    expect_ok(await ben.submit({"Text": "Pay 99 EUR"}))
    await env.settle()
    assert "Text Pay 120 EUR → Pay 99 EUR" in said(copy_of(dana))
    assert "Ben Approver changed “Text”, DATE" in said(copy_of(dana))
    assert "1 of 2: Ben Approver approved, DATE" in said(copy_of(dana))
    assert buttons(copy_of(ada)) == LIVE
    (alert,) = alerts(ada)
    assert alert["text"].split("\n")[0] == "Ben Approver changed what you approved: Refund 120 EUR?"
    assert "Your approval does not count for the new version. Look at what changed, then decide again." in said(alert)
    assert "Text Pay 120 EUR → Pay 99 EUR" in said(alert)
    assert "Pass on" not in words(alert["blocks"])
    assert "Review" in words(alert["blocks"])
    await open_modal(env, ada, "Review", on=alert)
    assert "Text Pay 120 EUR → Pay 99 EUR" in said(ada.modal)
    env.pass_time(minutes=5)
    expect_ok(await ada.click("Approve"))
    await env.settle()
    assert "Approved with edits by Ben Approver and Ada Approver" in copy_of(dana)["text"]
    assert "Approved with edits by Ben Approver and Ada Approver, DATE" in said(copy_of(dana))
    first, *_ = ada.sees()[-1]["text"].split("\n")
    assert first == "Approved with edits by Ben Approver and Ada Approver: Refund 120 EUR?"
    assert [params.text for params, _ in env.bot.step.calls] == ["Pay 99 EUR"]


async def test_an_alert_about_a_change_says_that_the_new_version_was_approved(env: SlackEnv, people: Three) -> None:
    ada, ben, dana = people
    await env.request_approval(gate(TWO_OF_THREE.replace("2}", "3}")))
    expect_ok(await ada.click("Approve"))
    await env.settle()
    await open_modal(env, ben, "Edit")
    expect_ok(await ben.submit({"Text": "Pay 99 EUR"}))
    await env.settle()
    env.pass_time(minutes=5)
    expect_ok(await ada.click("Approve", on=copy_of(ada)))
    await env.settle()
    alert, copy = ada.sees()[-1], ada.sees()[-2]
    assert said(alert).startswith("✓ You approved the new version, DATE Refund 120 EUR? · Text")
    assert "2 of 3: Ben Approver and Ada Approver approved, last DATE Waiting for you." in said(copy_of(dana))
    assert "2 of 3: Ben Approver approved too. Waiting for Dana Approver." in said(copy)


async def test_a_form_opened_before_an_edit_shows_what_changed_and_keeps_what_was_typed(
    env: SlackEnv, people: Three
) -> None:
    ada, ben, _ = people
    source = gate(TWO_OF_THREE).replace('with: {text: "Pay', 'with: {headers: {note: "none"}, text: "Pay')
    run = await env.request_approval(source.replace("edit: [text]", "edit: [text, headers.note]"))
    await open_modal(env, ada, "Edit")
    await open_modal(env, ben, "Edit")
    expect_ok(await ben.submit({"Text": "Pay 99 EUR"}))
    expect_ok(await ada.submit({"Note": "of March"}))
    assert "Ben Approver changed this after you opened the form, so nothing was decided." in said(ada.modal)
    assert "Text Pay 120 EUR → Pay 99 EUR" in said(ada.modal)
    assert [vote.person.label for vote in (await env.request(run)).model.votes] == ["Ben Approver"]
    # Her own change is still in the form, and his is not undone by it.
    expect_ok(await ada.submit())
    content = (await env.request(run)).model.content.value
    assert content == {**content, "text": "Pay 99 EUR", "headers": {"note": "of March"}}
    await env.settle()
    assert len(alerts(ben)) == 1


async def test_a_reason_typed_before_an_edit_survives_it(env: SlackEnv, people: Three) -> None:
    ada, ben, _ = people
    run = await env.request_approval(gate(TWO_OF_THREE))
    await open_modal(env, ada, "Reject")
    await open_modal(env, ben, "Edit")
    expect_ok(await ben.submit({"Text": "Pay 99 EUR"}))
    expect_ok(await ada.submit({"Reason": "Too much."}))
    assert "Ben Approver changed this after you opened the form" in said(ada.modal)
    assert await env.state(run) is RequestState.PENDING
    expect_ok(await ada.submit())
    request = await env.request(run)
    assert request.decision is not None
    assert request.decision.reason == "Too much."


async def test_a_click_on_a_copy_from_before_an_edit_decides_nothing(env: SlackEnv, people: Three) -> None:
    ada, ben, _ = people
    run = await env.request_approval(gate(TWO_OF_THREE))
    outdated = copy_of(ada)
    await open_modal(env, ben, "Edit")
    expect_ok(await ben.submit({"Text": "Pay 99 EUR"}))
    expect_ok(await ada.click("Approve", on=outdated))
    assert "This request has changed since you opened it." in await answer(env, ada)
    await env.settle()
    assert "Pay 120 EUR → Pay 99 EUR" in said(copy_of(ada))
    assert await env.state(run) is RequestState.PENDING


# -- separation of duties -------------------------------------------------------------------------------------


async def test_an_editor_who_is_excluded_leaves_the_approval_to_another_person(env: SlackEnv, people: Three) -> None:
    ada, ben, _ = people
    run = await env.request_approval(gate("approvers: [ada@example.com, ben@example.com]\n      exclude: [editor]"))
    outdated = copy_of(ada)
    await open_modal(env, ada, "Edit")
    expect_ok(await ada.submit({"Text": "Pay 99 EUR"}))
    await env.finish_background_work()
    sentence = "You changed this, so another person has to approve it. Waiting for Ben Approver."
    assert sentence in said(copy_of(ada))
    await env.settle()
    assert buttons(copy_of(ada)) == ["Reject"]
    assert "Text Pay 120 EUR → Pay 99 EUR" in said(copy_of(ben))
    await open_modal(env, ada, "Details")
    assert sentence in said(ada.modal)
    assert buttons(ada.modal) == ["Reject"]
    expect_ok(await ada.click("Approve", on=outdated, stale=True))
    expect_ok(await ben.click("Approve"))
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED
    assert [params.text for params, _ in env.bot.step.calls] == ["Pay 99 EUR"]


async def test_the_card_of_the_requester_says_that_they_started_it(env: SlackEnv) -> None:
    ada = env.person("ada")
    source = gate("approvers: [ada@example.com]", owner="ada@example.com")
    run = await env.request_approval(source.replace("edit: [text]", "reason_required: always"), by="ada")
    assert "You started this." in said(copy_of(ada))
    assert "You started this." in copy_of(ada)["text"]
    await open_modal(env, ada, "Details")
    assert "You started this." in said(ada.modal)
    await ada.close()
    await open_modal(env, ada, "Approve")
    expect_ok(await ada.submit({"Reason": "The owner is away."}))
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED
    assert "Approved by Ada Approver (the requester)" in said(copy_of(ada))


async def test_the_owner_reads_that_no_one_can_approve(env: SlackEnv) -> None:
    ada = env.person("ada")
    keys = "approvers: [ada@example.com]\n      exclude: [requester]"
    await env.request_approval(gate(keys, owner="ada@example.com"), by="ada")
    (alert,) = [message for message in ada.sees() if "No one can" in words(message["blocks"])]
    assert alert["text"].split("\n")[0] == "No one can approve “Refund 120 EUR?”"
    assert "None of the people who were asked may approve it." in alert["text"]


# -- forms ----------------------------------------------------------------------------------------------------

FORM = """\
name: account
title: Account
owner: cleo@example.com
steps:
  - id: details
    uses: form
    title: Which account?
    fields:
      account: {type: text, label: Account}
      limit: {type: integer, label: Limit, default: 3}
    KEYS
  - id: done
    uses: set
    with: {text: "{{ steps.details.account }}/{{ steps.details.limit }}"}
"""
FORM_OF_TWO = FORM.replace("KEYS", TWO_OF_THREE.replace("\n      ", "\n    "))


def form_buttons(person: SimulatedPerson) -> list[str]:
    return [label for label in all_buttons(copy_of(person, "Which account?")) if label in ("Fill in", "Reject")]


async def test_several_people_fill_in_a_form_and_the_last_values_count(env: SlackEnv, people: Three) -> None:
    ada, ben, dana = people
    run = await env.request_approval(FORM_OF_TWO)
    for person, values in ((ada, {"Account": "12"}), (ben, {"Account": "34", "Limit": "5"})):
        await open_modal(env, person, "Fill in")
        expect_ok(await person.submit(values))
        await env.settle()
        env.pass_time(minutes=5)
    # Ben saw what Ada had filled in, and changed it: she is asked again.
    assert form_buttons(ada) == ["Fill in", "Reject"]
    assert form_buttons(ben) == ["Reject"]
    assert "1 of 2: Ben Approver approved, DATE" in said(copy_of(ada, "Which account?"))
    assert "Account 34" in said(copy_of(ada, "Which account?"))
    await open_modal(env, dana, "Fill in")
    assert "34" in str(dana.modal)
    expect_ok(await dana.submit())
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED
    assert "Filled in by Ben Approver and Dana Approver" in said(copy_of(ada, "Which account?"))
    assert (await env.view(run)).steps[1].output == {"text": "34/5"}


async def test_a_form_that_two_have_open_at_once_keeps_both_answers(env: SlackEnv, people: Three) -> None:
    ada, ben, _ = people
    run = await env.request_approval(FORM_OF_TWO)
    await open_modal(env, ada, "Fill in")
    await open_modal(env, ben, "Fill in")
    expect_ok(await ada.submit({"Account": "12"}))
    expect_ok(await ben.submit({"Account": "34", "Limit": "5"}))
    assert "Ada Approver changed this after you opened the form, so nothing was decided." in said(ben.modal)
    assert (await env.request(run)).model.content.value["account"] == "12"
    expect_ok(await ben.submit())
    model = (await env.request(run)).model
    assert model.content.value == {"account": "34", "limit": 5}
    assert [vote.person.label for vote in model.votes] == ["Ben Approver"]
