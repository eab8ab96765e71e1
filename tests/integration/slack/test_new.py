"""`/signoff new`: a template, its questions, the steps that come of them, and a registered workflow."""

from __future__ import annotations

import pytest

from bot import gallery
from bot.devtools.sandbox.server import SimulatedPerson
from bot.slack import ids
from engine.workflowfile import text_edits
from tests.support.slack_env import SlackEnv, ephemeral_texts, expect_ok, words

ADDRESS = "Which address pays the refund?"
LIMIT = "Above what amount does a person approve it?"
WHO = "Who approves it?"


@pytest.fixture(params=["http"])
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def opened(env: SlackEnv, template: str = "Refund a customer") -> SimulatedPerson:
    """Open the questions of a template."""
    cleo = env.person("cleo")
    expect_ok(await cleo.command("/signoff new", channel="general"))
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.submit({"What is it for?": template}))
    return cleo


def errors(person: SimulatedPerson) -> str:
    assert person.modal is not None
    return " ".join(person.modal["errors"].values())


async def source(env: SlackEnv, name: str) -> bytes:
    view = await env.engine.workflow(name)
    return bytes(view.source)  # type: ignore[union-attr]


async def test_a_workflow_is_made_by_answering_questions(env: SlackEnv) -> None:
    cleo = await opened(env)
    ada = env.person("ada").id
    answers = {ADDRESS: "https://pay.example.org/refunds", LIMIT: "250.5", WHO: [ada]}
    expect_ok(await cleo.submit(answers))
    assert "1. Pay the refund" in words(cleo.modal)
    assert "250.5" in words(cleo.modal)
    assert "To start it, you enter: Order number (text), Amount (amount in EUR)" in words(cleo.modal)
    assert "Calls POST https://pay.example.org/refunds" in " ".join(words(cleo.modal).split())
    assert "needs approval by Ada Approver or you, the owner of the workflow" in " ".join(words(cleo.modal).split())
    assert await env.engine.workflows() == []
    expect_ok(await cleo.submit())
    await env.finish_background_work()
    assert "Registered Refund a customer, version 1." in ephemeral_texts(env.slack, cleo)[-1]
    assert cleo.modal is None
    file = await source(env, "refund")
    assert text_edits.find_value(file, ("steps", "pay", "gate", "approvers")) == [ada, "owner"]
    assert text_edits.find_value(file, ("steps", "pay", "with", "url")) == answers[ADDRESS]
    assert text_edits.find_value(file, ("steps", "pay", "gate", "when")) == "{{ inputs.amount > 250.5 or inputs.vip }}"
    assert b"# Pays money back to a customer." in file


async def test_back_keeps_the_answers(env: SlackEnv) -> None:
    cleo = await opened(env)
    expect_ok(await cleo.submit({ADDRESS: "https://pay.example.org/refunds", LIMIT: "7"}))
    await cleo.close()
    expect_ok(await cleo.submit({"What is it called in commands?": "pay-back"}))
    assert "7" in words(cleo.modal)
    expect_ok(await cleo.submit())
    assert text_edits.find_value(await source(env, "pay-back"), ("steps", "pay", "with", "url")) == (
        "https://pay.example.org/refunds"
    )


async def test_each_wrong_answer_gets_a_sentence_at_its_field(env: SlackEnv) -> None:
    cleo = await opened(env)
    wrong = {
        "What is it called in commands?": "Refund!",
        "What is it called for people?": "{{ inputs.amount }}",
        ADDRESS: "ftp://pay.example.org",
        LIMIT: "-1",
        "Who approves it? (or type them)": "finance",
    }
    expect_ok(await cleo.submit(wrong))
    assert cleo.modal is not None
    assert len(cleo.modal["errors"]) == 5
    for part in ("Write `refund`", "expressions do not work here", "at least 0", "`finance` is not a person"):
        assert part in errors(cleo)
    assert await env.engine.workflows() == []


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("Lee", "`Lee` is not a person or a group. Write an email address such as lee@example.com"),
        ("ada@example.com, Lee Smith", "`Lee Smith` is not a person or a group. Write an email address"),
        ("USLACKBOT", "Slackbot is a bot and is not asked. Choose other people."),
        ("U0NOONE", "U0NOONE is not an account in this Slack workspace and is not asked. Choose other people."),
        ("group:nothing", "There is no usergroup @nothing in this Slack workspace. Choose other people."),
    ],
)
async def test_approvers_who_cannot_be_asked_are_refused_in_the_form(env: SlackEnv, typed: str, sentence: str) -> None:
    cleo = await opened(env)
    expect_ok(await cleo.submit({ADDRESS: "https://pay.example.org", "Who approves it? (or type them)": typed}))
    assert sentence in errors(cleo)
    assert await env.engine.workflows() == []


async def test_a_bot_that_was_picked_is_refused_by_its_name(env: SlackEnv) -> None:
    cleo = await opened(env)
    bot = env.slack.app.bot_user
    expect_ok(await cleo.submit({ADDRESS: "https://pay.example.org", WHO: [env.person("ada").id, bot]}))
    assert "is a bot and is not asked. Choose other people." in errors(cleo)
    assert bot not in errors(cleo)
    # It stands at the picker, and not at the input for typed people.
    assert cleo.modal is not None
    assert [*cleo.modal["errors"]] == [ids.field_block("approvers", part="people")]


