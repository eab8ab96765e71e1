"""Oversight in Slack, over signed HTTP and over a socket: plans, bad news, tests of attention, and the hurried line."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from engine.domain import RequestState
from engine.oversight.sampling_plan import PlanStage
from engine.store import sampling_plans, seeded_requests
from engine.store.port import Tx
from engine.store.sampling_plans import LoadedPlan
from engine.store.seeded_requests import Seeding
from tests.integration.slack.test_commands import answer_to
from tests.integration.slack.test_home import open_home
from tests.integration.slack.test_home import press as press_home
from tests.integration.slack.test_rights import join
from tests.support.slack_env import SlackEnv, buttons, copy_of, ephemeral_texts, expect_ok, is_copy, words

PLAN = """\
name: refund
title: Refund
owner: dana@example.com
inputs:
  amount: {type: number, default: 120}
steps:
  - id: pay
    uses: played
    with: {text: "Pay {{ inputs.amount }} EUR", again: true}
    gate:
      title: "Refund {{ inputs.amount }} EUR?"
      approvers: [ada@example.com, ben@example.com]
      edit: [text]
      autonomy: {clean: 3, sample: 10%, review_after: 50%, only_when: "{{ inputs.amount <= 200 }}"}
"""
PROPOSAL = "Review only 10% of “Pay” from now on?"
SEEDED = """\
name: refund
title: Refund
owner: dana@example.com
seeded: 1 in 50
inputs:
  amount: {type: money, default: {amount: "120.50", currency: EUR}}
steps:
  - id: pay
    uses: played
    with: {text: "hello"}
  - id: book
    title: Book the refund
    uses: set
    with: {amount: "{{ inputs.amount }}"}
    gate:
      title: "Refund {{ inputs.amount }}?"
      approvers: [ada@example.com, ben@example.com]
      edit: [amount]
