"""Identity while people come, leave, and change their addresses and groups, tested with signed clicks."""

from __future__ import annotations

import dataclasses

import pytest

from bot.devtools.sandbox.faults import FaultKind
from bot.devtools.sandbox.world import User
from bot.presentation import refusals
from engine.domain import Address, NotAllowed, Origin, Person, Register, Registered, RequestState, Start, Started
from engine.read_models import PageQuery
from tests.support.slack_env import (
    REFUND_WORKFLOW,
    SlackEnv,
    buttons,
    copy_of,
    ephemeral_texts,
    expect_ok,
    last_message_of,
    words,
)

ADA_ONLY = REFUND_WORKFLOW.replace("[ada@example.com, ben@example.com]", "[ada@example.com]")
OF_GROUP = REFUND_WORKFLOW.replace("[ada@example.com, ben@example.com]", '["group:finance-approvers"]')
MINUTE = 61
"""Seconds after which Slack is asked again."""


def set_address(env: SlackEnv, name: str, email: str) -> None:
    """Change the email address of the account in Slack."""
    env.person(name).user.email = email


async def person(env: SlackEnv, name: str) -> Person:
    """Return the person that the engine knows by the account of this name."""
    known = await env.engine.person(Address("slack", env.person(name).id))
    assert known is not None
    return known


async def decided_by(env: SlackEnv, run: str) -> str:
    """Return the only account that the entry of the decision names."""
    entry = next(entry for entry in await env.engine.story(run) if entry.kind == "request.approved")
    assert entry.content is not None
    recorded = entry.content["person"]
    assert isinstance(recorded, dict)
    addresses = recorded["addresses"]
    assert isinstance(addresses, list)
    (account,) = [str(set_address) for set_address in addresses if str(set_address).startswith("slack:")]
    assert entry.content["acted_as"] == account
    assert entry.actor == recorded["id"]
    return account.removeprefix("slack:")


# -- addresses that move ------------------------------------------------------------------------------------


async def test_an_address_that_moves_asks_the_account_that_has_it_now(env: SlackEnv) -> None:
    ada, ben = env.person("ada"), env.person("ben")
    await env.request_approval(ADA_ONLY)
    expect_ok(await ada.click("Approve"))
    await env.settle()
    set_address(env, "ada", "ada.old@example.com")
    set_address(env, "ben", "ada@example.com")
    env.pass_time(seconds=MINUTE)
    run = await env.start(amount=7)
    await env.settle()
    title = "Refund 7 EUR?"
    assert buttons(copy_of(ben, title)) == ["Approve", "Edit", "Reject", "Ask", "Details"]
    assert not [message for message in ada.sees() if title in words(message.get("blocks"))]
    expect_ok(await ben.click("Approve"))
    assert await decided_by(env, run) == ben.id
    assert (await person(env, "ada")).id != (await person(env, "ben")).id
    assert (await person(env, "ada")).account == Address("slack", ada.id)


async def test_an_approver_who_lost_the_address_while_a_request_waits_cannot_decide_it(env: SlackEnv) -> None:
    run = await env.request_approval(ADA_ONLY)
    set_address(env, "ada", "ada.old@example.com")
    set_address(env, "ben", "ada@example.com")
    env.pass_time(seconds=MINUTE)
    ada = env.person("ada")
    expect_ok(await ada.click("Approve"))
    await env.settle()
    assert await env.state(run) is RequestState.PENDING
    sentence = "ada@example.com is no longer the email address of this account"
    assert any(sentence in text for text in ephemeral_texts(env.slack, ada))
    assert "can no longer decide" in words(copy_of(ada))
    seen = [words(message.get("blocks")) for message in env.person("cleo").sees()]
    (alert,) = [text for text in seen if "can no longer decide “Refund 120 EUR?”" in text]
    assert "You are asked in their place, in a message of its own." in alert
    expect_ok(await env.person("cleo").click("Approve", on=copy_of(env.person("cleo"))))
    assert await decided_by(env, run) == env.person("cleo").id


