"""Each role in Slack: an auditor sees the runs and requests of all people, and is refused everything else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.devtools.sandbox.world import User
from bot.slack.payloads import Actor
from engine.domain import Address, Cancel, NotAllowed, Origin, RunStatus
from tests.integration.slack.test_commands import answer_to
from tests.support.slack_env import SlackEnv, buttons, expect_ok, words

SECRET = "Refund 4711 EUR"


@pytest.fixture
async def run(env: SlackEnv) -> str:
    """Start a run of Ben's, with Dana as an auditor who was never asked anything."""
    join(env, "dana")
    email = Address("email", "dana@example.com")
    env.engine.context = replace(env.engine.context, auditors=frozenset({email}))
    await env.register()
    started = await env.start(by="ben", amount=4711)
    await env.settle()
    return started


def join(env: SlackEnv, name: str) -> None:
    """Let a person become a member who is new to the bot."""
    world = env.slack.world
    user = User(id=world.new_id("U"), name=name, real_name=name.title(), email=f"{name}@example.com")
    world.users[user.id] = user
    channel = world.channel_named("general")
    assert channel is not None
    channel.members.append(user.id)


def actor(env: SlackEnv, name: str) -> Actor:
    return Actor(team=env.slack.world.team.id, user=env.person(name).id)


async def open_details(env: SlackEnv, name: str) -> str:
    person = env.person(name)
    expect_ok(await person.click("Details", on=person.sees("general")[-1]))
    await env.slack.until(lambda: person.modal)
    return words(person.modal)


async def test_an_auditor_lists_the_runs_of_all_people_and_opens_their_details(env: SlackEnv, run: str) -> None:
    listed = await answer_to(env, "dana", "/signoff runs")
    assert "The latest runs of all people" in listed
    assert SECRET in listed
    assert buttons(env.person("dana").sees("general")[-1]) == ["Details"]
    assert SECRET in await open_details(env, "dana")


async def test_an_auditor_changes_nothing(env: SlackEnv, run: str) -> None:
    await answer_to(env, "dana", "/signoff runs")
    assert "Only the person who started a run" in await answer_to(env, "dana", f"/signoff cancel {run}")
    assert "You have no open run" in await answer_to(env, "dana", "/signoff cancel")
    assert "No request is waiting for you" in await answer_to(env, "dana", "/signoff pending")
    dana = Address("slack", env.person("dana").id)
    cancelled = await env.engine.cancel(Cancel(run=run, actor=dana, origin=Origin(surface="slack")))
    assert isinstance(cancelled, NotAllowed)
    assert (await env.view(run)).status is RunStatus.WAITING


async def test_an_auditor_sees_that_there_is_no_run(env: SlackEnv) -> None:
    join(env, "dana")
    email = Address("email", "dana@example.com")
    env.engine.context = replace(env.engine.context, auditors=frozenset({email}))
    assert "No run was started yet." in await answer_to(env, "dana", "/signoff runs")


async def test_a_person_who_takes_no_part_sees_no_run(env: SlackEnv, run: str) -> None:
    join(env, "eve")
    listed = await answer_to(env, "eve", "/signoff runs")
    assert SECRET not in listed
    assert "You haven't started a run yet." in listed


async def test_details_are_refused_to_a_person_who_takes_no_part(env: SlackEnv, run: str) -> None:
    join(env, "eve")
    service, eve = env.bot.service, actor(env, "eve")
    request = (await env.engine.requests_of_run(run))[-1]
    for result in (
        await service.details(eve, request.id, channel=None),
        await service.run_card(eve, run, channel=None),
        await service.details(eve, request.id, channel=env.slack.channel("general")),
        await service.run_card(eve, run, channel=env.slack.channel("general")),
    ):
        assert isinstance(result, NotAllowed)
        assert result.why.startswith("You can't see this r")
    for name in ("ada", "ben", "cleo", "dana"):
        for result in (
            await service.details(actor(env, name), request.id, channel=None),
            await service.run_card(actor(env, name), run, channel=None),
        ):
            assert result is not None
            assert not isinstance(result, NotAllowed), name


async def test_the_home_tab_of_an_auditor_offers_nothing_to_decide(env: SlackEnv, run: str) -> None:
    dana = env.person("dana")
    dana.open_home()
    await env.slack.until(lambda: dana.home)
    assert dana.home is not None
    labels = buttons(dana.home)
    everything = next(label for label in labels if label.startswith("Everything"))
    expect_ok(await dana.click(everything, on="home"))
    await env.slack.until(lambda: SECRET in words(dana.home))
    assert {"Approve", "Reject", "Cancel", "Pass on"} & set(buttons(dana.home)) == set()


async def test_people_who_only_look_do_not_become_known(env: SlackEnv, run: str) -> None:
    join(env, "eve")
    await answer_to(env, "eve", "/signoff runs")
    assert await env.engine.person(Address("email", "eve@example.com")) is None
