"""Questions before a decision in Slack: the Ask button, the message with Answer, and the messages that follow."""

from __future__ import annotations

from typing import Any

from engine.domain import RequestState
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, buttons, copy_of, expect_ok, words

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
    assert "You'll get a message with the answer." in words(ada.modal)
    asked = message_with(env, "cleo", "has a question about “Refund 120 EUR?”")
    assert buttons(asked) == ["Answer", "Details"]
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
    expect_ok(await ada.click("Details", on=told))
    await env.slack.until(lambda: ada.modal and buttons(ada.modal))
    assert {"Approve", "Edit", "Reject", "Ask"} <= {*buttons(ada.modal or {})}
    expect_ok(await ben.click("Approve"))
    assert await env.state(run) is RequestState.APPROVED


async def test_another_person_can_be_asked(env: SlackEnv) -> None:
    await env.request_approval()
    ben = env.person("ben")
    await ask(env, **{"Who should answer?": ben.id})
    assert buttons(message_with(env, "ben", "has a question about")) == ["Answer", "Details"]
    assert not [message for message in env.person("cleo").sees() if "has a question" in words(message)]


async def test_an_answer_after_the_decision_is_refused_with_a_sentence(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada, cleo = env.person("ada"), env.person("cleo")
    await ask(env)
    expect_ok(await cleo.click("Answer"))
    await env.slack.until(lambda: cleo.modal)
    await ada.close()
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