async def test_two_people_who_swap_addresses_stay_two_people(env: SlackEnv) -> None:
    ada, ben = env.person("ada"), env.person("ben")
    await env.request_approval()
    expect_ok(await ada.click("Approve"))
    await env.settle()
    before = (await person(env, "ada")).id, (await person(env, "ben")).id
    set_address(env, "ada", "ben@example.com")
    set_address(env, "ben", "ada@example.com")
    env.pass_time(seconds=MINUTE)
    run = await env.request_approval(ADA_ONLY)
    expect_ok(await ben.click("Approve"))
    assert await decided_by(env, run) == ben.id
    env.pass_time(seconds=MINUTE)
    run = await env.request_approval(ADA_ONLY.replace("ada@", "ben@"))
    expect_ok(await ada.click("Approve"))
    assert await decided_by(env, run) == ada.id
    assert ((await person(env, "ada")).id, (await person(env, "ben")).id) == before
    for name, email in ("ada", "ben@example.com"), ("ben", "ada@example.com"):
        assert (await person(env, name)).email == email


async def test_a_person_who_returns_with_a_new_account_is_asked_there(env: SlackEnv) -> None:
    ada = env.person("ada")
    await env.request_approval(ADA_ONLY)
    expect_ok(await ada.click("Approve"))
    await env.settle()
    ada.user.deleted = True
    new_account = dataclasses.replace(ada.user, id=env.slack.world.new_id("U"), deleted=False, name="ada2")
    env.slack.world.users[new_account.id] = new_account
    env.pass_time(seconds=MINUTE)
    run = await env.start(amount=8)
    await env.settle()
    expect_ok(await env.person("ada2").click("Approve"))
    assert await decided_by(env, run) == new_account.id


async def test_the_right_to_cancel_does_not_move_with_an_address(env: SlackEnv) -> None:
    run = await env.request_approval(by="ada")
    set_address(env, "ada", "ada.old@example.com")
    set_address(env, "ben", "ada@example.com")
    env.pass_time(seconds=MINUTE)
    await env.request_approval(ADA_ONLY.replace("refund", "other"))
    expect_ok(await env.person("ben").command(f"/signoff cancel {run}"))
    assert await env.state(run) is RequestState.PENDING
    expect_ok(await env.person("ada").command(f"/signoff cancel {run}"))
    assert await env.state(run) is RequestState.CANCELLED


async def test_every_address_that_moves_is_on_the_record(env: SlackEnv) -> None:
    await env.request_approval(ADA_ONLY)
    before = await person(env, "ada")
    set_address(env, "ada", "")
    set_address(env, "ben", "ada@example.com")
    env.pass_time(seconds=MINUTE)
    await env.request_approval(ADA_ONLY)
    now = await person(env, "ben")
    [entry] = [entry for entry in env.entries() if entry["kind"] == "person.address_taken"]
    assert (entry["person"], entry["before"], entry["address"]) == (now.id, before.id, "ada@example.com")
    assert f"as an address of the account {env.person('ben').id}" in str(entry["evidence"])


# -- people who leave ---------------------------------------------------------------------------------------


async def test_an_approver_who_left_the_group_while_a_request_waits_cannot_decide_it(env: SlackEnv) -> None:
    run = await env.request_approval(OF_GROUP)
    (group,) = [group for group in env.slack.world.usergroups.values() if group.handle == "finance-approvers"]
    ada, ben = env.person("ada"), env.person("ben")
    group.users.remove(ada.id)
    env.pass_time(seconds=MINUTE)
    expect_ok(await ada.click("Approve"))
    await env.settle()
    assert await env.state(run) is RequestState.PENDING
    assert any("@finance-approvers no longer includes this account" in text for text in ephemeral_texts(env.slack, ada))
    assert "Ada Approver can no longer decide: @finance-approvers no longer includes this account." in words(
        copy_of(ben)
    )
    assert "The other approvers can still decide" in words(env.person("cleo").sees()[-1]["blocks"])
    expect_ok(await ada.click("Approve"))
    await env.settle()
    alerts = [
        message for message in env.person("cleo").sees() if "can no longer decide" in words(message.get("blocks"))
    ]
    assert len(alerts) == 1, "one alert is enough"
    expect_ok(await ben.click("Approve"))
    assert await decided_by(env, run) == ben.id


async def test_an_approver_who_is_back_in_the_group_can_decide_again(env: SlackEnv) -> None:
    run = await env.request_approval(OF_GROUP)
    (group,) = [group for group in env.slack.world.usergroups.values() if group.handle == "finance-approvers"]
    ada = env.person("ada")
    group.users.remove(ada.id)
    env.pass_time(seconds=MINUTE)
    expect_ok(await ada.click("Approve"))
    await env.settle()
    group.users.append(ada.id)
    env.pass_time(seconds=MINUTE)
    expect_ok(await ada.click("Approve"))
    assert await decided_by(env, run) == ada.id


