"""The directory on a local Slack: who people are, and who may be asked."""

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


class StoppedClock:
    """A clock that counts seconds and stands still."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
async def slack() -> AsyncIterator[RunningSandbox]:
    async with sandbox() as running:
        yield running


@pytest.fixture
async def directory(slack: RunningSandbox, clock: StoppedClock) -> AsyncIterator[SlackDirectory]:
    async with open_client(token=slack.app.bot_token, api_url=slack.api_url) as client:
        yield SlackDirectory(client, now=clock)


async def resolve(directory: SlackDirectory, kind: str, value: str) -> Resolution:
    reference = Reference(kind, value, f"{kind}:{value}")
    assert directory.asks(reference)
    return (await directory.resolve([reference]))[reference]


def known_person(slack: RunningSandbox, name: str) -> DirectoryPerson:
    user = slack.world.users[slack.person(name).id]
    return DirectoryPerson(user.real_name, (Address("slack", user.id), Address("email", user.email)), user.tz)


async def test_an_email_address_and_an_account_are_one_person(slack: RunningSandbox, directory: SlackDirectory) -> None:
    ada = known_person(slack, "ada")
    assert await resolve(directory, "email", "ada@example.com") == Resolution((ada,))
    assert await resolve(directory, "slack", slack.person("ada").id) == Resolution((ada,))


@pytest.mark.parametrize(("name", "reason"), [("dora", "is deactivated"), ("gus", "is a guest"), ("una", "is a guest")])
async def test_some_accounts_are_never_asked(
    slack: RunningSandbox, directory: SlackDirectory, name: str, reason: str
) -> None:
    answer = await resolve(directory, "slack", slack.person(name).id)
    assert answer.people == ()
    assert f"{reason} and is not asked" in (answer.why or "")
    answer = await resolve(directory, "email", f"{name}@example.com")
    assert answer.people == ()
    assert "not asked" in (answer.why or "")


async def test_bots_are_never_asked(slack: RunningSandbox, directory: SlackDirectory) -> None:
    for account in slack.app.bot_user, "USLACKBOT":
        answer = await resolve(directory, "slack", account)
        assert answer.people == ()
        assert "is a bot" in (answer.why or "")


async def test_references_that_slack_does_not_know_get_a_reason(directory: SlackDirectory) -> None:
    for kind, value, reason in (
        ("slack", "U0NOBODY", "is not an account in this Slack workspace"),
        ("email", "nobody@example.com", "has no active account in this Slack workspace"),
        ("group", "nobodies", "There is no usergroup @nobodies"),
        ("group", "disbanded", "There is no usergroup @disbanded"),
    ):
        answer = await resolve(directory, kind, value)
        assert answer.people == ()
        assert reason in (answer.why or "")


async def test_a_usergroup_resolves_to_the_members_who_may_be_asked(
    slack: RunningSandbox, directory: SlackDirectory
) -> None:
    (group,) = [group for group in slack.world.usergroups.values() if group.handle == "finance-approvers"]
    group.users.append(slack.person("dora").id)
    answer = await resolve(directory, "group", "finance-approvers")
    assert answer.people == (known_person(slack, "ada"), known_person(slack, "ben"))
    assert "Dora Deactivated is deactivated" in (answer.why or "")


async def test_a_usergroup_without_eligible_members_says_why(slack: RunningSandbox, directory: SlackDirectory) -> None:
    (group,) = [group for group in slack.world.usergroups.values() if group.handle == "finance-approvers"]
    group.users[:] = [slack.person("gus").id]
    answer = await resolve(directory, "group", "finance-approvers")
    assert answer.people == ()
    assert "has no member who can be asked" in (answer.why or "")
    assert "Gus Guest is a guest" in (answer.why or "")


async def test_a_plan_without_usergroups_gets_a_reason(slack: RunningSandbox, directory: SlackDirectory) -> None:
    slack.world.team.has_usergroups = False
    answer = await resolve(directory, "group", "finance-approvers")
    assert "has no usergroups" in (answer.why or "")


async def test_an_answer_is_cached_for_some_minutes(
    slack: RunningSandbox, directory: SlackDirectory, clock: StoppedClock
) -> None:
    ada = slack.person("ada")
    for _ in range(3):
        await resolve(directory, "slack", ada.id)
    assert len(slack.calls("users.info")) == 1
    ada.user.deleted = True
    clock.now += FRESH_SECONDS + 1
    assert (await resolve(directory, "slack", ada.id)).people == ()


async def test_an_unreachable_slack_is_an_error_and_not_an_answer(
    slack: RunningSandbox, directory: SlackDirectory
) -> None:
    slack.faults.down = True
    for kind, value in ("slack", "U0ADA"), ("email", "ada@example.com"), ("group", "finance-approvers"):
        with pytest.raises(ChannelError):
            await resolve(directory, kind, value)


async def test_people_are_reached_in_slack_or_at_the_terminal(directory: SlackDirectory) -> None:
    email, slack, terminal = Address("email", "a@example.com"), Address("slack", "U1"), Address("terminal", "root")
    assert directory.reach(Person("p", "Ada", (email, slack))) == [Route("slack", "U1")]
    assert directory.reach(Person("p", "Ada", (terminal,))) == [Route("terminal", "Ada")]
    assert directory.reach(Person("p", "Ada", (email,))) == []


async def test_an_outcome_goes_to_the_place_where_the_run_started(directory: SlackDirectory) -> None:
    person = Person("p", "Ada", (Address("slack", "U1"),))

    def back(**details: str) -> Route | None:
        return directory.back(Origin(surface="slack", place=details), person)

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
    (ada,) = (await resolve(directory, "slack", user)).people
    assert ada.zone is None


# -- with the engine ----------------------------------------------------------------------------------------


async def test_a_usergroup_is_asked(env: SlackEnv) -> None:
    run = await env.request_approval(WHO.replace('"{{ inputs.who }}"', '["group:finance-approvers"]'), who=[])
    assert [approver.person.name for approver in (await env.request(run)).approvers] == ["Ada Approver", "Ben Approver"]
    assert buttons(copy_of(env.person("ben")))


async def test_without_eligible_approvers_the_owner_is_asked_and_reads_why(env: SlackEnv) -> None:
    names = [f"<@{env.person(name).id}>" for name in ("dora", "gus")]
    await env.request_approval(WHO, who=[*names, f"<@{env.slack.app.bot_user}>", "nobody@example.com"])
    text = words(copy_of(env.person("cleo")))
    for part in (
        "is deactivated",
        "is a guest",
        "is a bot",
        "is not asked",
        "so the owner of the workflow decides",
    ):
        assert part in text
    assert env.person("gus").sees() == []


async def test_a_person_who_is_named_twice_gets_one_copy(env: SlackEnv) -> None:
    asks = WHO.replace('"{{ inputs.who }}"', '["{{ inputs.who }}", "group:finance-approvers"]')
    await env.request_approval(asks, who=["ada@example.com", f"<@{env.person('ada').id}>"])
    assert len(env.person("ada").sees()) == 1


# -- large groups -------------------------------------------------------------------------------------------


def add_members(slack: RunningSandbox, count: int) -> list[str]:
    """Put `number` new people into @finance-approvers and return their ids."""
    world = slack.world
    ids = []
    for number in range(count):
        user = User(id=world.new_id("U"), name=f"p{number}", real_name=f"P {number}", email=f"p{number}@example.com")
        world.users[user.id] = user
        ids.append(user.id)
    next(group for group in world.usergroups.values() if group.handle == "finance-approvers").users = ids
    return ids


def calls(slack: RunningSandbox, method: str) -> int:
    return len([call for call in slack.slack.calls if call.method == method])


async def test_the_members_of_a_large_usergroup_are_read_from_the_list_of_all_members(
    slack: RunningSandbox, directory: SlackDirectory
) -> None:
    ids = add_members(slack, 610)
    slack.world.users[ids[0]].deleted = True
    resolution = await resolve(directory, "group", "finance-approvers")
    assert len(resolution.people) == 500
    assert resolution.people[0].addresses == (Address("slack", ids[1]), Address("email", "p1@example.com"))
    assert resolution.why == "@finance-approvers has 610 members; only the first 500 are asked."
    assert (calls(slack, "users.list"), calls(slack, "users.info")) == (1, 0)
    assert slack.rates.refused == 0


async def test_many_addresses_are_read_from_the_list_of_all_members(
    slack: RunningSandbox, directory: SlackDirectory
) -> None:
    ids = add_members(slack, 200)
    slack.world.users[ids[0]].deleted = True
    emails = [f"p{number}@example.com" for number in range(201)]
    references = [Reference("email", email, email) for email in emails]
    resolutions = await directory.resolve(references)
    found = [person.addresses[0].value for resolution in resolutions.values() for person in resolution.people]
    assert found == ids[1:]
    assert resolutions[references[0]].standing == "deactivated"
    assert resolutions[references[-1]].unknown
    assert (calls(slack, "users.list"), calls(slack, "users.lookupByEmail")) == (1, 0)


async def test_an_account_that_has_changed_is_looked_up_again(slack: RunningSandbox, directory: SlackDirectory) -> None:
    ada = slack.person("ada").id
    assert (await resolve(directory, "email", "ada@example.com")).people
    slack.world.users[ada].deleted = True
    assert (await resolve(directory, "slack", ada)).people, "the answer is kept for a while"
    directory.forget(Address("slack", ada))
    assert (await resolve(directory, "slack", ada)).standing == "deactivated"
    assert (await resolve(directory, "email", "ada@example.com")).standing == "deactivated"


async def test_the_members_of_a_usergroup_are_known_without_a_lookup_of_each(
    slack: RunningSandbox, directory: SlackDirectory
) -> None:
    ids = add_members(slack, 400)
    reference = Reference("members", "finance-approvers", "group:finance-approvers")
    resolution = (await directory.resolve([reference]))[reference]
    assert resolution.members == {Address("slack", account) for account in ids}
    assert not [call for call in slack.slack.calls if call.method == "users.info"]
