"""One copy of a request in a channel, from which every approver may decide, and the discussion below it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.devtools.sandbox.faults import Fault
from bot.devtools.sandbox.people import emit
from engine.domain import Address, NotAllowed, Origin, Refusal, Register, Registered, RequestState
from engine.domain.workflow_commands import Proposed
from tests.support.slack_env import (
    REFUND_WORKFLOW,
    SlackEnv,
    buttons,
    copy_of,
    ephemeral_texts,
    expect_ok,
    words,
)

BUTTONS = ["Approve", "Edit", "Reject", "Ask", "Details"]
ANSWER = "Use the Approve button above. A reply decides nothing."


@pytest.fixture
def transport() -> str:
    return "http"


def posting_to(channel: str, *more: str, keys: str = "") -> str:
    """Return the workflow with one shared copy in a channel."""
    entries = ", ".join([f'{{post_to: "{channel}"}}', *more])
    return REFUND_WORKFLOW.replace("edit: [text]", f"edit: [text]\n      channels: [{entries}]\n{keys}")


def shared(env: SlackEnv, channel: str = "general") -> dict[str, Any]:
    """Return the newest request in a channel, as Ada sees it."""
    messages = reversed(env.person("ada").sees(channel))
    return next(message for message in messages if is_request(message))


def is_request(message: dict[str, Any]) -> bool:
    return "Refund 120 EUR?" in words(message.get("blocks", []))


def mentioned(message: dict[str, Any]) -> list[str]:
    return [
        element["user_id"]
        for block in message["blocks"]
        if block["type"] == "rich_text"
        for part in block["elements"]
        for element in part["elements"]
        if element["type"] == "user"
    ]


def has_own_copy(env: SlackEnv, name: str) -> bool:
    return any(map(is_request, env.person(name).sees()))


async def register(env: SlackEnv, source: str) -> Registered | Proposed | Refusal:
    address = Address("slack", env.person("cleo").id)
    return await env.engine.register(
        Register(source=source.encode(), actor=address, origin=Origin(surface="slack", place={}))
    )


# -- one copy for all ---------------------------------------------------------------------------------------


async def test_one_copy_in_the_channel_asks_all_approvers_and_no_one_else(env: SlackEnv) -> None:
    run = await env.request_approval(posting_to("#general"))
    ada, ben = env.person("ada"), env.person("ben")
    copy = shared(env)
    assert buttons(copy) == BUTTONS
    assert mentioned(copy) == [ada.id, ben.id]
    assert "<!" not in str(copy)
    assert not has_own_copy(env, "ada")
    assert not has_own_copy(env, "ben")
    expect_ok(await ben.click("Approve", on=copy))
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED
    assert "Approved by Ben Approver" in words(shared(env)["blocks"])
    assert buttons(shared(env)) == ["Details"]
    (view,) = [view for view in await env.engine.deliveries(run=run) if view.kind == "request"]
    assert (view.topic, view.channel, view.address) == ("shared", "slack", "#general")


async def test_with_slack_beside_it_each_approver_gets_a_copy_as_well(env: SlackEnv) -> None:
    await env.request_approval(posting_to("#general", "slack"))
    assert has_own_copy(env, "ada")
    assert has_own_copy(env, "ben")
    expect_ok(await env.person("ada").click("Approve", on=shared(env)))
    await env.settle()
    for message in shared(env), copy_of(env.person("ben")):
        assert "Approved by Ada Approver" in words(message["blocks"])


async def test_others_who_click_get_a_sentence_that_only_they_see(env: SlackEnv) -> None:
    run = await env.request_approval(posting_to("#general"))
    gus = env.person("gus")
    expect_ok(await gus.click("Approve", on=shared(env)))
    await env.settle()
    assert await env.state(run) is RequestState.PENDING
    assert "Ada Approver or Ben Approver" in ephemeral_texts(env.slack, gus)[-1]
    assert buttons(shared(env)) == BUTTONS


async def test_a_vote_does_not_take_the_buttons_of_the_others_from_the_shared_copy(env: SlackEnv) -> None:
    run = await env.request_approval(posting_to("#general", keys="      policy: all\n"))
    expect_ok(await env.person("ada").click("Approve", on=shared(env)))
    await env.finish_background_work()
    assert buttons(shared(env)) == BUTTONS
    assert "You approved this" not in words(shared(env)["blocks"])
    await env.settle()
    assert buttons(shared(env)) == BUTTONS
    assert "1 of 2: Ada Approver approved, " in words(shared(env)["blocks"])
    expect_ok(await env.person("ben").click("Approve", on=shared(env)))
    assert await env.state(run) is RequestState.APPROVED


async def test_a_vote_is_confirmed_to_its_person_and_shown_to_all(env: SlackEnv) -> None:
    run = await env.request_approval(posting_to("#general", keys="      policy: all"))
    ada, ben = env.person("ada"), env.person("ben")
    expect_ok(await ada.click("Approve", on=shared(env)))
    await env.settle()
    assert "Your approval was saved: 1 of 2." in ephemeral_texts(env.slack, ada)[-1]
    copy = shared(env)
    assert "1 of 2: Ada Approver approved" in words(copy["blocks"])
    assert mentioned(copy) == [ben.id]
    expect_ok(await ben.click("Approve", on=copy))
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED


async def test_the_home_tab_of_people_who_are_asked_in_the_channel_is_kept_up_to_date(env: SlackEnv) -> None:
    ada = env.person("ada")
    ada.open_home()
    await env.request_approval(posting_to("#general"))
    await env.slack.until(lambda: ada.home and "Refund 120 EUR?" in words(ada.home["blocks"]))


async def test_a_deleted_copy_is_posted_again_with_the_next_change(env: SlackEnv) -> None:
    await env.request_approval(posting_to("#general", keys="      policy: all"))
    first = shared(env)
    env.slack.world.messages[first["channel"]].clear()
    expect_ok(await env.person("ada").click("Approve", on=first, stale=True))
    await env.settle()
    assert shared(env)["ts"] != first["ts"]
    assert "1 of 2" in words(shared(env)["blocks"])


async def test_a_post_whose_answer_was_lost_is_not_posted_twice(env: SlackEnv) -> None:
    await env.register(posting_to("#general"))
    env.slack.faults.add(Fault(on="chat.postMessage", kind="lost"))
    await env.start()
    await env.settle()
    env.pass_time(minutes=5)
    await env.settle()
    assert sum(map(is_request, env.person("ada").sees("general"))) == 1


# -- getting into the channel -------------------------------------------------------------------------------


async def test_the_app_joins_a_public_channel_when_the_file_is_registered_and_when_it_posts(env: SlackEnv) -> None:
    answer = await register(env, posting_to("#finance"))
    assert isinstance(answer, Registered)
    assert answer.warnings == ()
    members, bot = env.slack.world.channels[env.slack.channel("finance")].members, env.slack.app.bot_user
    assert bot in members
    members.remove(bot)
    await env.start()
    await env.settle()
    assert buttons(shared(env, "finance")) == BUTTONS


async def test_without_the_scope_the_registration_says_which_invitation_is_needed(env: SlackEnv) -> None:
    env.slack.app.scopes.remove("channels:join")
    answer = await register(env, posting_to("#finance"))
    assert isinstance(answer, Registered)
    assert answer.warnings == ("The gate of step pay: Signoff is not in #finance. Type /invite @Signoff in #finance.",)


NEVER = {
    "#secret": "Signoff sees no channel #secret. If it is private, type /invite @Signoff in #secret",
    "#nowhere": "Signoff sees no channel #nowhere.",
    "C0NOWHERE": "Signoff sees no channel C0NOWHERE.",
    "#old": "The channel #old is archived. Choose another one.",
}


async def test_a_channel_that_cannot_work_is_refused(env: SlackEnv) -> None:
    for channel, sentence in NEVER.items():
        answer = await register(env, posting_to(channel))
        assert isinstance(answer, NotAllowed)
        assert sentence in answer.why


async def test_a_private_channel_with_the_app_works(env: SlackEnv) -> None:
    run = await env.request_approval(posting_to("#leads"))
    expect_ok(await env.person("ada").click("Approve", on=shared(env, "leads")))
    assert await env.state(run) is RequestState.APPROVED


async def test_the_answer_to_the_registration_says_where_people_are_asked(env: SlackEnv) -> None:
    await env.register(posting_to("#general"))
    expect_ok(await env.person("cleo").command("/signoff show refund"))
    assert "Ben Approver , asked in #general." in ephemeral_texts(env.slack, env.person("cleo"))[-1]


async def test_while_slack_does_not_answer_the_file_is_registered_with_a_warning(env: SlackEnv) -> None:
    await env.register()
    for method in ("users.conversations", "conversations.list"):
        env.slack.faults.add(Fault(on=method, kind="status", status=503, times=9))
    answer = await register(env, posting_to("#finance"))
    assert isinstance(answer, Registered)
    assert "Whether Signoff can post to #finance is not known. Slack did not answer" in answer.warnings[0]


async def test_if_the_channel_was_archived_meanwhile_each_approver_is_asked_and_the_owner_told(env: SlackEnv) -> None:
    await env.register(posting_to("#general"))
    env.slack.world.channels[env.slack.channel("general")].is_archived = True
    run = await env.start()
    await env.settle()
    for name in ("ada", "ben"):
        assert has_own_copy(env, name)
    alert = words(env.person("cleo").sees()[-1]["blocks"])
    assert "“Refund 120 EUR?” could not be posted in its channel" in alert
    assert "the channel is archived" in alert
    assert "Each approver was asked directly." in alert
    assert "#general: Slack cannot reach this address" in words(copy_of(env.person("ada"))["blocks"])
    expect_ok(await env.person("ada").click("Approve"))
    assert await env.state(run) is RequestState.APPROVED


# -- the thread ---------------------------------------------------------------------------------------------


def _delivered(env: SlackEnv) -> int:
    return sum(delivery.kind == "events_api" and delivery.ack is not None for delivery in env.slack.deliveries)


async def reply(env: SlackEnv, name: str, text: str, *, to: dict[str, Any] | None = None) -> None:
    """Type a reply below the request, and wait until the app has dealt with it."""
    message, before = to or shared(env), _delivered(env)
    channel = env.slack.world.channels[message["channel"]].name
    env.person(name).say(text, channel=channel, thread_ts=message["ts"])
    await env.slack.until(lambda: _delivered(env) == before + 1)
    await env.finish_background_work()


async def test_a_decision_that_is_typed_is_answered_in_the_thread_and_decides_nothing(env: SlackEnv) -> None:
    """Other bots answer in a fixed channel, and not in the thread that it came from (clawpatrol #594)."""
    run = await env.request_approval(posting_to("#general"))
    await reply(env, "ada", "Looks good to me!")
    ada = env.person("ada")
    (answer,) = [message for message in env.slack.world.ephemerals if message.seen_by == ada.id]
    assert words(answer.blocks).startswith(ANSWER)
    assert answer.thread_ts == shared(env)["ts"]
    assert await env.state(run) is RequestState.PENDING
    on = next(message for message in ada.sees("general") if message["ts"] == answer.ts)
    expect_ok(await ada.click("Review", on=on))
    await env.slack.until(lambda: ada.modal and "Refund 120 EUR?" in words(ada.modal["blocks"]))
    expect_ok(await ada.click("Approve", on="modal"))
    assert await env.state(run) is RequestState.APPROVED


async def test_a_typed_rejection_names_its_button_and_others_read_who_can_decide(env: SlackEnv) -> None:
    await env.request_approval(posting_to("#general"))
    await reply(env, "ben", "no")
    assert ephemeral_texts(env.slack, env.person("ben"))[0].startswith("Use the Reject button above.")
    await reply(env, "cleo", "looks good")
    (answer,) = ephemeral_texts(env.slack, env.person("cleo"))
    assert answer.startswith("A reply decides nothing. Ada Approver or Ben Approver can decide.")


async def test_each_person_is_answered_once_for_each_request(env: SlackEnv) -> None:
    await env.request_approval(posting_to("#general"))
    first = shared(env)
    for typed in ("+1", "yes", "approve"):
        await reply(env, "ada", typed)
    await reply(env, "ben", "+1")
    assert len(ephemeral_texts(env.slack, env.person("ada"))) == 1
    assert len(ephemeral_texts(env.slack, env.person("ben"))) == 1
    await env.start()
    await env.settle()
    assert shared(env)["ts"] != first["ts"]
    await reply(env, "ada", "+1")
    assert len(ephemeral_texts(env.slack, env.person("ada"))) == 2


async def test_an_event_that_slack_delivers_twice_is_answered_once(env: SlackEnv) -> None:
    await env.request_approval(posting_to("#general"))
    env.slack.faults.add(Fault(on="deliver:events_api", kind="duplicate"))
    before = _delivered(env)
    env.person("ada").say("approve", channel="general", thread_ts=shared(env)["ts"])
    await env.slack.until(lambda: _delivered(env) == before + 2)
    await env.finish_background_work()
    assert len(ephemeral_texts(env.slack, env.person("ada"))) == 1


async def test_other_replies_and_messages_elsewhere_are_left_alone(env: SlackEnv) -> None:
    await env.request_approval(posting_to("#general"))
    await reply(env, "ada", "Which customer is this?")
    env.person("ben").say("Lunch?", channel="general")
    lunch = env.person("ben").sees("general")[-1]
    await env.slack.until(lambda: _delivered(env) == 2)
    await reply(env, "ada", "+1", to=lunch)
    env.person("ada").say("approve", channel="general")
    await env.slack.until(lambda: _delivered(env) == 4)
    await env.finish_background_work()
    assert env.slack.world.ephemerals == []


async def test_bots_are_never_answered_nor_is_anyone_after_the_decision(env: SlackEnv) -> None:
    await env.request_approval(posting_to("#general"))
    copy, app = shared(env), env.slack.app
    event = {"type": "message", "text": "approve", "ts": "1.1", "channel": copy["channel"], "channel_type": "channel"}
    below = {"thread_ts": copy["ts"], "parent_user_id": app.bot_user}
    for author in ({"user": app.bot_user}, {"user": "USLACKBOT"}, {"user": env.person("ada").id, "bot_id": "B1"}):
        emit(env.slack.slack, app, inner={**event, **below, **author}, subscribed=True)
    await env.slack.until(lambda: _delivered(env) == 3)
    await env.finish_background_work()
    assert env.slack.world.ephemerals == []
    expect_ok(await env.person("ada").click("Approve", on=copy))
    await env.settle()
    await reply(env, "ben", "looks good")
    assert env.slack.world.ephemerals == []
