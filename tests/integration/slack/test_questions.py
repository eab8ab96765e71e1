"""Questions before a decision in Slack: the Ask button, the message with Answer, and the messages that follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.devtools.sandbox.faults import Fault
from engine.domain import RequestState
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, buttons, copy_of, ephemeral_texts, expect_ok, words

SHARED = REFUND_WORKFLOW.replace("edit: [text]", 'edit: [text]\n      channels: [{post_to: "#general"}]')
OFF = REFUND_WORKFLOW.replace("edit: [text]", "edit: [text]\n      questions: off")


def message_with(env: SlackEnv, name: str, text: str) -> dict[str, Any]:
    """Return the newest message of a person with this text."""
    return next(message for message in reversed(env.person(name).sees()) if text in words(message))


async def ask(env: SlackEnv, name: str = "ada", text: str = "Which cost centre?", **typed: Any) -> None:
    person = env.person(name)
    expect_ok(await person.click("Ask"))
    await env.slack.until(lambda: person.modal)
    expect_ok(await person.submit({"Your question": text, **typed}))
    await env.settle()


async def test_the_requester_is_asked_and_the_answer_is_on_every_copy(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada, ben, cleo = env.person("ada"), env.person("ben"), env.person("cleo")
    assert buttons(copy_of(ada)) == ["Approve", "Edit", "Reject", "Ask", "Details"]
    await ask(env, text="Which *cost* centre? <!channel>")
    assert ada.modal is None, "there is nothing to read in it any more"
    assert ephemeral_texts(env.slack, ada) == ["Cleo Builder has been asked. You'll get a message with the answer."]
    asked = message_with(env, "cleo", "has a question about “Refund 120 EUR?”")
    assert buttons(asked) == ["Answer", "Details"]
    assert "thread_ts" not in asked, "Cleo has no copy of the request"
    assert "Which *cost* centre? <!channel>" in words(asked["blocks"])
    expect_ok(await cleo.click("Answer"))
    await env.slack.until(lambda: cleo.modal)
    assert "Which *cost* centre? <!channel>" in words(cleo.modal)
    expect_ok(await cleo.submit({"Your answer": "4711"}))
    await env.settle()
    assert buttons(message_with(env, "cleo", "You answered")) == ["Details"]
    for person in ada, ben:
        shown = words(copy_of(person)["blocks"])
        assert "Ada Approver asked Cleo" in shown
        assert "4711" in shown
        assert buttons(copy_of(person)) == ["Approve", "Edit", "Reject", "Ask", "Details"]
        assert not person.troubles
    told = message_with(env, "ada", "answered your question about “Refund 120 EUR?”")
    assert "4711" in words(told)
    assert buttons(told) == ["Details"]
    assert (told["thread_ts"], told["subtype"]) == (copy_of(ada)["ts"], "thread_broadcast")
    expect_ok(await ada.click("Details", on=told))
    await env.slack.until(lambda: ada.modal and buttons(ada.modal))
    assert {"Approve", "Edit", "Reject", "Ask"} <= {*buttons(ada.modal or {})}
    expect_ok(await ben.click("Approve"))
    assert await env.state(run) is RequestState.APPROVED


async def test_another_person_can_be_asked(env: SlackEnv) -> None:
    await env.request_approval()
    ben = env.person("ben")
    await ask(env, **{"Who should answer?": ben.id})
    asked = message_with(env, "ben", "has a question about")
    assert buttons(asked) == ["Answer", "Details"]
    assert (asked["thread_ts"], asked["subtype"]) == (copy_of(ben)["ts"], "thread_broadcast")
    assert not [message for message in env.person("cleo").sees() if "has a question" in words(message)]


async def test_an_answer_after_the_decision_is_refused_with_a_sentence(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada, cleo = env.person("ada"), env.person("cleo")
    await ask(env)
    expect_ok(await cleo.click("Answer"))
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await ada.click("Approve"))
    expect_ok(await cleo.submit({"Your answer": "4711"}))
    assert "Your answer is no longer needed and was not saved." in words(cleo.modal)
    assert await env.state(run) is RequestState.APPROVED
    await env.settle()
    assert "Answer" not in buttons(message_with(env, "cleo", "Refund 120 EUR?"))


async def test_asking_oneself_is_refused_under_the_field(env: SlackEnv) -> None:
    await env.request_approval()
    ada = env.person("ada")
    expect_ok(await ada.click("Ask"))
    await env.slack.until(lambda: ada.modal)
    refused = await ada.submit({"Your question": "Why?", "Who should answer?": ada.id})
    assert refused is not None
    assert "You cannot ask yourself." in words(refused.body)


async def test_a_gate_without_questions_has_no_button(env: SlackEnv) -> None:
    await env.request_approval(OFF)
    assert buttons(copy_of(env.person("ada"))) == ["Approve", "Edit", "Reject", "Details"]


async def answer(env: SlackEnv, name: str = "cleo", text: str = "4711") -> None:
    person = env.person(name)
    expect_ok(await person.click("Answer"))
    await env.slack.until(lambda: person.modal)
    expect_ok(await person.submit({"Your answer": text}))
    await env.settle()


async def test_an_answer_is_a_new_message_if_that_of_the_request_is_gone(env: SlackEnv) -> None:
    await env.request_approval()
    await ask(env)
    copy = copy_of(env.person("ada"))
    await env.bot.client.post("chat.delete", channel=copy["channel"], ts=copy["ts"])
    env.slack.faults.add(Fault(on="chat.update", kind="error", code="fatal_error"))
    await answer(env)
    assert "4711" in words(message_with(env, "ada", "answered your question"))
    assert "thread_ts" not in message_with(env, "ada", "answered your question")


async def test_a_question_from_the_home_tab_is_confirmed_in_the_conversation(env: SlackEnv) -> None:
    await env.request_approval()
    ada = env.person("ada")
    ada.open_home()
    await env.slack.until(lambda: ada.home)
    expect_ok(await ada.click("Review", on="home"))
    await env.slack.until(lambda: ada.modal and "Ask" in buttons(ada.modal))
    expect_ok(await ada.click("Ask", on="modal"))
    await env.slack.until(lambda: len(ada.stack) == 2)
    expect_ok(await ada.submit({"Your question": "Why?"}))
    await env.settle()
    assert ada.modal is None
    assert "Cleo Builder has been asked." in words(ada.sees()[-1]["blocks"])


def in_channel(env: SlackEnv, text: str) -> list[dict[str, Any]]:
    """Return the messages of the shared channel with this text, as Ada sees them."""
    return [message for message in env.person("ada").sees("general") if text in words(message.get("blocks", []))]


@pytest.mark.parametrize("fault", [None, Fault(on="chat.postMessage", kind="lost")])
async def test_an_answer_stands_in_the_thread_of_the_shared_copy_as_well(env: SlackEnv, fault: Fault | None) -> None:
    await env.request_approval(SHARED)
    ada, ben = env.person("ada"), env.person("ben")
    (copy,) = in_channel(env, "can decide.")
    expect_ok(await ada.click("Ask", on=copy))
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ada.submit({"Your question": "Which cost centre?"}))
    await env.settle()
    if fault is not None:
        # The first post is the message to Ada.
        env.slack.faults.add(replace(fault, skip=1))
    await answer(env)
    env.pass_time(minutes=1)
    await env.settle()
    assert "4711" in words(message_with(env, "ada", "answered your question"))
    (told,) = in_channel(env, "Cleo Builder answered Ada Approver’s question about “Refund 120 EUR?”")
    assert told["thread_ts"] == copy["ts"]
    assert "subtype" not in told, "people who are not in the discussion are left alone"
    assert {"type": "user", "user_id": ada.id} in told["blocks"][-2]["elements"][0]["elements"]
    assert "Ada Approver asked this." in told["text"]
    assert buttons(told) == ["Details"]
    expect_ok(await ben.click("Details", on=told))
    await env.slack.until(lambda: ben.modal and "Approve" in buttons(ben.modal))
    shown = [entry for entry in env.entries() if entry["kind"] == "delivery.shown" and "person" not in entry]
    assert len(shown) == 2, "the copy and the answer are for all people in the channel"


async def test_home_lists_the_questions_that_a_person_was_asked(env: SlackEnv) -> None:
    await env.request_approval()
    cleo = env.person("cleo")
    await ask(env)
    cleo.open_home()
    await env.slack.until(lambda: "Questions for you" in words(cleo.home))
    assert "Which cost centre?" in words(cleo.home)
    assert "Ada Approver asks you about “Refund 120 EUR?”" in words(cleo.home)
    expect_ok(await cleo.click("Answer", on="home"))
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.submit({"Your answer": "4711"}))
    await env.settle()
    cleo.open_home()
    await env.slack.until(lambda: "Questions for you" not in words(cleo.home))
