"""Who people are and who may be asked, as the local Slack knows them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.devtools.sandbox.world import User
from bot.slack.accounts import FRESH_SECONDS
from bot.slack.client import open_client
from bot.slack.directory import SlackDirectory
from engine.domain import Address, Origin, Person
from engine.errors import ChannelError
from engine.ports import DirectoryPerson, Resolution, Route
from engine.references import Reference
from tests.support.slack_env import SlackEnv, buttons, copy_of, words

WHO = """\
name: refund
title: Refund
inputs:
  who: {type: json}
steps:
  - id: pay
    uses: played
    with: {text: hello}
    gate: {title: "Refund 120 EUR?", approvers: "{{ inputs.who }}"}
"""


class Moment:
    """A clock in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture
async def slack() -> AsyncIterator[RunningSandbox]:
    async with sandbox() as running:
        yield running


@pytest.fixture
async def directory(slack: RunningSandbox, moment: Moment) -> AsyncIterator[SlackDirectory]:
    async with open_client(token=slack.app.bot_token, api_url=slack.api_url) as client:
        yield SlackDirectory(client, now=moment)


async def resolved(directory: SlackDirectory, kind: str, value: str) -> Resolution:
    reference = Reference(kind, value, f"{kind}:{value}")
    assert directory.asks(reference)
    return (await directory.resolve([reference]))[reference]


def found(slack: RunningSandbox, name: str) -> DirectoryPerson:
    user = slack.world.users[slack.person(name).id]
    return DirectoryPerson(user.real_name, (Address("slack", user.id), Address("email", user.email)), user.tz)


async def test_an_email_address_and_an_account_are_one_person(slack: RunningSandbox, directory: SlackDirectory) -> None:
    ada = found(slack, "ada")
    assert await resolved(directory, "email", "ada@example.com") == Resolution((ada,))
    assert await resolved(directory, "slack", slack.person("ada").id) == Resolution((ada,))


@pytest.mark.parametrize(("name", "why"), [("dora", "is deactivated"), ("gus", "is a guest"), ("una", "is a guest")])
async def test_some_accounts_are_never_asked(
    slack: RunningSandbox, directory: SlackDirectory, name: str, why: str
) -> None:
    answer = await resolved(directory, "slack", slack.person(name).id)
    assert answer.people == ()
    assert f"{why} and is not asked" in (answer.why or "")
    answer = await resolved(directory, "email", f"{name}@example.com")
    assert answer.people == ()
    assert "not asked" in (answer.why or "")


async def test_bots_are_never_asked(slack: RunningSandbox, directory: SlackDirectory) -> None:
    for account in slack.app.bot_user, "USLACKBOT":
        answer = await resolved(directory, "slack", account)
        assert answer.people == ()
        assert "is a bot" in (answer.why or "")


async def test_what_slack_does_not_know_is_said(directory: SlackDirectory) -> None:
    for kind, value, why in (
        ("slack", "U0NOBODY", "is no account in this Slack workspace"),
        ("email", "nobody@example.com", "has no active account in this Slack workspace"),
        ("group", "nobodies", "There is no usergroup @nobodies"),
        ("group", "disbanded", "There is no usergroup @disbanded"),
    ):
        answer = await resolved(directory, kind, value)
        assert answer.people == ()
        assert why in (answer.why or "")


async def test_a_usergroup_is_its_members_who_may_be_asked(slack: RunningSandbox, directory: SlackDirectory) -> None:
    (group,) = [one for one in slack.world.usergroups.values() if one.handle == "finance-approvers"]
    group.users.append(slack.person("dora").id)
    answer = await resolved(directory, "group", "finance-approvers")
    assert answer.people == (found(slack, "ada"), found(slack, "ben"))
    assert "Dora Deactivated is deactivated" in (answer.why or "")


async def test_a_usergroup_with_nobody_left_says_why(slack: RunningSandbox, directory: SlackDirectory) -> None:
    (group,) = [one for one in slack.world.usergroups.values() if one.handle == "finance-approvers"]
    group.users[:] = [slack.person("gus").id]
    answer = await resolved(directory, "group", "finance-approvers")
    assert answer.people == ()
    assert "has nobody who can be asked" in (answer.why or "")
    assert "Gus Guest is a guest" in (answer.why or "")


async def test_a_plan_without_usergroups_is_said(slack: RunningSandbox, directory: SlackDirectory) -> None:
    slack.world.team.has_usergroups = False
    answer = await resolved(directory, "group", "finance-approvers")
    assert "has no usergroups" in (answer.why or "")


async def test_an_answer_is_believed_for_some_minutes(
    slack: RunningSandbox, directory: SlackDirectory, moment: Moment
) -> None:
    ada = slack.person("ada")
    for _ in range(3):
        await resolved(directory, "slack", ada.id)
    assert len(slack.calls("users.info")) == 1
    ada.user.deleted = True
    moment.now += FRESH_SECONDS + 1
    assert (await resolved(directory, "slack", ada.id)).people == ()


