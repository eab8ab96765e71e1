"""Runs that messages start: by the entry in the menu of a message, and by a reaction in a channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.devtools.sandbox.people import emit
from bot.devtools.sandbox.server import SimulatedPerson
from bot.devtools.sandbox.world import User
from engine.domain import Address, NotAllowed, Origin, Register, RunStatus
from engine.read_models import PageQuery, RunView
from tests.support.databases import OpenStore
from tests.support.slack_env import SlackEnv, buttons, ephemeral_texts, expect_ok, open_slack, words

REFUND = """\
name: refund
title: Refund
inputs:
  order: {type: text, label: Order number}
  why: {type: long_text}
  asked: {type: person, required: false}
  source: {type: url, required: false}
EXTRA
triggers:
  - message: true
    inputs:
      order: "{{ trigger.text }}"
      why: "{{ trigger.text }}"
      asked: "{{ trigger.author }}"
      source: "{{ trigger.link }}"
  - reaction: {emoji: eyes, channel: CHANNEL}
    inputs:
      why: "{{ trigger.channel }}: {{ trigger.text }}"
      order: "{{ trigger.text }}"
      asked: "{{ trigger.author }}"
steps:
  - id: pay
    uses: played
    with: {text: "Refund {{ inputs.order }}: {{ inputs.why }}", again: true}
    gate: {title: "Refund {{ inputs.order }}?", approvers: [ada@example.com]}
