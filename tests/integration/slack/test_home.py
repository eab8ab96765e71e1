"""App Home over signed deliveries: its parts, its pages and filter, decisions in it, and several at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.devtools.sandbox.server import SimulatedPerson
from bot.slack import home_filter_modal, home_view, ids
from bot.slack.rate_limit import RateLimiter
from engine.domain import Address, RequestState
from engine.errors import StepError
from engine.inbox import InboxPart
from engine.store.port import Tx
from tests.support import slack_rules
from tests.support.slack_env import SlackEnv, buttons, copy_of, expect_ok, open_slack, words

AUDITORS = frozenset({Address("email", "ben@example.com")})
MOST = home_view.ROWS[InboxPart.NEEDS_YOU]
WORKFLOW = """\
name: {name}
title: {name}
inputs:
  amount: {{type: number, default: 120}}
  order: {{type: text, default: A-1}}
steps:
  - id: pay
    uses: played
    with: {{text: "Order {{{{ inputs.order }}}}", again: true}}
    gate: {{title: "Pay {{{{ inputs.amount }}}} EUR?", approvers: [ada@example.com], {keys}}}
"""


@pytest.fixture
async def env(tmp_path: Path, empty_database: bytes) -> AsyncIterator[SlackEnv]:
    path = tmp_path / "signoff.db"
    path.write_bytes(empty_database)
    path.chmod(0o600)
    async with open_slack(path, "http", limiter=RateLimiter(multiplier=1000), auditors=AUDITORS) as env:
        env.slack.rates.configure(multiplier=1000)
        yield env


def workflow(name: str = "pay", keys: str = "reason_required: reject") -> str:
    return WORKFLOW.format(name=name, keys=keys)


async def start(env: SlackEnv, *amounts: int, name: str = "pay", keys: str = "reason_required: reject") -> list[str]:
    """Start a run for each amount, a second after the one before it."""
    await env.register(workflow(name, keys))
    runs = []
    for amount in amounts:
        env.pass_time(seconds=1)
        runs.append(await env.start(name, amount=amount, order=f"A-{amount}"))
    await env.settle()
    return runs


async def open_home(env: SlackEnv, name: str = "ada") -> SimulatedPerson:
    person, before = env.person(name), published(env)
    person.open_home()
    await env.slack.until(lambda: published(env) > before)
    await env.settle()
    return person


def published(env: SlackEnv) -> int:
    return sum(call.method == "views.publish" and call.outcome == "ok" for call in env.slack.slack.calls)


async def press(env: SlackEnv, person: SimulatedPerson, button: Any) -> str:
    """Press a button of the Home tab, and return what the tab says then."""
    expect_ok(await person.click(button, on="home"))
    await env.settle()
    return home(person)


def home(person: SimulatedPerson) -> str:
    assert person.home is not None
    assert slack_rules.problems_of_view(sent(person.home)) == []
    return words(person.home["blocks"])


def sent(view: dict[str, Any]) -> dict[str, Any]:
    return {key: view[key] for key in ("type", "callback_id", "private_metadata", "blocks")}


def rows(person: SimulatedPerson) -> list[str]:
    """Return the questions of the requests in the tab."""
    assert person.home is not None
    listed = [block for block in person.home["blocks"] if block.get("block_id", "").startswith("request:")]
    return [words(block).partition("?")[0] for block in listed]


async def test_the_request_with_the_nearest_deadline_is_first_with_what_is_at_stake(env: SlackEnv) -> None:
    await start(env, 1, name="later", keys="expires: 9d")
    await start(env, 2, name="never")
    await start(env, 3, name="sooner", keys="expires: 2d")
    ada = await open_home(env)
    assert rows(ada) == ["Pay 3 EUR", "Pay 1 EUR", "Pay 2 EUR"]
    assert "3 requests are waiting for you" in home(ada)
    assert "Needs you (3)" in home(ada)
    assert "Text: Order A-3" in home(ada)
    assert "Cleo" in home(ada)


async def test_a_request_is_approved_in_its_row_and_the_next_one_moves_up(env: SlackEnv) -> None:
    first, second = await start(env, 80, 90)
    ada = await open_home(env)
    said = await press(env, ada, "Approve")
    assert await env.state(first) is RequestState.APPROVED
    assert "Pay 80 EUR? You approved this, " in said
    assert rows(ada) == ["Pay 90 EUR"]
    assert ada.modal is None
    assert await env.state(second) is RequestState.PENDING


async def test_a_rejection_asks_for_its_reason_and_the_tab_says_what_was_done(env: SlackEnv) -> None:
    run, _ = await start(env, 80, 90)
    ada = await open_home(env)
    await press(env, ada, "Reject")
    expect_ok(await ada.submit({"Reason": "Twice."}))
    await env.settle()
    assert ada.modal is None
    assert await env.state(run) is RequestState.REJECTED
    assert "Pay 80 EUR? You rejected this, " in home(ada)
    assert rows(ada) == ["Pay 90 EUR"]


async def test_what_was_decided_elsewhere_is_refused_in_the_tab(env: SlackEnv) -> None:
    await env.request_approval()
    ada, ben = await open_home(env), env.person("ben")
    env.slack.fault("views.publish", "error", code="internal_error", times=50)
    expect_ok(await ben.click("Approve", on=copy_of(ben)))
    await env.settle()
    env.slack.faults.queue.clear()
    assert rows(ada) == ["Refund 120 EUR"], "the tab could not be published"
    await press(env, ada, "Approve")
    assert "” was not decided. Ben Approver already approved this request, " in home(ada)


async def test_what_cannot_be_undone_is_approved_only_below_all_of_it(env: SlackEnv) -> None:
    (run,) = await start(env, 80, keys="irreversible: true")
    await start(env, 90, name="other")
    ada = await open_home(env)
    assert ada.home is not None
    labels = [buttons({"blocks": [block]}) for block in ada.home["blocks"] if block["block_id"].startswith("decide:")]
    assert labels == [["Reject", "Review"], ["Approve", "Reject", "Review"]]
    assert home(ada).count("Review it before you approve it: what follows cannot be undone") == 1
    await press(env, ada, "Review")
    assert "Again" in words(ada.modal), "every value, also those that the row leaves out"
    assert await env.state(run) is RequestState.PENDING
    expect_ok(await ada.click("Approve"))
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED


async def test_a_gate_that_always_wants_a_reason_asks_for_it(env: SlackEnv) -> None:
    (run,) = await start(env, 80, keys="reason_required: always")
    ada = await open_home(env)
    await press(env, ada, "Approve")
    expect_ok(await ada.submit({"Reason": "Agreed."}))
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED
    assert "You approved this" in home(ada)


async def test_each_part_shows_its_requests(env: SlackEnv) -> None:
    runs = await start(env, 80, 90)
    ada = await open_home(env)
    await press(env, ada, "Approve")
    assert "Approved" in await press(env, ada, "Decided by you")
    assert rows(ada) == ["Pay 80 EUR"]
    assert "Nothing that you started or approved" in await press(env, ada, "Waiting for others")
    cleo = await open_home(env, "cleo")
    await press(env, cleo, "Waiting for others")
    assert rows(cleo) == ["Pay 90 EUR"]
    assert "· Waiting for Ada Approver" in home(cleo)
    said = await press(env, cleo, "Everything")
    assert rows(cleo) == ["Pay 90 EUR", "Pay 80 EUR"]
    assert "Your latest runs" in said
    assert len(runs) == 2
    assert "Everything" not in home(ada), "they started and own nothing"


async def test_an_auditor_who_did_nothing_yet_sees_everything_and_decides_nothing(env: SlackEnv) -> None:
    await start(env, 80, 90)
    ben = await open_home(env, "ben")
    said = await press(env, ben, "Everything")
    assert rows(ben) == ["Pay 90 EUR", "Pay 80 EUR"]
    assert "All requests of all people." in said
    assert "pay, started by Cleo Builder" in said, "the runs of all people"
    assert not {"Approve", "Reject", "Decide several"} & set(buttons(ben.home or {}))


async def test_an_auditor_whom_slack_did_not_name_at_first_sees_everything_soon(env: SlackEnv) -> None:
    await start(env, 80)
    env.slack.fault("users.info", "error", code="internal_error", times=2)
    ben = await open_home(env, "ben")
    await env.slack.until(lambda: "Everything" in buttons(ben.home or {}))
    await press(env, ben, "Everything")
    assert rows(ben) == ["Pay 80 EUR"]


async def test_pages_are_turned_and_no_request_is_skipped(env: SlackEnv) -> None:
    amounts = list(range(100, 100 + 2 * MOST + 3))
    await start(env, *amounts)
    ada = await open_home(env)
    seen = [rows(ada)]
    for _ in range(2):
        await press(env, ada, "Show more")
        seen.append(rows(ada))
    assert [row for page in seen for row in page] == [f"Pay {amount} EUR" for amount in amounts]
    assert "Show more" not in home(ada)
    await press(env, ada, "Back")
    assert rows(ada) == seen[1]
    await press(env, ada, "Approve")
    assert rows(ada)[0] == seen[1][1], "the page stays where it was"


async def test_the_filter_is_set_in_a_form_kept_and_cleared(env: SlackEnv) -> None:
    await start(env, 80, 90)
    await start(env, 70, name="travel")
    cleo = await open_home(env, "cleo")
    await press(env, cleo, "Everything")
    await press(env, cleo, "Filter")
    expect_ok(await cleo.submit({"Workflow": "pay", "Search": "A-90"}))
    await env.settle()
    assert rows(cleo) == ["Pay 90 EUR"]
    assert "Only requests of “pay” that contain “A-90”." in home(cleo)
    again = await open_home(env, "cleo")
    assert rows(again) == ["Pay 90 EUR"], "opening the tab again keeps the filter"
    await press(env, cleo, "Filter")
    expect_ok(await cleo.submit({"Status": "Rejected", "Search": "", "Workflow": None}))
    await env.settle()
    assert "No request matches." in home(cleo)
    assert len(rows(cleo)) == 0
    await press(env, cleo, "Show all")
    assert rows(cleo) == ["Pay 70 EUR", "Pay 90 EUR", "Pay 80 EUR"]


async def test_the_form_offers_the_workflows_of_ones_own_requests_alone(env: SlackEnv) -> None:
    await start(env, 80)
    await start(env, 70, name="travel")
    await env.register(workflow("secret").replace("ada@example.com", "ben@example.com"))
    await env.start("secret")
    await env.settle()
    ada = await open_home(env)
    await press(env, ada, "Filter")
    assert ada.modal is not None
    (chosen,) = [block for block in ada.modal["blocks"] if block["block_id"] == home_filter_modal.WORKFLOW]
    assert [option["text"]["text"] for option in chosen["element"]["options"]] == ["pay", "travel"]
    expect_ok(await ada.submit({"Workflow": "travel"}))
    await env.settle()
    assert rows(ada) == ["Pay 70 EUR"]


async def test_the_filter_by_person_and_day(env: SlackEnv) -> None:
    await start(env, 80, 90)
    ada = await open_home(env)
    await press(env, ada, "Approve")
    cleo = await open_home(env, "cleo")
    await press(env, cleo, "Everything")
    today = env.clock.now().date().isoformat()
    await press(env, cleo, "Filter")
    expect_ok(await cleo.submit({"Person": ada.id, "Asked since": today, "Asked until": today}))
    await env.settle()
    assert rows(cleo) == ["Pay 80 EUR"]
    assert "Only requests that were started or decided by Ada Approver and were asked on" in home(cleo)
    await press(env, cleo, "Filter")
    refused = await cleo.submit({"Asked since": today, "Asked until": "2026-01-01"})
    assert "The last day is before the first one." in str(refused)
    await cleo.close()
    await press(env, cleo, "Filter")
    expect_ok(await cleo.submit({"Person": env.person("ben").id}))
    await env.settle()
    assert rows(cleo) == []


# -- several ------------------------------------------------------------------------------------------------


def choose_all(person: SimulatedPerson) -> dict[str, list[str]]:
    """Return the value that chooses every request of the form."""
    assert person.modal is not None
    return {
        block["block_id"]: [option["value"] for option in block["element"]["options"]]
        for block in person.modal["blocks"]
        if block["block_id"].startswith("group:")
    }


async def test_of_50_decided_together_5_that_changed_meanwhile_are_left_out_and_named(env: SlackEnv) -> None:
    runs = await start(env, *range(100, 151))
    ada = await open_home(env)
    await press(env, ada, "Decide several")
    chosen = choose_all(ada)
    assert [len(group) for group in chosen.values()] == [10] * 5
    stale = runs[3:8]
    for run in stale:
        expect_ok(await env.person("cleo").command(f"/signoff cancel {run}"))
    await env.settle()
    expect_ok(await ada.submit({**chosen, "What do you decide?": "Approve"}))
    await env.settle()
    said = words(ada.modal)
    assert "45 approved. 5 were left out." in said
    left_out = said.partition(" Approved ")[0]
    assert [amount for amount in range(100, 151) if f"Pay {amount} EUR?" in left_out] == [103, 104, 105, 106, 107]
    assert "cancelled" in left_out
    states = [await env.state(run) for run in runs]
    assert states.count(RequestState.APPROVED) == 45
    assert {await env.state(run) for run in stale} == {RequestState.CANCELLED}
    assert rows(ada) == ["Pay 150 EUR"], "no more than 50 were offered"


async def test_what_was_changed_after_the_form_was_opened_is_left_out(env: SlackEnv) -> None:
    keys = "approvers: [ada@example.com, ben@example.com], exclude: [editor], edit: [text]"
    source = WORKFLOW.replace("approvers: [ada@example.com], {keys}", "{keys}").format(name="edited", keys=keys)
    await env.register(source)
    run, other = await env.start("edited", amount=80), await env.start("edited", amount=90)
    await env.settle()
    ada, ben = await open_home(env), env.person("ben")
    await press(env, ada, "Decide several")
    chosen = choose_all(ada)
    expect_ok(await ben.click("Edit", on=copy_of(ben, "Pay 80 EUR?")))
    await env.slack.until(lambda: ben.modal)
    expect_ok(await ben.submit({"Text": "Order B"}))
    await env.settle()
    expect_ok(await ada.submit({**chosen, "What do you decide?": "Approve"}))
    await env.settle()
    assert "1 approved. 1 was left out." in words(ada.modal)
    assert await env.state(run) is RequestState.PENDING, "they did not see the new content"
    assert await env.state(other) is RequestState.APPROVED


async def test_what_has_to_be_decided_alone_is_not_offered_and_named_with_the_reason(env: SlackEnv) -> None:
    await start(env, 80, 90)
    await start(env, 70, name="wire", keys="irreversible: true")
    await start(env, 60, name="single", keys="batch: false")
    ada = await open_home(env)
    said = await press(env, ada, "Decide several")
    assert said
    assert sum(map(len, choose_all(ada).values())) == 2
    form = words(ada.modal)
    assert "Pay 70 EUR? What follows cannot be undone." in form
    assert "Pay 60 EUR? Its workflow does not allow several at once." in form


async def test_nothing_is_decided_without_a_choice_or_a_reason_that_is_needed(env: SlackEnv) -> None:
    runs = await start(env, 80, 90)
    ada = await open_home(env)
    await press(env, ada, "Decide several")
    chosen = choose_all(ada)
    ack = await ada.submit({"What do you decide?": "Reject"})
    assert ack.body["errors"] == {"group:0": "Choose at least one request."}
    ack = await ada.submit({**chosen, "What do you decide?": "Reject"})
    assert "A reason is needed for “Pay 80 EUR?" in ack.body["errors"][ids.REASON_BLOCK]
    assert [await env.state(run) for run in runs] == [RequestState.PENDING] * 2
    expect_ok(await ada.submit({"Reason": "Not this month."}))
    await env.settle()
    assert [await env.state(run) for run in runs] == [RequestState.REJECTED] * 2
    assert "2 rejected." in words(ada.modal)


# -- steps, absences ----------------------------------------------------------------------------------------


async def test_a_step_of_unknown_outcome_is_answered_in_the_tab_of_its_owner(env: SlackEnv) -> None:
    async def lost(*_: Any) -> dict[str, object]:
        raise StepError("No answer.", outcome_unknown=True)

    env.bot.step.play = lost
    source = workflow("pay").replace(", again: true", "")
    await env.register(source)
    run = await env.start("pay")
    await env.settle()
    ada = await open_home(env)
    await press(env, ada, "Approve")
    cleo = await open_home(env, "cleo")
    assert "Runs that need your answer" in home(cleo)
    assert "Needs you (1)" in home(cleo)
    assert "1 run is waiting for you" in home(cleo)
    said = await press(env, cleo, {"block_id": f"answer:{run}", "action_id": ids.RUN_STOP})
    assert "Runs that need your answer" not in said
    assert (await env.view(run)).status.ended


async def test_an_absence_is_set_and_ended_in_the_tab(env: SlackEnv) -> None:
    await start(env, 80)
    ada = await open_home(env)
    await press(env, ada, "Say when you're away")
    day = env.clock.now().date().replace(year=env.clock.now().year + 1).isoformat()
    expect_ok(await ada.submit({"Back on": day}))
    await env.settle()
    assert "You are away until " in home(ada)
    assert "You are back." in await press(env, ada, "I'm back")
    assert "You are away until " not in home(ada)


async def test_the_tab_opens_the_preferences(env: SlackEnv) -> None:
    await start(env, 80)
    ada = await open_home(env)
    await press(env, ada, "Preferences")
    assert ada.modal is not None
    assert ada.modal["callback_id"] == ids.PREFERENCES_MODAL


async def test_opening_the_tab_does_not_wait_behind_a_write(env: SlackEnv) -> None:
    await start(env, 80)
    ada = env.person("ada")
    writing, released = threading.Event(), threading.Event()

    def hold_commit(tx: Tx) -> None:
        writing.set()
        released.wait()

    holding = asyncio.ensure_future(env.bot.store.transact(hold_commit))
    try:
        await asyncio.to_thread(writing.wait)
        before = ada.home
        ada.open_home()
        await env.slack.until(lambda: ada.home is not None and ada.home != before)
    finally:
        released.set()
    assert "Pay 80 EUR?" in home(ada)
    await holding


async def test_the_home_of_a_builder_leads_to_a_new_workflow(env: SlackEnv) -> None:
    cleo, ada = await open_home(env, "cleo"), await open_home(env, "ada")
    assert "No request is waiting for you" in home(cleo)
    assert "The one that expires first" not in home(cleo)
    assert "No workflow is registered yet, so there is nothing to start." in home(cleo)
    assert "New workflow" not in home(ada)
    expect_ok(await cleo.click("New workflow", on="home"))
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.submit({"What is it for?": "Refund a customer"}))
    assert "Which address pays the refund?" in str(cleo.modal)


async def test_home_says_whose_runs_it_lists(env: SlackEnv) -> None:
    await env.register(workflow())
    await env.start("pay", by="ben", amount=100)
    await env.settle()
    assert "Latest runs: yours, and those of your workflows" in home(await open_home(env, "cleo"))
    assert "Your latest runs" in home(await open_home(env, "ben"))