async def test_a_silent_slack_is_an_error_and_not_an_answer(slack: RunningSandbox, directory: SlackDirectory) -> None:
    slack.faults.down = True
    for kind, value in ("slack", "U0ADA"), ("email", "ada@example.com"), ("group", "finance-approvers"):
        with pytest.raises(ChannelError):
            await resolved(directory, kind, value)


async def test_where_people_are_reached(directory: SlackDirectory) -> None:
    email, slack, terminal = Address("email", "a@example.com"), Address("slack", "U1"), Address("terminal", "root")
    assert directory.reach(Person("p", "Ada", (email, slack))) == [Route("slack", "U1")]
    assert directory.reach(Person("p", "Ada", (terminal,))) == [Route("terminal", "Ada")]
    assert directory.reach(Person("p", "Ada", (email,))) == []


async def test_where_an_outcome_is_told(directory: SlackDirectory) -> None:
    person = Person("p", "Ada", (Address("slack", "U1"),))

    def back(**place: str) -> Route | None:
        return directory.back(Origin(surface="slack", place=place), person)

    assert back(channel="C1", user="U2") == Route("slack", "C1,U2")
    assert back(channel="D1", user="U2") == Route("slack", "U2")
    assert back() == Route("slack", "U1")
    assert directory.back(Origin(surface="slack"), Person("p", "Ada")) is None
    assert directory.back(Origin(surface="terminal"), person) is None


@pytest.mark.parametrize("zone", ["Mars/Olympus_Mons", "", None])
async def test_a_time_zone_that_does_not_exist_is_unknown(
    slack: RunningSandbox, directory: SlackDirectory, zone: Any
) -> None:
    user = slack.person("ada").id
    slack.world.users[user].tz = zone
    (ada,) = (await resolved(directory, "slack", user)).people
    assert ada.zone is None


# -- with the engine ----------------------------------------------------------------------------------------


async def test_a_usergroup_is_asked(env: SlackEnv) -> None:
    run = await env.request_approval(WHO.replace('"{{ inputs.who }}"', '["group:finance-approvers"]'), who=[])
    assert [one.person.name for one in (await env.request(run)).approvers] == ["Ada Approver", "Ben Approver"]
    assert buttons(copy_of(env.person("ben")))


async def test_where_nobody_may_be_asked_the_owner_is_and_reads_why(env: SlackEnv) -> None:
    names = [f"<@{env.person(name).id}>" for name in ("dora", "gus")]
    await env.request_approval(WHO, who=[*names, f"<@{env.slack.app.bot_user}>", "nobody@example.com"])
    shown = words(copy_of(env.person("cleo")))
    for why in ("is deactivated", "is a guest", "is a bot", "so they are not asked", "so the owner of the workflow is"):
        assert why in shown
    assert env.person("gus").sees() == []


async def test_whoever_is_named_twice_gets_one_copy(env: SlackEnv) -> None:
    asks = WHO.replace('"{{ inputs.who }}"', '["{{ inputs.who }}", "group:finance-approvers"]')
    await env.request_approval(asks, who=["ada@example.com", f"<@{env.person('ada').id}>"])
    assert len(env.person("ada").sees()) == 1


# -- large groups -------------------------------------------------------------------------------------------


def crowd(slack: RunningSandbox, count: int) -> list[str]:
    """So many new people in @finance-approvers."""
    world = slack.world
    joined = []
    for number in range(count):
        made = User(id=world.new_id("U"), name=f"p{number}", real_name=f"P {number}", email=f"p{number}@example.com")
        world.users[made.id] = made
        joined.append(made.id)
    next(one for one in world.usergroups.values() if one.handle == "finance-approvers").users = joined
    return joined


async def test_of_a_large_usergroup_only_as_many_are_looked_up_as_are_asked(
    slack: RunningSandbox, directory: SlackDirectory
) -> None:
    slack.rates.configure(enabled=False)
    crowd(slack, 130)
    found = await resolved(directory, "group", "finance-approvers")
    assert len(found.people) == 100
    assert found.why == "@finance-approvers has 130 members; only the first 100 are asked."
    assert len([one for one in slack.slack.calls if one.method == "users.info"]) == 100


async def test_who_is_in_a_usergroup_is_known_without_looking_anybody_up(
    slack: RunningSandbox, directory: SlackDirectory
) -> None:
    joined = crowd(slack, 400)
    asked = Reference("members", "finance-approvers", "group:finance-approvers")
    found = (await directory.resolve([asked]))[asked]
    assert found.members == {Address("slack", one) for one in joined}
    assert not [one for one in slack.slack.calls if one.method == "users.info"]