"""
QUESTION = "Refund 120.50 EUR?"


@pytest.fixture(autouse=True)
def members(env: SlackEnv) -> None:
    """Let the owner be in Slack, and give the server the key of its draws."""
    join(env, "dana")
    env.engine.context.advancer.key = b"k" * 32


async def approve(env: SlackEnv) -> None:
    """Start a run, and approve it as Ada."""
    env.pass_time(seconds=1)
    await env.start()
    await env.settle()
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()


async def propose(env: SlackEnv) -> None:
    await env.register(PLAN)
    for _ in range(3):
        await approve(env)


async def plan_of(env: SlackEnv) -> LoadedPlan:
    def load(tx: Tx) -> LoadedPlan:
        found = tx.connection.execute(text("SELECT id FROM sampling_plan")).scalar_one()
        return sampling_plans.load(tx.connection, str(found))

    return await env.bot.store.transact(load)


def told(env: SlackEnv, name: str) -> str:
    """Return all that a person reads in the conversation with the app."""
    return words([message.get("blocks", []) for message in env.person(name).sees()])


# -- sampling plans -----------------------------------------------------------------------------------------


async def test_the_owner_agrees_to_a_share_in_slack_and_the_author_cannot(env: SlackEnv) -> None:
    await propose(env)
    dana, cleo = env.person("dana"), env.person("cleo")
    copy = copy_of(dana, PROPOSAL)
    assert "Signoff asks" in words(copy["blocks"])
    assert "goes through unreviewed and bad" in words(copy["blocks"])
    assert not any(is_copy(message, PROPOSAL) for name in ("ada", "ben", "cleo") for message in env.person(name).sees())
    await cleo.click("Review a share", on=copy)
    await env.settle()
    assert (await plan_of(env)).state.stage is PlanStage.ALL
    expect_ok(await dana.click("Review a share", on=copy))
    await env.settle()
    assert (await plan_of(env)).state.stage is PlanStage.SAMPLE
    assert buttons(copy_of(dana, PROPOSAL)) == ["Details"]
    listed = await answer_to(env, "dana", "/signoff runs")
    assert f"Answered · {PROPOSAL}" in listed
    assert "Change of how much is reviewed, started by Signoff" in listed


async def test_home_lists_the_runs_of_people_and_not_what_signoff_asks(env: SlackEnv) -> None:
    await propose(env)
    shown = await press_home(env, await open_home(env, "dana"), "Everything")
    listed = shown[shown.index("Latest runs: yours, and those of your workflows") :]
    assert listed.count("started by Cleo Builder") == 3
    assert "started by Signoff" not in listed


async def test_an_owner_who_wrote_the_file_cannot_agree(env: SlackEnv) -> None:
    """The admins are asked instead."""
    await env.register(PLAN.replace("owner: dana", "owner: cleo"))
    for _ in range(3):
        await approve(env)
    assert "You registered this version of the workflow, so you do not decide about it" in told(env, "cleo")
    assert "unreviewed and bad" not in told(env, "cleo")


async def test_bad_news_is_told_to_the_owner_who_agreed(env: SlackEnv) -> None:
    await env.register(PLAN.replace("sample: 10%", "sample: 90%"))
    for _ in range(3):
        await approve(env)
    dana, ada = env.person("dana"), env.person("ada")
    expect_ok(await dana.click("Review a share"))
    await env.settle()
    for _ in range(100):
        env.pass_time(seconds=1)
        run = await env.start()
        await env.settle()
        if await env.engine.requests_of_run(run):
            break
    expect_ok(await ada.click("Reject"))
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ada.submit({"Reason": "Paid twice."}))
    await env.settle()
    assert (await plan_of(env)).state.stage is PlanStage.ALL
    assert "in full again" in told(env, "dana")
    assert "in full again" not in told(env, "ben")


# -- tests of attention -------------------------------------------------------------------------------------


async def open_seeded(env: SlackEnv) -> str:
    """Let the time of a test come for Ada and Ben, and return its run."""
    await env.register(SEEDED)
    await approve(env)

    def come(tx: Tx) -> None:
        (workflow,) = tx.connection.execute(text("SELECT id FROM workflow WHERE name = 'refund'")).scalars()
        rows = tx.connection.execute(text("SELECT person FROM seeding")).scalars().all()
        for person in rows:
            seeding = seeded_requests.load_seeding(tx, str(workflow), str(person))
            assert seeding is not None
            assert seeded_requests.try_go_on(tx, str(workflow), str(person), seeding, Seeding(seeding.since, 0))

    await env.bot.store.transact(come)
    await env.start()
    await env.settle()

    def find(tx: Tx) -> str:
        return str(tx.connection.execute(text("SELECT run FROM oversight_request")).scalar_one())

    return await env.bot.store.transact(find)


def copy_of_test(env: SlackEnv, name: str) -> dict[str, Any]:
    """Return the copy of the test: its amount is ten times that of its question."""
    person = env.person(name)
    return next(message for message in person.sees() if "1205.00 EUR" in words(message.get("blocks", [])))


async def press(env: SlackEnv, how: str) -> None:
    ada, copy = env.person("ada"), copy_of_test(env, "ada")
    expect_ok(await ada.click({"approve": "Approve", "reject": "Reject", "edit": "Edit"}[how], on=copy))
    if how != "approve":
        await env.slack.until(lambda: ada.modal and any(block["type"] == "input" for block in ada.modal["blocks"]))
        expect_ok(await ada.submit({"Reason": "Ten times."} if how == "reject" else {"Amount (amount)": "120.50"}))
    await env.settle()


@pytest.mark.parametrize(
    ("how", "did"),
    [("approve", "you approved it"), ("reject", "you caught it"), ("edit", "you caught it")],
)
async def test_a_test_is_told_to_the_person_alone_and_every_copy_closes(env: SlackEnv, how: str, did: str) -> None:
    run = await open_seeded(env)
    before, calls = copy_of_test(env, "ben"), len(env.bot.step.calls)
    assert QUESTION in words(before["blocks"])
    assert "test" not in words(before["blocks"])
    await press(env, how)
    state = await env.state(run)
    assert state is (RequestState.REJECTED if how == "reject" else RequestState.APPROVED)
    told_ada, told_ben = told(env, "ada"), told(env, "ben")
    assert f"This was a test, and {did}" in told_ada
    assert "“Amount” was 10 times the real one." in told_ada
    assert "more characters" not in told_ada
    assert "This was a test of Signoff, and it is over" in told_ben
    for secret in ("10 times", "caught it", "you approved it", "Ten times."):
        assert secret not in told_ben
    ended = next(message for message in env.person("ben").sees() if message["ts"] == before["ts"])
    assert "Approve" not in buttons(ended)
    expect_ok(await env.person("ben").click("Approve", on=before, stale=True))
    await env.settle()
    assert await env.state(run) is state
    answered = " ".join([told(env, "ben"), *ephemeral_texts(env.slack, env.person("ben"))])
    assert not [secret for secret in ("10 times", "caught it", "you approved it", "Ten times.") if secret in answered]
    assert len(env.bot.step.calls) == calls


# -- attention ----------------------------------------------------------------------------------------------


async def test_the_card_after_twenty_quick_approvals_names_the_riskiest_field_once(env: SlackEnv) -> None:
    await env.register(SEEDED.replace("seeded: 1 in 50\n", ""))
    for _ in range(20):
        assert "Before you decide" not in words(copy_or_none(env, "ada"))
        await approve(env)
    env.pass_time(seconds=1)
    await env.start()
    await env.settle()
    line = "Half of your last 20 approvals took at most"
    ada, ben = (
        words(copy_of(env.person("ada"), QUESTION)["blocks"]),
        words(copy_of(env.person("ben"), QUESTION)["blocks"]),
    )
    assert line in ada
    assert "Look at “Amount” once more." in ada
    assert line not in ben
    env.pass_time(seconds=1)
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    env.pass_time(seconds=1)
    await env.start()
    await env.settle()
    assert line not in words(copy_of(env.person("ada"), QUESTION)["blocks"])


def copy_or_none(env: SlackEnv, name: str) -> list[Any]:
    seen = env.person(name).sees()
    return seen[-1].get("blocks", []) if seen else []


# -- what a workflow lets through ---------------------------------------------------------------------------


async def test_show_says_in_words_which_gates_let_a_share_through(env: SlackEnv) -> None:
    await env.register(PLAN)
    shown = await answer_to(env, "ada", "/signoff show refund")
    assert "Without review    “Pay”: Everything is reviewed now. After 3 in a row without a correction" in shown
    # The worst case is there to its last word.
    assert "these figures are for reviewers who miss none." in shown
    await approve(env)
    shown = await answer_to(env, "ada", "/signoff show refund")
    assert "Everything is reviewed now; 1 in a row without a correction." in shown
    for _ in range(2):
        await approve(env)
    shown = await answer_to(env, "ada", "/signoff show refund")
    assert "People are asked whether a share may go through." in shown
    expect_ok(await env.person("dana").click("Review a share"))
    await env.settle()
    shown = await answer_to(env, "ada", "/signoff show refund")
    assert "Only 10% is reviewed now; 0 went through without review." in shown
