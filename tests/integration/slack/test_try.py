"""`/signoff try`, and the buttons that start a workflow from a list."""

from __future__ import annotations

import pytest

from engine.read_models import PageQuery
from tests.integration.slack.test_commands import answer_to
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, expect_ok, words

EXAMPLES = """\
examples:
  - {name: Much, inputs: {amount: 500}, expect: {asks: {pay: true}}}
"""


@pytest.fixture(params=["http"])
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def test_a_trial_says_who_would_be_asked_and_calls_nothing(env: SlackEnv) -> None:
    await env.register(f"{REFUND_WORKFLOW}{EXAMPLES}")
    text = " ".join((await answer_to(env, "cleo", "/signoff try refund")).split())
    assert text.startswith("Refund. This is only a trial: nothing is called, and no one is asked.")
    for part in (
        "Much",
        "Amount: 500",
        "1. Pay Signoff would ask Ada Approver and Ben Approver. Then it would run.",
        "The run is done.",
    ):
        assert part in text
    assert await env.engine.runs(PageQuery()) == []
    assert env.bot.step.calls == []


async def test_a_trial_without_examples_makes_its_inputs_up(env: SlackEnv) -> None:
    await env.register()
    text = await answer_to(env, "cleo", "/signoff try refund")
    assert "Made-up inputs" in text
    assert "Amount: 120" in text
    assert "Which workflow? Type /signoff try and its name." in await answer_to(env, "cleo", "/signoff try")
    assert "Only builders may register" in await answer_to(env, "ada", "/signoff try refund")


async def test_a_trial_takes_inputs_of_ones_own(env: SlackEnv) -> None:
    await env.register(f"{REFUND_WORKFLOW}{EXAMPLES}")
    text = " ".join((await answer_to(env, "cleo", "/signoff try refund amount=7")).split())
    assert "Amount: 7" in text
    assert "1. Pay Signoff would ask Ada Approver and Ben Approver." in text
    assert "Example" not in text
    assert "For a form, type only /signoff try refund." in await answer_to(env, "cleo", "/signoff try refund 7")
    wrong = await answer_to(env, "cleo", "/signoff try refund amount=much")
    assert "“Amount”" in wrong
    assert await env.engine.runs(PageQuery()) == []


async def test_the_form_of_a_trial_is_filled_in_as_the_first_example(env: SlackEnv) -> None:
    await env.register(f"{REFUND_WORKFLOW.replace('type: long_text', 'type: json')}{EXAMPLES}")
    cleo = env.person("cleo")
    await answer_to(env, "cleo", "/signoff try refund")
    expect_ok(await cleo.click("Try other inputs", on=cleo.sees("general")[-1]))
    await env.slack.until(lambda: cleo.modal)
    assert "500" in str(cleo.modal)
    expect_ok(await cleo.submit({"Amount": "41", "Note": "{"}))
    assert cleo.modal is not None
    assert cleo.modal["errors"]
    expect_ok(await cleo.submit({"Note": ""}))
    shown = " ".join(words(cleo.modal).split())
    assert "Amount: 41" in shown
    assert "1. Pay Signoff would ask Ada Approver and Ben Approver. Then it would run." in shown
    await cleo.close()
    assert "41" in str(cleo.modal)
    assert await env.engine.runs(PageQuery()) == []
    assert env.bot.step.calls == []


async def test_buttons_of_the_list_and_of_the_steps_open_the_form_of_a_run(env: SlackEnv) -> None:
    await env.register()
    ben = env.person("ben")
    for number, line in enumerate(("/signoff list", "/signoff show refund"), start=1):
        await answer_to(env, "ben", line)
        expect_ok(await ben.click("Run Refund", on=ben.sees("general")[-1]))
        await env.slack.until(lambda: ben.modal)
        expect_ok(await ben.submit({"Amount": "75"}))
        await env.finish_background_work()
        assert len(await env.engine.runs(PageQuery())) == number


async def test_a_trial_says_in_plain_words_what_only_a_call_would_answer(env: SlackEnv) -> None:
    source = """name: payout
inputs: {lead: person}
steps:
  - {id: look_up, uses: http, with: {url: https://crm.example.org/a}}
  - {id: keep, uses: set, with: {answer: "{{ steps.look_up.body }}"}}
  - {id: note, uses: set, with: {n: 1}, gate: {approvers: ["{{ steps.look_up.body.account_owner }}"]}}
  - {id: end, uses: set, with: {n: 1}, gate: {approvers: ["{{ inputs.lead }}"]}}
examples:
  - name: A lead agrees
    inputs: {lead: lee@example.com}
    expect: {calls: [look_up]}
  - name: The owner of the account agrees
    inputs: {lead: lee@example.com}
    outputs: {look_up: {body: {account_owner: kim@example.com}}}
    expect: {asks: {note: true, end: true}}
  - name: The owner of the account refuses
    inputs: {lead: lee@example.com}
    outputs: {look_up: {body: {account_owner: kim@example.com}}}
    answers: {note: {reject: Too much}}
    expect: {asks: {note: true}, ends: rejected}
"""
    await env.register(source)
    text = await answer_to(env, "cleo", "/signoff try payout")
    assert "It uses the answer of a call, and a trial calls nothing." in text
    assert "How the run ends depends on the answer of a call, and a trial calls nothing." in text
    assert "Signoff would ask the person in “Account owner”, as “Look up” answers." in text
    assert "Signoff would ask the person in “Lead”." in text
    assert "as “Look up” answers. It is not approved here, so it would not run." in text
