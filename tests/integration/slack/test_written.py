"""Messages that people write to the app: it reads none, and says so to people, at most once an hour."""

from __future__ import annotations

from typing import Any

import pytest

from bot.devtools.sandbox.people import emit
from bot.devtools.sandbox.server import SimulatedPerson
from tests.support.slack_env import SlackEnv, words


def _delivered(env: SlackEnv) -> int:
    return sum(delivery.kind == "events_api" and delivery.ack is not None for delivery in env.slack.deliveries)


async def answers_to(env: SlackEnv, person: SimulatedPerson, *, after: int) -> list[str]:
    """Return the answers of the app to a person, after it has received `after` messages."""
    await env.slack.until(lambda: _delivered(env) == after)
    await env.finish_background_work()
    return [words(message["blocks"]) for message in person.sees() if message.get("bot_id")]


async def test_a_person_who_writes_to_the_app_is_answered_with_the_command(env: SlackEnv) -> None:
    ada, ben = env.person("ada"), env.person("ben")
    ada.say("hello there")
    (answer,) = await answers_to(env, ada, after=1)
    assert answer.startswith("I can't read messages")
    assert "/signoff help" in answer
    assert await answers_to(env, ben, after=1) == []


async def test_each_person_gets_one_answer_an_hour(env: SlackEnv) -> None:
    ada, ben = env.person("ada"), env.person("ben")
    for line in "hello", "are you there?", "hello??":
        ada.say(line)
    ben.say("hi")
    assert len(await answers_to(env, ada, after=4)) == len(await answers_to(env, ben, after=4)) == 1
    env.pass_time(minutes=59)
    ada.say("still nothing?")
    assert len(await answers_to(env, ada, after=5)) == 1
    env.pass_time(minutes=2)
    ada.say("and now?")
    assert len(await answers_to(env, ada, after=6)) == 2


async def test_an_answer_below_a_request_is_answered_there(env: SlackEnv) -> None:
    await env.request_approval()
    ada = env.person("ada")
    request = ada.sees()[-1]
    ada.say("approved!", thread_ts=request["ts"])
    assert "buttons" in (await answers_to(env, ada, after=1))[-1]
    assert ada.sees()[-1]["thread_ts"] == request["ts"]


@pytest.mark.parametrize(
    "written",
    [
        {"subtype": "file_share", "text": "", "files": [{"id": "F1"}], "upload": True},
        {"subtype": "thread_broadcast", "thread_ts": "ROOT"},
        {"subtype": "me_message"},
    ],
)
async def test_a_file_and_a_broadcast_reply_are_answered_like_a_message(env: SlackEnv, written: dict[str, Any]) -> None:
    ada, app = env.person("ada"), env.slack.app
    await env.request_approval()
    event = {"type": "message", "user": ada.id, "text": "x", "ts": "1.1", "channel": ada.dm, "channel_type": "im"}
    below = {"thread_ts": ada.sees()[-1]["ts"]} if "thread_ts" in written else {}
    emit(env.slack.slack, app, inner={**event, **written, **below}, subscribed=True)
    assert (await answers_to(env, ada, after=1))[-1].startswith("I can't read messages")


@pytest.mark.parametrize(
    "changed",
    [
        {"bot_id": "B1"},
        {"bot_profile": {"id": "B1"}},
        {"app_id": "A1"},
        {"subtype": "message_changed", "hidden": True, "user": None},
        {"subtype": "message_deleted", "hidden": True},
        {"subtype": "bot_message"},
        {"channel_type": "channel"},
        {"user": "OURSELVES"},
        {"user": "USLACKBOT"},
        {"user": None},
        {"channel": None},
    ],
)
async def test_apps_edits_and_messages_elsewhere_are_never_answered(env: SlackEnv, changed: dict[str, Any]) -> None:
    ada, app = env.person("ada"), env.slack.app
    own = {"user": app.bot_user} if changed.get("user") == "OURSELVES" else {}
    event = {
        "type": "message",
        "user": ada.id,
        "text": "hello",
        "ts": "1.1",
        "channel": ada.dm,
        "channel_type": "im",
        **changed,
        **own,
    }
    emit(env.slack.slack, app, inner=event, subscribed=True)
    assert await answers_to(env, ada, after=1) == []
    assert all(delivery.ack is not None and delivery.ack.ok for delivery in env.slack.deliveries)
