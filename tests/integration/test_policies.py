"""How many approvers have to agree, in which order, and who is left out: through the engine, on both databases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.presentation import request_card
from engine.domain import (
    Address,
    AlreadyDecided,
    AlreadyVoted,
    Changed,
    Contested,
    Decided,
    DeliveryKind,
    NotAnApprover,
    NotYourTurn,
    OwnEdit,
    OwnRequest,
    Refusal,
    RequestState,
    RunStatus,
    Verdict,
)
from engine.read_models import DeliveryView, RequestView
from engine.store.port import Tx
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, EngineEnv, open_engine

KIM, MIA = (Address("email", f"{name}@example.com") for name in ("kim", "mia"))
GATED = """
name: flow
owner: sam@example.com
inputs:
  amount: {{type: number, default: 5}}
steps:
  - id: act
    uses: played
    with: {{text: hello}}
    gate: {{edit: [text], {keys}}}
"""
THREE = "approvers: [lee@example.com, kim@example.com, mia@example.com]"

LEAD = [
    "ann@example.com asks.",
    "1 of 2: lee@example.com approved, .",
    "Waiting for you or mia@example.com.",
]


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


async def start_run(env: EngineEnv, keys: str, **inputs: Any) -> str:
    await env.register(GATED.format(keys=keys))
    run = await env.start(**inputs)
    await env.settle()
    return run


async def decide(
    env: EngineEnv,
    run: str,
    by: Address,
    verdict: Verdict = Verdict.APPROVE,
    *,
    seen: RequestView | None = None,
    **edits: Any,
) -> Decided | Refusal:
    decided = await env.decide(run, verdict, by=by, seen=seen, edits=edits)
    await env.settle()
    return decided


async def state(env: EngineEnv, run: str) -> RequestState:
    return (await env.request(run)).model.state


async def names(env: EngineEnv, run: str) -> list[str]:
    """Return who can decide now."""
    return [approver.person.label.partition("@")[0] for approver in (await env.request(run)).model.tally.waiting]


async def copies(env: EngineEnv, run: str, kind: DeliveryKind = DeliveryKind.REQUEST) -> list[DeliveryView]:
    return [view for view in await env.engine.deliveries(run=run) if view.kind is kind]


# -- quorum, all ---------------------------------------------------------------------------------------------


async def test_a_quorum_closes_with_the_last_approval_that_it_needs(env: EngineEnv) -> None:
    run = await start_run(env, f"{THREE}, policy: {{quorum: 2}}")
    first = await decide(env, run, LEE)
    assert isinstance(first, Decided)
    assert first.state is RequestState.PENDING
    assert await names(env, run) == ["kim", "mia"]
    assert env.step.calls == []
    again = await decide(env, run, LEE)
    assert isinstance(again, AlreadyVoted)
    assert again.waiting == ("kim@example.com", "mia@example.com")
    second = await decide(env, run, MIA)
    assert isinstance(second, Decided)
    assert second.state is RequestState.APPROVED
    assert len(env.step.calls) == 1
    late = await decide(env, run, KIM)
    assert isinstance(late, AlreadyDecided)
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert [kind for kind in await env.kinds(run) if kind in ("request.voted", "request.approved")] == [
        "request.voted",
        "request.approved",
    ]


async def test_two_approvals_at_the_same_instant_both_count(env: EngineEnv) -> None:
    run = await start_run(env, f"{THREE}, policy: all")
    seen = await env.request(run)
    decided = await asyncio.gather(*(decide(env, run, person, seen=seen) for person in (LEE, KIM, MIA)))
    assert sorted(one.state for one in decided if isinstance(one, Decided)) == ["approved", "pending", "pending"]
    assert len(env.step.calls) == 1


async def test_of_fifty_votes_at_once_two_suffice(env: EngineEnv) -> None:
    crowd = [Address("email", f"person{number}@example.com") for number in range(50)]
    run = await start_run(env, f"approvers: [{', '.join(person.value for person in crowd)}], policy: {{quorum: 2}}")
    seen = await env.request(run)
    answers = await asyncio.gather(*(decide(env, run, person, seen=seen) for person in crowd))
    assert sorted(one.state for one in answers if isinstance(one, Decided)) == ["approved", "pending"]
    refused = [one for one in answers if not isinstance(one, Decided)]
    assert len(refused) == 48
    assert {type(one) for one in refused} <= {AlreadyDecided, Contested}
    assert len((await env.request(run)).model.votes) == 2
    assert len(env.step.calls) == 1


@pytest.mark.parametrize("policy", ["all", "{quorum: 2}", "{quorum: 3}"])
async def test_one_rejection_ends_it_also_by_a_person_who_has_approved(env: EngineEnv, policy: str) -> None:
    run = await start_run(env, f"{THREE}, policy: {policy}")
    await decide(env, run, LEE)
    rejected = await decide(env, run, LEE, Verdict.REJECT)
    assert isinstance(rejected, Decided)
    assert rejected.state is RequestState.REJECTED
    assert env.step.calls == []
    assert (await env.view(run)).status is RunStatus.REJECTED


async def test_every_copy_shows_how_far_approvals_have_come(env: EngineEnv) -> None:
    run = await start_run(env, f"{THREE}, policy: {{quorum: 2}}")
    await decide(env, run, LEE)
    shown = {copy.address: copy.card for copy in env.channel.posted.values()}
    lead = ["".join(part for part in phrase if isinstance(part, str)) for phrase in shown["kim@example.com"].lead]
    assert lead == LEAD
    assert [action.verdict for action in shown["kim@example.com"].actions] == ["approve", "edit", "reject"]
    assert [action.verdict for action in shown["lee@example.com"].actions] == ["reject"]


async def test_of_approvals_at_the_same_instant_the_one_that_closed_it_is_the_decision(env: EngineEnv) -> None:
    more = "  - {id: more, uses: set, with: {by: '{{ steps.act.decision.by.name }}'}}\n"
    await env.register(GATED.format(keys=f"{THREE}, policy: all") + more)
    for last in (LEE, KIM, MIA) * 2:
        run = await env.start()
        await env.settle()
        for person in sorted((LEE, KIM, MIA), key=lambda one: one == last):
            await decide(env, run, person)
        view = await env.request(run)
        assert view.decision is not None
        assert view.decision.person.email == last.value
        assert (await env.view(run)).steps[-1].output == {"by": last.value}


async def test_the_approval_that_closed_it_is_the_decision_although_the_clock_was_set_back(env: EngineEnv) -> None:
    more = "  - {id: more, uses: set, with: {by: '{{ steps.act.decision.by.name }}'}}\n"
    await env.register(GATED.format(keys=f"{THREE}, policy: {{quorum: 2}}, expires: 1d") + more)
    run = await env.start()
    await env.settle()
    env.pass_time(hours=5)
    await decide(env, run, LEE)
    env.pass_time(hours=-3)
    await decide(env, run, KIM)
    view = await env.request(run)
    assert view.decision is not None
    assert view.decision.person.email == KIM.value
    assert (await env.view(run)).steps[-1].output == {"by": KIM.value}


# -- chain ---------------------------------------------------------------------------------------------------


async def test_a_chain_asks_one_group_after_the_other(env: EngineEnv) -> None:
    run = await start_run(env, "policy: {chain: [[lee@example.com, kim@example.com], [mia@example.com]]}")
    assert sorted(copy.address for copy in await copies(env, run)) == ["kim@example.com", "lee@example.com"]
    early = await decide(env, run, MIA)
    assert isinstance(early, NotYourTurn)
    await decide(env, run, KIM)
    assert await names(env, run) == ["mia"]
    assert {copy.address for copy in await copies(env, run)} == {
        "kim@example.com",
        "lee@example.com",
        "mia@example.com",
    }
    assert isinstance(await decide(env, run, LEE), NotYourTurn)
    done = await decide(env, run, MIA)
    assert isinstance(done, Decided)
    assert done.state is RequestState.APPROVED
    assert len(env.step.calls) == 1


async def test_a_person_in_two_groups_approves_once_and_the_owner_stands_in(env: EngineEnv) -> None:
    run = await start_run(env, "policy: {chain: [[lee@example.com, kim@example.com], [lee@example.com]]}")
    await decide(env, run, LEE)
    assert await names(env, run) == ["sam"]
    assert isinstance(await decide(env, run, LEE), AlreadyVoted)
    assert isinstance(await decide(env, run, SAM), Decided)
    assert await state(env, run) is RequestState.APPROVED


async def test_only_those_whose_turn_it_is_are_reminded(env: EngineEnv) -> None:
    chain = "policy: {chain: [[lee@example.com], [mia@example.com, kim@example.com]]}"
    run = await start_run(env, f"{chain}, expires: 10d, remind: true")
    reminded = []
    for days in (5, 4):
        env.pass_time(days=days, hours=-4)
        await decide(env, run, LEE)
        env.pass_time(hours=4, minutes=2)
        await env.settle()
        env.pass_time(minutes=2)
        await env.settle()
        reminded.append(sorted(copy.address for copy in await copies(env, run, DeliveryKind.REMINDER)))
    both = ["kim@example.com", "mia@example.com"]
    assert reminded == [both, sorted([*both, *both])]


async def test_backups_join_the_group_that_is_asked_also_after_a_change(env: EngineEnv) -> None:
    chain = "policy: {chain: [[lee@example.com], [mia@example.com]]}"
    run = await start_run(env, f"{chain}, escalate: {{after: 1d, to: [kim@example.com]}}")
    await decide(env, run, LEE)
    env.pass_time(days=1)
    await env.settle()
    assert await names(env, run) == ["mia", "kim"]
    await decide(env, run, MIA, text="goodbye")
    assert await names(env, run) == ["lee", "kim"]
    assert isinstance(await decide(env, run, KIM), Decided)
    assert await names(env, run) == ["mia"]
    assert isinstance(await decide(env, run, MIA), Decided)
    assert await state(env, run) is RequestState.APPROVED


# -- edits ---------------------------------------------------------------------------------------------------


async def test_an_edit_voids_earlier_approvals_and_tells_who_gave_them(env: EngineEnv) -> None:
    run = await start_run(env, f"{THREE}, policy: {{quorum: 2}}")
    before = await env.request(run)
    await decide(env, run, LEE)
    edited = await decide(env, run, KIM, text="goodbye")
    assert isinstance(edited, Decided)
    assert edited.state is RequestState.PENDING
    model = (await env.request(run)).model
    assert model.content_version == 2
    assert model.content.value["text"] == "goodbye"
    assert [vote.person.label for vote in model.votes] == ["kim@example.com"]
    assert [(alert.topic, alert.address) for alert in await copies(env, run, DeliveryKind.ALERT)] == [
        ("voided", "lee@example.com")
    ]
    assert isinstance(await decide(env, run, MIA, seen=before), Changed)
    await decide(env, run, LEE)
    assert await state(env, run) is RequestState.APPROVED
    ((params, _),) = env.step.calls
    assert params.text == "goodbye"
    view = await env.request(run)
    assert view.decision is not None
    assert [(edit.before, edit.after) for edit in view.decision.edits] == [("hello", "goodbye")]


@pytest.mark.parametrize("keys", [f"{THREE}, policy: {{quorum: 2}}", f"{THREE}, exclude: [editor]"])
async def test_of_two_changes_at_the_same_instant_one_counts(env: EngineEnv, keys: str) -> None:
    run = await start_run(env, keys)
    seen = await env.request(run)
    answers = await asyncio.gather(
        decide(env, run, LEE, seen=seen, text="of Lee"),
        decide(env, run, KIM, seen=seen, text="of Kim"),
        decide(env, run, MIA, Verdict.APPROVE, seen=seen, text="of Mia"),
    )
    kinds = sorted(type(answer).__name__ for answer in answers)
    assert kinds == ["Changed", "Changed", "Decided"]
    model = (await env.request(run)).model
    (change,) = model.changes
    assert model.content.value["text"] == change.edits[0].after
    assert env.step.calls == []


@pytest.mark.parametrize("on_expiry", ["reject", "continue"])
async def test_the_last_approval_at_the_instant_of_the_expiry_is_late_for_everyone(
    env: EngineEnv, on_expiry: str
) -> None:
    run = await start_run(env, f"{THREE}, policy: {{quorum: 2}}, expires: 1h, on_expiry: {on_expiry}")
    await decide(env, run, LEE)
    seen = await env.request(run)
    env.pass_time(hours=1)
    late, _ = await asyncio.gather(decide(env, run, KIM, seen=seen), env.engine.process_due(seen.id))
    assert not isinstance(late, Decided)
    assert await state(env, run) is (RequestState.REJECTED if on_expiry == "reject" else RequestState.EXPIRED)
    assert len(env.step.calls) == (1 if on_expiry == "continue" else 0)
    # A clock that is set back afterwards opens nothing again.
    env.pass_time(hours=-1)
    again = await decide(env, run, KIM, seen=seen)
    assert not isinstance(again, Decided)


async def test_an_editor_who_is_excluded_does_not_approve_their_own_wording(env: EngineEnv) -> None:
    run = await start_run(env, "approvers: [lee@example.com, kim@example.com], exclude: [editor]")
    edited = await decide(env, run, LEE, text="goodbye")
    assert isinstance(edited, Decided)
    assert edited.state is RequestState.PENDING
    assert env.step.calls == []
    assert isinstance(await decide(env, run, LEE), OwnEdit)
    assert await names(env, run) == ["kim"]
    assert isinstance(await decide(env, run, KIM), Decided)
    ((params, _),) = env.step.calls
    assert params.text == "goodbye"


async def test_an_excluded_editor_alone_is_joined_by_the_owner(env: EngineEnv) -> None:
    run = await start_run(env, "approvers: [lee@example.com], exclude: [editor]")
    await decide(env, run, LEE, text="goodbye")
    assert await names(env, run) == ["sam"]
    # Lee was asked, and cannot approve their own change.
    assert await decide(env, run, ANN) == OwnRequest(approvers=("sam@example.com",))
    stranger = await decide(env, run, MIA)
    assert isinstance(stranger, NotAnApprover)
    assert stranger.approvers == ("sam@example.com",)
    assert isinstance(await decide(env, run, SAM), Decided)
    assert await state(env, run) is RequestState.APPROVED


AS_ASKED = pytest.mark.parametrize("keys", [f"{THREE}, policy: {{quorum: 2}}", f"{THREE}, exclude: [editor]"])


@AS_ASKED
@pytest.mark.parametrize("at", ["before", "after"])
async def test_a_run_goes_on_without_changes_that_too_few_approved(env: EngineEnv, keys: str, at: str) -> None:
    source = GATED.format(keys=f"{keys}, at: {at}, expires: 1d, on_expiry: continue")
    more = "  - {id: more, uses: set, with: {text: '{{ steps.act.text }}', by: '{{ steps.act.decision }}'}}\n"
    await env.register(source + more)
    run = await env.start()
    await env.settle()
    for person, text in ((LEE, "first"), (KIM, "second")):
        assert isinstance(await decide(env, run, person, text=text), Decided)
    env.pass_time(days=2)
    await env.settle()
    view = await env.view(run)
    assert view.status is RunStatus.SUCCEEDED
    assert view.steps[-1].output == {"text": "hello", "by": None}
    assert [params.text for params, _ in env.step.calls] == ["hello"]
    # The card shows what ran, and says what did not count.
    card = request_card.request_card(await env.request(run))
    assert [(field.text, field.before) for field in card.values if field.path == "text"] == [("hello", None)]
    changed = [note.text for note in card.notes if note.label == "Changed"]
    assert [text[-1] for text in changed] == [". It was not approved, so it did not count."] * 2


async def test_a_content_that_was_changed_by_hand_does_not_go_on_either(env: EngineEnv) -> None:
    run = await start_run(env, f"{THREE}, policy: {{quorum: 2}}, expires: 1d, on_expiry: continue")
    await decide(env, run, LEE, text="first")

    def forge(tx: Tx) -> None:
        tx.connection.exec_driver_sql("UPDATE request SET content = replace(content, 'first', 'forged')")

    await env.engine.transact(forge)
    env.pass_time(days=2)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.FAILED
    assert env.step.calls == []


# -- the requester -------------------------------------------------------------------------------------------


async def test_the_requester_is_left_out_while_another_person_is_asked(env: EngineEnv) -> None:
    run = await start_run(env, "approvers: [ann@example.com, lee@example.com]")
    assert await names(env, run) == ["lee"]
    refused = [await decide(env, run, ANN) for _ in range(2)]
    assert [type(one) for one in refused] == [OwnRequest, OwnRequest]
    # It is on the record, once.
    assert (await env.kinds(run)).count("request.refused_requester") == 1
    assert isinstance(await decide(env, run, LEE), Decided)


async def test_the_requester_decides_what_a_version_without_that_rule_opened(env: EngineEnv) -> None:
    """It asked them, perhaps because the file says `exclude: []`. An upgrade changes nothing in an open request."""
    run = await start_run(env, "approvers: [ann@example.com, lee@example.com], exclude: []")

    def forget_the_rule(tx: Tx) -> None:
        (stored,) = tx.connection.exec_driver_sql("SELECT details FROM request").scalars()
        details = json.loads(stored)
        del details["separation"]
        tx.connection.exec_driver_sql(f"UPDATE request SET details = '{json.dumps(details)}'")

    await env.engine.transact(forget_the_rule)
    assert await names(env, run) == ["ann", "lee"]
    assert isinstance(await decide(env, run, ANN), Decided)
    assert "request.approver_excluded" not in await env.kinds(run)


async def test_the_requester_decides_if_no_other_person_is_asked_and_the_record_says_so(env: EngineEnv) -> None:
    await env.register(GATED.format(keys="approvers: [sam@example.com]").replace("sam@", "ann@"))
    run = await env.start()
    await env.settle()
    assert await names(env, run) == ["ann"]
    (copy,) = env.channel.posted.values()
    assert copy.card.lead[0] == ("You started this.",)
    assert isinstance(await decide(env, run, ANN), Decided)
    (copy,) = env.channel.posted.values()
    assert copy.card.outcome is not None
    assert copy.card.outcome.line[0] == "Approved by ann@example.com (the requester), "
    (entry,) = [entry for entry in await env.engine.story(run) if entry.kind == "request.approved"]
    assert entry.content is not None
    assert entry.content["is_requester"] is True


async def test_a_strict_gate_asks_the_owner_instead_of_the_requester(env: EngineEnv) -> None:
    run = await start_run(env, "approvers: [ann@example.com], exclude: [requester, editor]")
    assert await names(env, run) == ["sam"]
    assert isinstance(await decide(env, run, ANN), OwnRequest)


async def test_a_strict_gate_of_the_owners_own_run_waits_and_says_why(env: EngineEnv) -> None:
    await env.register(GATED.format(keys="approvers: [ann@example.com], exclude: [requester]").replace("sam@", "ann@"))
    run = await env.start()
    await env.settle()
    assert await names(env, run) == []
    assert [alert.topic for alert in await copies(env, run, DeliveryKind.ALERT)] == ["short"]
    assert isinstance(await decide(env, run, ANN), OwnRequest)
    assert await state(env, run) is RequestState.PENDING


async def test_a_gate_can_allow_the_requester(env: EngineEnv) -> None:
    run = await start_run(env, "approvers: [ann@example.com, lee@example.com], exclude: []")
    assert await names(env, run) == ["ann", "lee"]
    assert isinstance(await decide(env, run, ANN), Decided)
    assert await state(env, run) is RequestState.APPROVED


# -- the policy by an expression -----------------------------------------------------------------------------


async def test_an_amount_chooses_the_policy(env: EngineEnv) -> None:
    keys = THREE + ", policy: \"{{ 'any' if inputs.amount <= 1000 else {'quorum': 2} }}\""
    source = GATED.format(keys="KEYS").replace("KEYS", keys)
    await env.register(source)
    for amount, states in ((1000, ["approved"]), (1001, ["pending", "approved"])):
        run = await env.start(amount=amount)
        await env.settle()
        decided = [await decide(env, run, person) for person in (LEE, KIM)[: len(states)]]
        assert [one.state for one in decided if isinstance(one, Decided)] == states