@pytest.mark.parametrize("source", [ADA_ONLY, OF_GROUP], ids=["email", "group"])
@pytest.mark.parametrize("became", ["is_restricted", "is_stranger", "is_bot"])
async def test_an_account_that_may_no_longer_be_asked_cannot_decide(env: SlackEnv, source: str, became: str) -> None:
    run = await env.request_approval(source)
    ada = env.person("ada")
    setattr(ada.user, became, True)
    env.pass_time(seconds=MINUTE)
    expect_ok(await ada.click("Approve"))
    await env.settle()
    assert await env.state(run) is RequestState.PENDING
    seen = [words(message.get("blocks")) for message in env.person("cleo").sees()]
    (alert,) = [text for text in seen if "can no longer decide “Refund 120 EUR?”" in text]
    if source is ADA_ONLY:
        assert "You are asked in their place, in a message of its own." in alert
        expect_ok(await env.person("cleo").click("Approve", on=copy_of(env.person("cleo"))))
        assert await decided_by(env, run) == env.person("cleo").id
    else:
        assert "The other approvers can still decide." in alert


@pytest.mark.parametrize("fault", ["status", "ratelimited", "reset", "hang"])
async def test_a_decision_counts_while_slack_does_not_answer_and_says_so(env: SlackEnv, fault: FaultKind) -> None:
    run = await env.request_approval(OF_GROUP)
    env.pass_time(seconds=MINUTE)
    for method in "usergroups.list", "users.info":
        env.slack.fault(method, fault, seconds=30.0, times=None)
    expect_ok(await env.person("ada").click("Approve"))
    env.slack.faults.clear()
    assert await decided_by(env, run) == env.person("ada").id
    entry = next(entry for entry in await env.engine.story(run) if entry.kind == "request.approved")
    assert entry.content is not None
    assert "could not be looked up" in str(entry.content["unchecked"])


async def test_two_decisions_within_a_minute_ask_slack_once(env: SlackEnv) -> None:
    await env.request_approval(ADA_ONLY)
    env.pass_time(seconds=MINUTE)
    await env.start(amount=9)
    await env.settle()
    ada = env.person("ada")
    lookups = len(env.slack.calls("users.lookupByEmail"))
    for title in "Refund 9 EUR?", "Refund 120 EUR?":
        expect_ok(await ada.click("Approve", on=copy_of(ada, title)))
        await env.settle()
    assert len(env.slack.calls("users.lookupByEmail")) == lookups


# -- guests -------------------------------------------------------------------------------------------------


async def start(env: SlackEnv, name: str) -> Started | NotAllowed:
    actor = Address("slack", env.person(name).id)
    command = Start(workflow="refund", inputs={}, actor=actor, origin=Origin(surface="slack", place={}))
    answer = await env.engine.start(command)
    assert isinstance(answer, Started | NotAllowed)
    return answer


@pytest.mark.parametrize("guest", ["gus", "una"])
async def test_guests_start_nothing_unless_they_are_named(env: SlackEnv, guest: str) -> None:
    await env.register()
    expect_ok(await env.person(guest).command("/signoff run refund amount=80", channel="general"))
    await env.settle()
    assert "Guests cannot start refund" in last_message_of(env.person(guest), "general")
    for may in f"{guest}@example.com", env.person(guest).id:
        await env.register(REFUND_WORKFLOW.replace("steps:", f"may_run: [{may}]\nsteps:"))
        assert isinstance(await start(env, guest), Started)
    await env.register(REFUND_WORKFLOW.replace("steps:", "may_run: [ada@example.com]\nsteps:"))
    assert isinstance(await start(env, guest), NotAllowed)