"""


def refund(*, name: str = "refund", channel: str = '"#general"', extra: str = "") -> str:
    text = REFUND.replace("name: refund", f"name: {name}").replace("title: Refund", f"title: {name.capitalize()}")
    return text.replace("CHANNEL", channel).replace("EXTRA\n", extra)


@pytest.fixture
async def on_database(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[SlackEnv]:
    async with open_slack(tmp_path / "signoff.db", "http", open_store=open_database) as env:
        yield env


async def runs(env: SlackEnv) -> list[RunView]:
    return sorted(await env.engine.runs(PageQuery(limit=100)), key=lambda run: run.id)


def say(
    env: SlackEnv, person: str, text: str, *, thread: str | None = None, channel: str = "general"
) -> dict[str, Any]:
    """Let a person write a message, and return it as they see it."""
    who = env.person(person)
    ts = who.say(text, channel=channel, thread_ts=thread)
    return next(message for message in who.sees(channel) if message["ts"] == ts)


async def use_shortcut(env: SlackEnv, person: SimulatedPerson, message: dict[str, Any]) -> dict[str, Any]:
    """Choose the entry in the menu of a message, and return the modal that opens."""
    expect_ok(await person.shortcut("message.run", on=message))
    await env.finish_background_work()
    assert person.modal is not None
    return person.modal


async def react(
    env: SlackEnv, person: str, message: dict[str, Any], emoji: str = "eyes", *, remove: bool = False
) -> None:
    before = len(env.slack.deliveries)
    env.person(person).react(emoji, on=message, remove=remove)
    if not remove:
        await delivered(env, before)


async def delivered(env: SlackEnv, before: int) -> None:
    await env.slack.until(
        lambda: any(d.kind == "events_api" and d.ack is not None for d in env.slack.deliveries[before:])
    )
    await env.settle()


def value_of(modal: dict[str, Any], label: str) -> Any:
    block = next(block for block in modal["blocks"] if block.get("label", {}).get("text") == label)
    return block["element"].get("initial_value")


# -- the entry in the menu of a message ---------------------------------------------------------------------


async def test_the_only_workflow_opens_its_form_filled_in_from_the_message(env: SlackEnv) -> None:
    await env.register(refund())
    cleo, message = env.person("cleo"), say(env, "ben", "A-1 &amp; more")
    modal = await use_shortcut(env, cleo, message)
    assert (value_of(modal, "Order number"), value_of(modal, "Why")) == ("A-1 & more", "A-1 & more")
    expect_ok(await cleo.submit())
    await env.settle()
    (run,) = await runs(env)
    assert run.requester.email == "cleo@example.com"
    assert run.inputs["asked"] == "ben@example.com"
    ts = message["ts"].replace(".", "")
    assert run.inputs["source"] == f"{env.slack.base_url}/archives/{env.slack.channel('general')}/p{ts}"
    assert run.origin.place["link"] == run.inputs["source"]
    (entry,) = [entry for entry in env.entries() if entry["kind"] == "run.started"]
    assert entry["link"] == run.inputs["source"]
    assert "Ada" in ephemeral_texts(env.slack, cleo)[-1]


async def test_the_outcome_is_posted_in_the_thread_of_the_message(env: SlackEnv) -> None:
    await env.register(refund())
    message = say(env, "ben", "A-1")
    reply = say(env, "ben", "A-2", thread=message["ts"])
    for on in message, reply:
        await use_shortcut(env, env.person("cleo"), on)
        expect_ok(await env.person("cleo").submit())
        await env.settle()
        expect_ok(await env.person("ada").click("Approve"))
        await env.settle()
    in_thread = [one for one in env.person("ben").sees("general") if one.get("bot_id") and not one.get("is_ephemeral")]
    assert [one["thread_ts"] for one in in_thread] == [message["ts"]] * 2
    assert all("Refund" in words(one["blocks"]) for one in in_thread)
    assert [run.status for run in await runs(env)] == [RunStatus.SUCCEEDED] * 2


async def test_a_choice_among_workflows_keeps_the_message(env: SlackEnv) -> None:
    await env.register(refund(name="alpha"))
    await env.register(refund(name="beta"))
    await env.register(refund(name="mine", extra="may_run: [ben@example.com]\n"))
    cleo = env.person("cleo")
    text = "Order <https://shop.example.com/1|shop.example.com/1> of <@U0NONE> &lt;b&gt;\nsecond line"
    modal = await use_shortcut(env, cleo, say(env, "ben", text))
    options = modal["blocks"][0]["element"]["options"]
    assert [option["value"] for option in options] == ["alpha", "beta", "mine"]  # she owns it
    ben_modal = await use_shortcut(env, env.person("gus"), say(env, "ben", "x"))
    assert "No workflow that you may start" in words(ben_modal["blocks"])
    await cleo.fill("Workflow", "Beta")
    expect_ok(await cleo.submit())
    assert cleo.modal is not None
    assert value_of(cleo.modal, "Why") == "Order shop.example.com/1 of @U0NONE <b>\nsecond line"
    await cleo.fill("Order number", "A-2")
    expect_ok(await cleo.submit())
    (run,) = await runs(env)
    assert (run.workflow, run.inputs["order"]) == ("beta", "A-2")


async def test_two_clicks_and_two_forms_start_one_run(env: SlackEnv) -> None:
    await env.register(refund())
    message, cleo, ben = say(env, "ben", "A-1"), env.person("cleo"), env.person("ben")
    for person in cleo, ben, cleo:
        await use_shortcut(env, person, message)
        expect_ok(await person.submit())
        await env.settle()
    assert len(await runs(env)) == 1
    assert "was started already" in ephemeral_texts(env.slack, cleo)[-1]


async def test_a_person_who_may_not_start_it_learns_nothing_of_a_run_for_the_message(env: SlackEnv) -> None:
    await env.register(refund())
    message, cleo, ben = say(env, "ben", "A-1"), env.person("cleo"), env.person("ben")
    await use_shortcut(env, ben, message)
    await env.register(refund(extra="may_run: [cleo@example.com]\n"))
    await use_shortcut(env, cleo, message)
    expect_ok(await cleo.submit())
    expect_ok(await ben.submit())  # the form of the version before
    expect_ok(await ben.submit())
    assert ben.modal is not None
    assert "You cannot start refund" in words(ben.modal["blocks"])
    assert len(await runs(env)) == 1


async def test_a_required_input_that_the_message_does_not_give_is_asked(env: SlackEnv) -> None:
    await env.register(refund().replace('order: "{{ trigger.text }}"', 'order: "{{ trigger.text | number }}"', 1))
    cleo = env.person("cleo")
    modal = await use_shortcut(env, cleo, say(env, "ben", "no number here"))
    assert "The message does not give Order number" in words(modal["blocks"])
    await cleo.fill("Order number", "A-9")
    expect_ok(await cleo.submit())
    (run,) = await runs(env)
    assert run.inputs["order"] == "A-9"


async def test_a_message_in_a_conversation_without_the_app_starts_a_run(env: SlackEnv) -> None:
    await env.register(refund())
    ben = env.person("ben")
    message = say(env, "ben", "A-1", channel="finance")
    await use_shortcut(env, ben, message)
    expect_ok(await ben.submit())
    await env.settle()
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    (run,) = await runs(env)
    assert run.status is RunStatus.SUCCEEDED
    assert [one for one in ben.sees("finance") if not one.get("is_ephemeral")] == [message]
    assert "Refund" in words(ben.sees()[-1]["blocks"])  # in the conversation with the app


async def test_a_long_message_and_a_message_of_an_app_fill_the_form(env: SlackEnv) -> None:
    await env.register(refund(name="alpha"))
    await env.register(refund(name="beta"))
    cleo, text = env.person("cleo"), "word " * 1_500
    modal = await use_shortcut(env, cleo, say(env, "ben", text))
    assert modal["callback_id"] == "modal.choice"
    await cleo.fill("Workflow", "Alpha")
    expect_ok(await cleo.submit())
    assert "part 1 of" in words(cleo.modal["blocks"] if cleo.modal else [])


async def test_what_a_message_says_is_text(env: SlackEnv) -> None:
    await env.register(refund())
    cleo = env.person("cleo")
    await use_shortcut(env, cleo, say(env, "ben", "{{ secret.PAY }} {% x %} \x00\u202e"))
    expect_ok(await cleo.submit())
    (run,) = await runs(env)
    assert str(run.inputs["why"]).startswith("{{ secret.PAY }} {% x %}")


# -- reactions ----------------------------------------------------------------------------------------------


async def test_a_reaction_starts_a_run_for_the_person_who_added_it(on_database: SlackEnv) -> None:
    env = on_database
    await env.register(refund())
    message = say(env, "ben", "A-1")
    await react(env, "cleo", message)
    (run,) = await runs(env)
    assert run.requester.email == "cleo@example.com"
    assert dict(run.inputs) == {"order": "A-1", "why": "#general: A-1", "asked": "ben@example.com", "source": None}
    assert run.origin.place["emoji"] == "eyes"


async def test_one_message_and_emoji_start_one_run(env: SlackEnv) -> None:
    await env.register(refund())
    message = say(env, "ben", "A-1")
    await react(env, "cleo", message)
    await react(env, "ben", message)
    await react(env, "cleo", message, remove=True)
    await react(env, "cleo", message)
    env.slack.fault("deliver:events_api", "duplicate")
    await react(env, "ada", message)
    assert len(await runs(env)) == 1
    assert len(ephemeral_texts(env.slack, env.person("cleo"))) == 1
    await react(env, "ben", say(env, "ben", "A-2"), "eyes::skin-tone-3")
    assert len(await runs(env)) == 2


async def test_other_reactions_start_nothing(env: SlackEnv) -> None:
    await env.register(refund(channel='"#leads"'))
    await react(env, "cleo", say(env, "ben", "A-1"))
    await react(env, "cleo", say(env, "cleo", "A-1", channel="leads"), "+1")
    before = len(env.slack.deliveries)
    item = {"type": "file", "file": "F1"}
    inner = {"type": "reaction_added", "user": env.person("cleo").id, "reaction": "eyes", "item": item}
    emit(env.slack.slack, env.slack.app, inner=inner)
    await delivered(env, before)
    assert await runs(env) == []
    await react(env, "cleo", say(env, "cleo", "A-1", channel="leads"))
    (run,) = await runs(env)
    assert run.inputs["why"] == "#leads: A-1"


async def test_reactions_of_apps_start_nothing(env: SlackEnv) -> None:
    await env.register(refund())
    message = say(env, "ben", "A-1")
    bots = [user.id for user in env.slack.world.users.values() if user.is_bot]
    for user in bots:
        before = len(env.slack.deliveries)
        item = {"type": "message", "channel": message["channel"], "ts": message["ts"]}
        inner = {"type": "reaction_added", "user": user, "reaction": "eyes", "item": item, "item_user": "U1"}
        emit(env.slack.slack, env.slack.app, inner=inner)
        await delivered(env, before)
    assert len(bots) == 3
    assert await runs(env) == []


async def test_a_person_who_may_not_start_it_is_told_once(env: SlackEnv) -> None:
    await env.register(refund(extra="may_run: [ben@example.com]\n"))
    message = say(env, "ben", "A-1")
    await react(env, "ada", message)
    await react(env, "ada", message, remove=True)
    await react(env, "ada", message)
    (told,) = ephemeral_texts(env.slack, env.person("ada"))
    assert told == "You cannot start refund. It is for ben@example.com."
    assert await runs(env) == []
    await react(env, "ben", message)
    assert len(await runs(env)) == 1


async def test_guests_and_people_of_other_workspaces_start_nothing(env: SlackEnv) -> None:
    await env.register(refund())
    world = env.slack.world
    stranger = User(id=world.new_id("U"), name="zoe", real_name="Zoe", email="zoe@other.example", is_stranger=True)
    world.users[stranger.id] = stranger
    world.channels[env.slack.channel("general")].members.append(stranger.id)
    message = say(env, "ben", "A-1")
    for name in "gus", "zoe":
        await react(env, name, message)
        assert "Guests cannot start refund" in ephemeral_texts(env.slack, env.person(name))[-1]
    assert await runs(env) == []


async def test_wrong_inputs_come_with_a_button_that_opens_the_form(env: SlackEnv) -> None:
    await env.register(refund())
    ben = env.person("ben")
    message = say(env, "ben", "two\nlines")
    reply = say(env, "ben", "two\nmore lines", thread=message["ts"])
    await react(env, "ben", reply)
    asked = ben.sees()[-1]
    assert "did not start Refund" in words(asked["blocks"])
    assert "Order number" in words(asked["blocks"])
    assert buttons(asked) == ["Fill in the form"]
    expect_ok(await ben.click("Fill in the form"))
    await env.finish_background_work()
    assert ben.modal is not None
    assert value_of(ben.modal, "Why") == "#general: two\nmore lines"
    await ben.fill("Order number", "A-1")
    expect_ok(await ben.submit())
    await env.settle()
    (run,) = await runs(env)
    assert (run.inputs["order"], run.origin.place["emoji"]) == ("A-1", "eyes")
    assert run.origin.place["thread"] == message["ts"]
    # The reaction has its run now.
    await react(env, "cleo", reply)
    assert len(await runs(env)) == 1


async def test_a_mapping_that_fails_asks_those_who_may_start_it(env: SlackEnv) -> None:
    source = refund(extra="may_run: [ben@example.com]\n")
    await env.register(
        source.replace(
            'order: "{{ trigger.text }}"\n      asked', 'order: "{{ 1 / trigger.text | number }}"\n      asked'
        )
    )
    message = say(env, "ben", "0")
    await react(env, "ben", message)
    assert buttons(env.person("ben").sees()[-1]) == ["Fill in the form"]
    await react(env, "ada", message)
    assert ephemeral_texts(env.slack, env.person("ada")) == ["You cannot start refund."]


async def test_an_edited_message_is_read_as_it_is_when_the_emoji_is_added(env: SlackEnv) -> None:
    await env.register(refund())
    message = say(env, "ben", "A-1")
    stored = env.slack.world.message(message["channel"], message["ts"])
    assert stored is not None
    stored.text = "A-2"
    await react(env, "ben", message)
    stored.text = "A-3"
    (run,) = await runs(env)
    assert run.inputs["order"] == "A-2"


async def test_a_message_that_is_gone_starts_nothing(env: SlackEnv) -> None:
    await env.register(refund())
    message = say(env, "ben", "A-1")
    env.slack.fault("conversations.replies", "error", code="thread_not_found")
    await react(env, "ben", message)
    assert await runs(env) == []


async def test_a_message_that_the_app_may_not_read_is_told(env: SlackEnv) -> None:
    await env.register(refund())
    env.slack.app.scopes.remove("channels:history")
    await react(env, "ben", say(env, "ben", "A-1"))
    (told,) = ephemeral_texts(env.slack, env.person("ben"))
    assert told.startswith("Your reaction started nothing: Signoff cannot read this message.")


async def test_slack_sends_a_reaction_again_that_could_not_be_read(tmp_path: Path, empty_database: bytes) -> None:
    path = tmp_path / "signoff.db"
    path.write_bytes(empty_database)
    path.chmod(0o600)
    async with open_slack(path, "http") as env:
        await env.register(refund())
        message = say(env, "ben", "A-1")
        env.slack.fault("conversations.replies", "error", code="internal_error")
        env.person("ben").react("eyes", on=message)
        await env.slack.until(lambda: len(acks(env)) == 2)
        assert [ack.status for ack in acks(env)] == [503, 200]
        assert len(await runs(env)) == 1


def acks(env: SlackEnv) -> list[Any]:
    return [d.ack for d in env.slack.deliveries if d.payload.get("event", {}).get("type") == "reaction_added" and d.ack]


async def test_several_workflows_listen_to_one_emoji(on_database: SlackEnv) -> None:
    env = on_database
    await env.register(refund(name="alpha"))
    await env.register(refund(name="beta"))
    message = say(env, "ben", "A-1")
    before = len(env.slack.deliveries)
    for name in "ada", "ben", "cleo":
        env.person(name).react("eyes", on=message)
    await env.slack.until(lambda: sum(d.ack is not None for d in env.slack.deliveries[before:]) >= 3)
    await asyncio.sleep(0)
    await env.settle()
    assert sorted(run.workflow for run in await runs(env)) == ["alpha", "beta"]


async def test_overlap_holds_for_reactions(env: SlackEnv) -> None:
    await env.register(refund().replace('eyes, channel: "#general"}', 'eyes, channel: "#general"}\n    overlap: skip'))
    first, second = say(env, "ben", "A-1"), say(env, "ben", "A-2")
    await react(env, "ben", first)
    await react(env, "ben", second)
    (run,) = await runs(env)
    assert f"the run before, {run.id}, has not ended" in ephemeral_texts(env.slack, env.person("ben"))[-1]


# -- registering, and looking -------------------------------------------------------------------------------


async def test_registering_lets_the_app_join_the_channel_of_a_reaction(env: SlackEnv) -> None:
    await env.register(refund(channel='"#finance"'))
    await react(env, "ben", say(env, "ben", "A-1", channel="finance"))
    assert len(await runs(env)) == 1


async def test_a_channel_that_the_app_cannot_see_is_refused(env: SlackEnv) -> None:
    address, origin = Address("slack", env.person("cleo").id), Origin(surface="slack")
    command = Register(source=refund(channel='"#secret"').encode(), actor=address, origin=origin)
    answer = await env.engine.register(command)
    assert isinstance(answer, NotAllowed)
    assert "The reaction that starts it: Signoff sees no channel #secret." in answer.why


async def test_people_can_see_how_messages_start_a_workflow(env: SlackEnv) -> None:
    await env.register(refund())
    expect_ok(await env.person("ben").command("/signoff show refund"))
    shown = words(env.person("ben").sees()[-1]["blocks"])
    assert "It also starts with the menu of a message or the reaction :eyes: in #general." in shown
