"""Messages that people write to the app, which reads none: it says so, seldom, and to people only."""

from __future__ import annotations

from typing import Any

import pytest

from bot.devtools.sandbox.people import emit
from bot.devtools.sandbox.server import SimulatedPerson
from tests.support.slack_env import SlackEnv, words


def _delivered(env: SlackEnv) -> int:
    return sum(one.kind == "events_api" and one.ack is not None for one in env.slack.deliveries)


async def said(env: SlackEnv, person: SimulatedPerson, *, after: int) -> list[str]:
    """What the app wrote into their conversation, once it heard of so many messages."""
    await env.slack.until(lambda: _delivered(env) == after)
    await env.finish_background_work()
    return [words(one["blocks"]) for one in person.sees() if one.get("bot_id")]


async def test_who_writes_to_the_app_hears_what_to_type_instead(env: SlackEnv) -> None:
    ada, ben = env.person("ada"), env.person("ben")
    ada.say("hello there")
    (told,) = await said(env, ada, after=1)
    assert told.startswith("I do not read messages")
    assert "/signoff help" in told
    assert await said(env, ben, after=1) == []


async def test_not_every_line_is_answered_but_one_an_hour_of_each_person(env: SlackEnv) -> None:
    ada, ben = env.person("ada"), env.person("ben")
    for line in "hello", "are you there?", "hello??":
        ada.say(line)
    ben.say("hi")
    assert len(await said(env, ada, after=4)) == len(await said(env, ben, after=4)) == 1
    env.pass_time(minutes=59)
    ada.say("still nothing?")
    assert len(await said(env, ada, after=5)) == 1
    env.pass_time(minutes=2)
    ada.say("and now?")
    assert len(await said(env, ada, after=6)) == 2


async def test_an_answer_below_a_request_is_answered_there(env: SlackEnv) -> None:
    await env.request_approval()
    ada = env.person("ada")
    request = ada.sees()[-1]
    ada.say("approved!", thread_ts=request["ts"])
    assert "buttons" in (await said(env, ada, after=1))[-1]
    assert ada.sees()[-1]["thread_ts"] == request["ts"]


@pytest.mark.parametrize(
    "written",
    [
        {"subtype": "file_share", "text": "", "files": [{"id": "F1"}], "upload": True},
        {"subtype": "thread_broadcast", "thread_ts": "ROOT"},
        {"subtype": "me_message"},
    ],
)
async def test_a_file_and_a_reply_to_everybody_are_answered_like_a_line(env: SlackEnv, written: dict[str, Any]) -> None:
    ada, app = env.person("ada"), env.slack.app
    await env.request_approval()
    event = {"type": "message", "user": ada.id, "text": "x", "ts": "1.1", "channel": ada.dm, "channel_type": "im"}
    below = {"thread_ts": ada.sees()[-1]["ts"]} if "thread_ts" in written else {}
    emit(env.slack.slack, app, inner={**event, **written, **below}, subscribed=True)
    assert (await said(env, ada, after=1))[-1].startswith("I do not read messages")


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
async def test_apps_edits_and_what_is_written_elsewhere_are_never_answered(
    env: SlackEnv, changed: dict[str, Any]
) -> None:
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
    assert await said(env, ada, after=1) == []
    assert all(one.ack is not None and one.ack.ok for one in env.slack.deliveries)