@pytest.mark.parametrize("person", ["gus", "una", "zoe"])
async def test_guests_and_strangers_fill_in_no_form_for_nothing(env: SlackEnv, person: str) -> None:
    await env.register()
    world = env.slack.world
    stranger = User(id=world.new_id("U"), name="zoe", real_name="Zoe", email="zoe@other.example", is_stranger=True)
    world.users[stranger.id] = stranger
    asked = env.person(person)
    expect_ok(await asked.command("/signoff run refund", channel="general"))
    await env.slack.until(lambda: asked.modal)
    await env.finish_background_work()
    assert "Guests cannot start refund. Its owner can name them under may_run." in words(asked.modal).replace("`", "")
    assert asked.modal is not None
    assert not asked.modal.get("submit")
    await asked.close()
    expect_ok(await asked.command("/signoff list", channel="general"))
    expect_ok(await asked.click("Run Refund", on=asked.sees("general")[-1]))
    await env.slack.until(lambda: asked.modal)
    await env.finish_background_work()
    assert "Guests cannot start refund" in words(asked.modal)
    await asked.close()
    await env.register(REFUND_WORKFLOW.replace("steps:", f"may_run: [{asked.id}]\nsteps:"))
    expect_ok(await asked.command("/signoff run refund", channel="general"))
    await env.slack.until(lambda: asked.modal)
    await env.finish_background_work()
    expect_ok(await asked.submit({"Amount": "75"}))
    assert len(await env.engine.runs(PageQuery())) == 1


async def test_strangers_of_a_shared_channel_start_nothing(env: SlackEnv) -> None:
    await env.register()
    env.person("ben").user.is_stranger = True
    env.pass_time(seconds=MINUTE)
    answer = await start(env, "ben")
    assert isinstance(answer, NotAllowed)
    assert "Guests cannot start" in refusals.sentence(answer)


# -- people named in a file ---------------------------------------------------------------------------------


async def register(env: SlackEnv, source: str) -> Registered | NotAllowed:
    actor = Address("slack", env.person("cleo").id)
    command = Register(source=source.encode(), actor=actor, origin=Origin(surface="slack", place={}))
    answer = await env.engine.register(command)
    assert isinstance(answer, Registered | NotAllowed)
    return answer


@pytest.mark.parametrize(
    ("approver", "reason"),
    [
        ("group:nobodies", "The gate of step pay: There is no usergroup @nobodies in this Slack workspace."),
        ("group:disbanded", "There is no usergroup @disbanded"),
        ("U0NOBODY00", "U0NOBODY00 is not an account in this Slack workspace"),
        ("dora@example.com", "Dora Deactivated is deactivated and is not asked"),
        ("gus@example.com", "Gus Guest is a guest and is not asked"),
    ],
)
async def test_a_file_whose_approver_can_never_be_asked_is_refused(env: SlackEnv, approver: str, reason: str) -> None:
    answer = await register(env, REFUND_WORKFLOW.replace("ben@example.com", approver))
    assert isinstance(answer, NotAllowed)
    assert reason in refusals.sentence(answer)


@pytest.mark.parametrize(("person", "allowed"), [("group:nobodies", False), ("gus@example.com", True)])
async def test_only_the_people_that_a_file_names_may_start_it(env: SlackEnv, person: str, *, allowed: bool) -> None:
    answer = await register(env, REFUND_WORKFLOW.replace("steps:", f"may_run: [{person}]\nsteps:"))
    assert isinstance(answer, Registered if allowed else NotAllowed)


async def test_an_address_without_an_account_is_a_warning_where_the_file_is_registered(env: SlackEnv) -> None:
    cleo = env.person("cleo")
    answer = await register(env, REFUND_WORKFLOW.replace("ben@example.com", "nobody@example.com"))
    assert isinstance(answer, Registered)
    warning = "The gate of step pay: nobody@example.com has no active account in this Slack workspace and is not asked."
    assert answer.warnings == (warning,)
    expect_ok(await cleo.command("/signoff register"))
    await env.slack.until(lambda: cleo.modal)
    pasted = REFUND_WORKFLOW.replace("ben@example.com", "noone@example.com")
    expect_ok(await cleo.submit({"Workflow file": pasted}))
    await env.finish_background_work()
    assert "noone@example.com has no active account" in ephemeral_texts(env.slack, cleo)[-1]


async def test_an_unanswered_lookup_at_registration_is_a_warning(env: SlackEnv) -> None:
    await register(env, REFUND_WORKFLOW)
    env.pass_time(seconds=MINUTE)
    env.slack.fault("usergroups.list", "status", times=None)
    answer = await register(env, OF_GROUP)
    assert isinstance(answer, Registered)
    (warning,) = answer.warnings
    assert "group:finance-approvers could not be looked up" in warning
