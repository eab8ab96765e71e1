"""Reminders and escalation as people in Slack see them, over both transports."""

from __future__ import annotations

from bot.devtools.sandbox.faults import Fault
from engine.domain import Address, Origin, RequestState, Start, Started
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, buttons, copy_of, expect_ok, words

REMINDED = f"{REFUND_WORKFLOW}      expires: 20h\n      remind: true\n"
ESCALATED = f"{REFUND_WORKFLOW}      escalate: {{after: 4h, to: cleo@example.com}}\n      exclude: []\n"


async def remind(env: SlackEnv, hours: float) -> None:
    """Let time pass, then the minute for which reminders to one person are collected."""
    env.pass_time(hours=hours)
    await env.settle()
    env.pass_time(minutes=1)
    await env.settle()


async def test_a_reminder_is_a_reply_below_the_request_that_notifies_and_opens_it(env: SlackEnv) -> None:
    """People complain about other approval bots: no reminders, no escalation, no action on a timeout."""
    run = await env.request_approval(REMINDED)
    ada, before = env.person("ada"), len(env.person("ada").sees())
    copy = copy_of(ada)
    await remind(env, 10)
    assert len(ada.sees()) == before + 1, "a new message notifies; an edit would not"
    reminder = ada.sees()[-1]
    assert words(reminder["blocks"][0]) == "Reminder: Refund 120 EUR?"
    assert reminder["text"].startswith("Reminder: Refund 120 EUR?")
    assert buttons(reminder) == ["Review"]
    assert reminder["thread_ts"] == copy["ts"]
    assert reminder["subtype"] == "thread_broadcast", "it stands in the conversation too"
    expect_ok(await ada.click("Review", on=reminder))
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ada.click("Approve"))
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED
    await remind(env, 8)
    assert len(ada.sees()) == before + 1, "it is quiet once the request is decided"


async def test_a_reminder_that_outlives_its_request_has_no_live_buttons(env: SlackEnv) -> None:
    await env.request_approval(REMINDED)
    ada = env.person("ada")
    await remind(env, 10)
    reminder = ada.sees()[-1]
    ben = env.person("ben")
    expect_ok(await ben.click("Approve", on=ben.sees()[-2]))
    await env.settle()
    expect_ok(await ada.click("Review", on=reminder))
    await env.slack.until(lambda: ada.modal)
    assert "Ben approved this" in words(ada.modal) or "Approved by Ben" in words(ada.modal)
    assert "Approve" not in buttons({"blocks": ada.modal["blocks"]})  # type: ignore[index]


async def test_a_reminder_is_a_new_message_if_that_of_the_request_is_gone(env: SlackEnv) -> None:
    await env.request_approval(REMINDED)
    ada = env.person("ada")
    copy = copy_of(ada)
    await env.bot.client.post("chat.delete", channel=copy["channel"], ts=copy["ts"])
    await remind(env, 10)
    (reminder,) = [message for message in ada.sees() if words(message["blocks"][:1]).startswith("Reminder:")]
    assert buttons(reminder) == ["Review"]
    assert "thread_ts" not in reminder


async def test_a_reminder_of_unknown_outcome_is_found_below_the_request(env: SlackEnv) -> None:
    await env.request_approval(REMINDED)
    ada = env.person("ada")
    copy = copy_of(ada)
    env.pass_time(hours=10)
    await env.settle()
    env.slack.faults.add(Fault(on="chat.postMessage", kind="lost"))
    env.pass_time(minutes=1)
    await env.settle()
    env.pass_time(minutes=1)
    await env.settle()
    assert len([message for message in ada.sees() if message.get("thread_ts") == copy["ts"] != message["ts"]]) == 1


async def test_one_message_lists_all_requests_that_wait(env: SlackEnv) -> None:
    await env.request_approval(REMINDED, amount=120)
    await env.start(amount=90)
    await env.settle()
    ada = env.person("ada")
    await remind(env, 10)
    reminder = ada.sees()[-1]
    assert words(reminder["blocks"][0]) == "Reminder: 2 requests are waiting for you"
    assert buttons(reminder) == ["Review", "Review"]
    assert "thread_ts" not in reminder
    assert all(title in words(reminder) for title in ("Refund 120 EUR?", "Refund 90 EUR?"))


async def test_an_escalated_request_reaches_the_backup_and_says_so_on_every_copy(env: SlackEnv) -> None:
    run = await env.request_approval(ESCALATED)
    env.pass_time(hours=4)
    await env.settle()
    assert "Escalated to Cleo" in words(copy_of(env.person("ada")))
    assert "Escalated to you" in words(copy_of(env.person("cleo")))
    expect_ok(await env.person("cleo").click("Approve", on=copy_of(env.person("cleo"))))
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED


async def test_a_backup_who_has_left_meanwhile_is_not_asked_but_the_owner_is(env: SlackEnv) -> None:
    source = REFUND_WORKFLOW.replace("ada@example.com, ben@example.com", "ada@example.com")
    await env.register(f"{source}      escalate: {{after: 4h, to: ben@example.com}}\n")
    zoe = Start(
        workflow="refund", inputs={}, actor=Address("email", "zoe@example.com"), origin=Origin(surface="terminal")
    )
    started = await env.engine.start(zoe)
    assert isinstance(started, Started)
    await env.settle()
    env.person("ben").user.deleted = True
    env.pass_time(hours=4)
    await env.settle()
    approvers = (await env.request(started.run)).approvers
    assert [(approver.person.label, approver.rule) for approver in approvers] == [
        ("Ada Approver", "ada@example.com"),
        ("Cleo Builder", "escalation: owner, because no other approver can be asked"),
    ]
    assert "Escalated to you" in words(copy_of(env.person("cleo")))