async def test_the_form_says_how_to_type_numbers_and_that_owner_is_the_builder(env: SlackEnv) -> None:
    cleo = await opened(env)
    hints = [block["hint"]["text"] for block in cleo.modal["blocks"] if "hint" in block]  # type: ignore[index]
    assert "Any one of them decides. Fill in this field or the next one. Typed there now: owner (you)." in hints
    assert "For example 1250.50." in hints
    assert any(hint.endswith("with commas between them. owner is you.") for hint in hints)


async def test_a_name_that_is_taken_gets_a_free_one(env: SlackEnv) -> None:
    await env.register()
    cleo = await opened(env)
    assert "refund-2" in str(cleo.modal)
    expect_ok(await cleo.submit({ADDRESS: "https://pay.example.org", "What is it called in commands?": "refund"}))
    assert "There is a workflow refund already. The name refund-2 is free." in errors(cleo)


async def test_a_name_that_was_taken_meanwhile_registers_nothing(env: SlackEnv) -> None:
    cleo = await opened(env)
    expect_ok(await cleo.submit({ADDRESS: "https://pay.example.org"}))
    await env.register()
    before = await source(env, "refund")
    expect_ok(await cleo.submit())
    assert "nothing was registered" in words(cleo.modal)
    assert "The name refund-2 is free." in words(cleo.modal)
    assert await source(env, "refund") == before


async def test_answers_that_slack_cannot_carry_are_refused_at_the_longest(env: SlackEnv) -> None:
    cleo = await opened(env)
    people = ", ".join(f"person{number}@example.org" for number in range(140))
    expect_ok(
        await cleo.submit({ADDRESS: "https://pay.example.org", "Who approves it? (or type them)": people[:2_990]})
    )
    assert "too long" in errors(cleo) or "is not a person" in errors(cleo)


@pytest.mark.parametrize("left", ["while typing", "with a mistake", "at the steps"])
async def test_a_form_that_is_closed_is_filled_in_when_it_is_opened_again(env: SlackEnv, left: str) -> None:
    cleo = await opened(env)
    ada = env.person("ada").id
    answers = {
        ADDRESS: "https://pay.example.org/refunds",
        LIMIT: "250.5",
        WHO: [ada],
        "Who approves it? (or type them)": "",
    }
    if left == "while typing":
        for label, value in answers.items():
            expect_ok(await cleo.fill(label, value))
    else:
        name = {"What is it called in commands?": "Refund!"} if left == "with a mistake" else {}
        expect_ok(await cleo.submit({**answers, **name}))
    await cleo.close(everything=True)
    assert cleo.modal is None
    await opened(env)
    assert "Your answers from" in words(cleo.modal)
    if left == "with a mistake":
        assert "Refund!" in str(cleo.modal)
        expect_ok(await cleo.fill("What is it called in commands?", "refund"))
    expect_ok(await cleo.submit())
    expect_ok(await cleo.submit())
    file = await source(env, "refund")
    assert text_edits.find_value(file, ("steps", "pay", "gate", "approvers")) == [ada]
    assert text_edits.find_value(file, ("steps", "pay", "gate", "when")) == "{{ inputs.amount > 250.5 or inputs.vip }}"
    # What was registered is not offered again, and the name is free again.
    await opened(env)
    assert "Your answers from" not in words(cleo.modal)
    assert "refund-2" in str(cleo.modal)


async def test_answers_that_were_kept_can_be_left_and_are_kept_for_a_day_for_one_person(env: SlackEnv) -> None:
    cleo = await opened(env)
    expect_ok(await cleo.fill(ADDRESS, "https://pay.example.org/refunds"))
    await cleo.close(everything=True)
    await opened(env, "Pay a vendor")
    assert "Your answers from" not in words(cleo.modal)
    await cleo.close(everything=True)
    await opened(env)
    assert "https://pay.example.org/refunds" in str(cleo.modal)
    expect_ok(await cleo.click("Start afresh"))
    await env.finish_background_work()
    assert "https://pay.example.org/refunds" not in str(cleo.modal)
    expect_ok(await cleo.submit({ADDRESS: "ftp://pay.example.org"}))
    assert "must be an http or https address" in errors(cleo)
    await cleo.close(everything=True)
    env.pass_time(days=1, minutes=1)
    await opened(env)
    assert "Your answers from" not in words(cleo.modal)


@pytest.mark.parametrize("name", [template.name for template in gallery.load().templates])
async def test_every_template_is_registered_with_hostile_titles(env: SlackEnv, name: str) -> None:
    template = gallery.load().find(name)
    assert template is not None
    cleo = await opened(env, template.title)
    hostile = '\u202eTitle: "x" \'# {a} \\ `*_~ <@U1>'
    typed = {"What is it called for people?": hostile}
    for question in template.questions:
        if question.type == "url":
            typed[question.label] = "https://api.example.org"
        elif question.type == "people" and question.required:
            typed[f"{question.label} (or type them)"] = (
                f"lee.{question.name}@example.org, sam.{question.name}@example.org"
            )
    expect_ok(await cleo.submit(typed))
    shown = words(cleo.modal)
    expect_ok(await cleo.submit())
    await env.finish_background_work()
    if "cannot run here" in shown:
        assert "This server has no language model set up." in words(cleo.modal)
        return
    if cleo.modal is not None:
        # Only the operator of a server can say who has a role.
        assert "this server has no roles file" in words(cleo.modal)
        return
    assert [view.name for view in await env.engine.workflows()] == [name]
    assert text_edits.find_value(await source(env, name), ("title",)) == hostile


async def test_only_builders_make_workflows(env: SlackEnv) -> None:
    ada = env.person("ada")
    expect_ok(await ada.command("/signoff new", channel="general"))
    assert "Only builders may register" in ephemeral_texts(env.slack, ada)[-1]
    assert ada.modal is None
