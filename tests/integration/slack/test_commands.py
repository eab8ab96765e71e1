"""The slash command, over signed HTTP and over a socket."""

from __future__ import annotations

import asyncio
import re

import pytest

from bot.devtools.sandbox import NotSubmitted
from bot.slack.command_handlers import pairs
from bot.slack.home_publisher import HomePublisher, HomeTiming, StaleHomes
from engine.domain import RequestState, RunStatus
from engine.read_models import PageQuery
from tests.support.slack_env import (
    REFUND_WORKFLOW,
    SlackEnv,
    buttons,
    copy_of,
    ephemeral_texts,
    expect_ok,
    words,
)
from tests.support.words import technical

WRONG = REFUND_WORKFLOW.replace("uses: played", "uses: plaid")


async def answer_to(env: SlackEnv, person: str, line: str) -> str:
    """Type a command and return the answer to it."""
    typist = env.person(person)
    expect_ok(await typist.command(line, channel="general"))
    await env.finish_background_work()
    texts = ephemeral_texts(env.slack, typist)
    return in_plain_words(texts[-1] if texts else "")


async def last_answer(env: SlackEnv, person: str) -> str:
    """Return the latest message that only this person sees."""
    await env.finish_background_work()
    return in_plain_words(ephemeral_texts(env.slack, env.person(person))[-1])


def in_plain_words(text: str) -> str:
    """Return an answer, after a check that it has no technical word."""
    assert technical(re.sub("<!date[^>]*>", "", text)) == []
    return text


def test_a_value_ends_at_the_next_name_or_is_quoted() -> None:
    assert pairs("") == ({}, "")
    assert pairs("a=1 b=two words c=“3 = 4”") == ({"a": "1", "b": "two words", "c": "3 = 4"}, "")
    assert pairs('url=https://x.example/?a=b note="x y=z"') == (
        {"url": "https://x.example/?a=b", "note": "x y=z"},
        "",
    )
    assert pairs("a=") == ({"a": ""}, "")
    assert pairs("what a=1") == ({}, "what a=1")


async def test_help_lists_the_commands(env: SlackEnv) -> None:
    text = await answer_to(env, "gus", "/signoff help")
    for word in ("register", "run NAME", "list", "show NAME", "pending", "runs", "cancel"):
        assert f"/signoff {word}" in text
    assert await answer_to(env, "gus", "/signoff") == text
    assert "There is no command “dance”. Type /signoff help" in await answer_to(env, "gus", "/signoff dance")
    assert "Did you mean /signoff list?" in await answer_to(env, "gus", "/signoff lsit")


async def test_help_says_what_the_person_can_do_next(env: SlackEnv) -> None:
    assert "To make the first one from a template, type /signoff new." in await answer_to(env, "cleo", "/signoff")
    for_ada = await answer_to(env, "ada", "/signoff")
    assert "No workflow is registered yet. Only builders may register workflows here. Ask cleo@example.com." in for_ada
    await env.register()
    assert "To start a workflow, type /signoff list." in await answer_to(env, "ada", "/signoff")
    await env.start()
    await env.settle()
    for_ada = await answer_to(env, "ada", "/signoff")
    assert "1 request is waiting for you. To see it, type /signoff pending." in for_ada


async def test_a_pasted_workflow_is_refused_with_its_lines_and_then_registered(env: SlackEnv) -> None:
    cleo = env.person("cleo")
    expect_ok(await cleo.command("/signoff register"))
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.submit({"Workflow file": WRONG}))
    assert cleo.modal is not None
    (error,) = cleo.modal["errors"].values()
    assert error.startswith("Line 8, column ")
    assert "plaid" in error
    expect_ok(await cleo.submit({"Workflow file": REFUND_WORKFLOW}))
    text = await last_answer(env, "cleo")
    assert text.startswith("Registered Refund, version 1.")
    assert "First needs approval by Ada Approver or Ben Approver" in " ".join(text.split())
    assert "Start it: /signoff run refund. Change it: /signoff edit refund." in text
    assert text.endswith("Run Refund")
    assert cleo.modal is None
    assert [workflow.name for workflow in await env.engine.workflows()] == ["refund"]


async def test_a_condition_that_compares_texts_is_refused_where_it_is_pasted(env: SlackEnv) -> None:
    cleo = env.person("cleo")
    expect_ok(await cleo.command("/signoff register"))
    await env.slack.until(lambda: cleo.modal)
    source = "name: a\ninputs: {n: {type: money, currency: EUR}}\nsteps:\n  - id: a\n    uses: set\n    gate:\n"
    for gate, sentence in (
        ("when: \"{{ inputs.n.amount > '200' }}\"", "Write `inputs.n.amount | number > 200`."),
        ("approvers: []", "This list is empty."),
        ("approvers: ['{{ inputs.n }}']", "An approver is a person, but `inputs.n` is money"),
    ):
        expect_ok(await cleo.submit({"Workflow file": f"{source}      {gate}\n"}))
        assert cleo.modal is not None
        (error,) = cleo.modal["errors"].values()
        assert error.startswith("Line 7, column ")
        assert sentence in error


async def test_registering_warns_of_a_channel_without_the_app(env: SlackEnv) -> None:
    cleo = env.person("cleo")
    step = "steps:\n  - {id: tell, uses: message, with: {to: '#finance', text: Hello}}\n"
    expect_ok(await cleo.command("/signoff register"))
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.submit({"Workflow file": f"name: tell\ntitle: Tell\n{step}"}))
    text = await last_answer(env, "cleo")
    assert "Registered Tell, version 1." in text
    assert "Tell: Signoff is not in #finance. Type /invite @Signoff there" in text


async def test_an_uploaded_file_is_registered(env: SlackEnv) -> None:
    cleo = env.person("cleo")
    await cleo.command("/signoff register")
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.click("Upload it instead"))
    await env.slack.until(lambda: "Paste it instead" in words(cleo.modal))
    await cleo.upload("refund.yaml", WRONG.encode(), into="Workflow file")
    expect_ok(await cleo.submit())
    assert cleo.modal is not None
    assert list(cleo.modal["errors"]) == ["upload"]
    await cleo.fill("Workflow file", [])
    await cleo.upload("refund.yaml", REFUND_WORKFLOW.encode(), into="Workflow file")
    expect_ok(await cleo.submit())
    assert "Registered Refund, version 1." in await last_answer(env, "cleo")


async def test_a_form_to_register_has_room_for_more_parts(env: SlackEnv) -> None:
    cleo = env.person("cleo")
    await cleo.command("/signoff register")
    await env.slack.until(lambda: cleo.modal)
    first, second = REFUND_WORKFLOW[:200], REFUND_WORKFLOW[200:]
    await cleo.fill("Workflow file", first)
    expect_ok(await cleo.click("Add another part"))
    await env.slack.until(lambda: "part 2 of 2" in words(cleo.modal))
    expect_ok(await cleo.submit({"Workflow file, part 2 of 2": second}))
    assert "Registered Refund, version 1." in await last_answer(env, "cleo")


async def test_a_workflow_is_registered_from_a_channel_without_the_app(env: SlackEnv) -> None:
    ben = env.person("ben")
    expect_ok(await env.person("cleo").command("/signoff register", channel="secret"))
    cleo = env.person("cleo")
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.submit({"Workflow file": REFUND_WORKFLOW}))
    assert "Registered Refund, version 1." in await last_answer(env, "cleo")
    assert ephemeral_texts(env.slack, ben) == []


async def test_only_builders_register(env: SlackEnv) -> None:
    assert "Only builders may register" in await answer_to(env, "ada", "/signoff register")
    assert env.person("ada").modal is None


async def test_a_form_of_the_inputs_starts_a_run(env: SlackEnv) -> None:
    await env.register()
    ben = env.person("ben")
    expect_ok(await ben.command("/signoff run refund"))
    await env.slack.until(lambda: ben.modal)
    expect_ok(await ben.submit({"Amount": "75", "Note": "as agreed"}))
    assert ben.modal is None
    assert (await last_answer(env, "ben")).startswith("Refund 75 EUR?")
    await env.settle()
    assert buttons(copy_of(env.person("ada"), "Refund 75 EUR?")) == ["Approve", "Edit", "Reject", "Ask", "Details"]
    (run,) = await env.engine.runs(PageQuery())
    assert run.inputs == {"amount": 75, "note": "as agreed"}
    assert run.requester.name == "Ben Approver"


async def test_inputs_on_the_line_start_a_run_at_once(env: SlackEnv) -> None:
    await env.register()
    text = await answer_to(env, "ben", "/signoff run refund amount=80 note=for the delay")
    # Ben is an approver too, and started it.
    assert text == "Refund 80 EUR? · Pay 80 EUR\nAda Approver was asked. You'll get a message here when it's done."
    (run,) = await env.engine.runs(PageQuery())
    assert run.inputs == {"amount": 80, "note": "for the delay"}


async def test_wrong_inputs_are_refused_and_nothing_starts(env: SlackEnv) -> None:
    await env.register()
    for line, expected in (
        ("amount=much", "“Amount” must be a number."),
        ("amont=80", "Signoff does not know “amont”. Did you mean “amount”?"),
        ("nonsense", "Signoff could not read “nonsense”."),
    ):
        assert expected in await answer_to(env, "ben", f"/signoff run refund {line}")
    assert "There is no workflow “refun”. Did you mean “refund”?" in await answer_to(env, "ben", "/signoff run refun")
    text = await answer_to(env, "ben", "/signoff run")
    assert text.startswith("Which workflow? Type /signoff run and its name.")
    assert "/signoff run refund" in text
    assert await env.engine.runs(PageQuery()) == []


async def test_a_command_that_is_delivered_twice_starts_one_run(env: SlackEnv) -> None:
    await env.register()
    env.slack.fault("deliver:slash_commands", "duplicate")
    expect_ok(await env.person("ben").command("/signoff run refund amount=80"))
    assert len(await env.engine.runs(PageQuery())) == 1


async def test_a_form_that_is_delivered_twice_starts_one_run(env: SlackEnv) -> None:
    await env.register()
    ben = env.person("ben")
    await ben.command("/signoff run refund")
    await env.slack.until(lambda: ben.modal)
    env.slack.fault("deliver:interactive", "duplicate")
    expect_ok(await ben.submit())
    assert len(await env.engine.runs(PageQuery())) == 1


async def test_workflows_are_listed_and_shown_with_their_approvers(env: SlackEnv) -> None:
    for_ada = await answer_to(env, "ada", "/signoff list")
    assert for_ada == "No workflow is registered yet. Only builders may register workflows here. Ask cleo@example.com."
    make_first = "No workflow is registered yet. To make the first one from a template, type /signoff new."
    assert await answer_to(env, "cleo", "/signoff list") == make_first
    await env.register()
    make = "To make one from a template, type /signoff new."
    for command in ("/signoff", "/signoff list"):
        assert make in await answer_to(env, "cleo", command)
        assert make not in await answer_to(env, "ada", command)
    listed = " ".join((await answer_to(env, "ada", "/signoff list")).split())
    assert "Refund /signoff run refund version 1, owner Cleo Builder" in listed
    text = await answer_to(env, "ada", "/signoff show refund")
    assert "1. Pay" in text
    assert "First needs approval by Ada Approver or Ben Approver" in " ".join(text.split())
    which = " ".join((await answer_to(env, "ada", "/signoff show")).split())
    assert "Which workflow? Type /signoff show and its name." in which
    assert which.endswith("Refund /signoff show refund version 1, owner Cleo Builder")
    assert await answer_to(env, "ada", "/signoff show invoices") == (
        "There is no workflow “invoices”. To see all workflows, type /signoff list."
    )


async def test_a_mistyped_address_can_be_seen_where_a_workflow_is_shown(env: SlackEnv) -> None:
    await env.register(REFUND_WORKFLOW.replace("ada@example.com", "ada@exmaple.com"))
    text = " ".join((await answer_to(env, "cleo", "/signoff show refund")).split())
    assert "ada@exmaple.com (not in Slack)" in text


async def test_a_waiting_request_can_be_decided_from_the_list(env: SlackEnv) -> None:
    assert "No request is waiting for you" in await answer_to(env, "ada", "/signoff pending")
    run = await env.request_approval()
    assert "No request is waiting for you" in await answer_to(env, "cleo", "/signoff pending")
    ada = env.person("ada")
    assert "Refund 120 EUR?" in await answer_to(env, "ada", "/signoff pending")
    expect_ok(await ada.click("Review", on=ada.sees("general")[-1]))
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ada.click("Approve"))
    await env.finish_background_work()
    assert await env.state(run) is RequestState.APPROVED
    assert "You approved this, " in words(ada.modal)
    # The list is not a copy of the request, so it is not updated.
    assert "1 request is waiting for you" in words(ada.sees("general")[-1])


async def test_a_person_sees_only_their_own_runs(env: SlackEnv) -> None:
    await env.register()
    await env.start(by="ben")
    text = await answer_to(env, "ben", "/signoff runs")
    assert "● Waiting · Refund 120 EUR?" in text
    assert "Refund, started by you" in text
    assert "Refund, started by Ben Approver" in await answer_to(env, "cleo", "/signoff runs")
    assert "You haven't started a run yet." in await answer_to(env, "gus", "/signoff runs")


@pytest.mark.parametrize("typed", ["{}", "show {}", "run {}", "run refund {}", "cancel {}"])
async def test_a_very_long_text_is_repeated_as_far_as_it_can_be_recognized(env: SlackEnv, typed: str) -> None:
    await env.register()
    answer = await answer_to(env, "ada", f"/signoff {typed.format('x' * 5_000)}")
    assert "xxxxx…" in answer
    assert len(answer) < 300
    assert "/signoff" in answer


async def test_only_the_requester_can_cancel_a_run(env: SlackEnv) -> None:
    run = await env.request_approval(by="ben")
    assert "Only the person who started a run" in await answer_to(env, "gus", f"/signoff cancel {run}")
    assert await answer_to(env, "ben", "/signoff cancel nonsense") == (
        "There is no run “nonsense”. To choose one from a list, type /signoff cancel."
    )
    assert "Which run do you want to cancel?" in await answer_to(env, "ben", "/signoff cancel")
    name = "Refund 120 EUR? · Pay 120 EUR"
    assert f"You cancelled this run: {name}" in await answer_to(env, "ben", f"/signoff cancel {run}")
    assert f"This run was already cancelled: {name}" in await answer_to(env, "ben", f"/signoff cancel {run}")
    await env.settle()
    assert f"This run has already ended: {name}" in await answer_to(env, "ben", f"/signoff cancel {run}")
    assert (await env.view(run)).status is RunStatus.CANCELLED
    assert buttons(copy_of(env.person("ada"))) == ["Details"]
    assert "You have no open run, so there is nothing to cancel." in await answer_to(env, "ben", "/signoff cancel")


async def test_only_runs_that_can_be_cancelled_are_offered(env: SlackEnv) -> None:
    await env.request_approval(by="ben")
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    await env.start(by="ben", amount=75)
    await env.settle()
    text = await answer_to(env, "ben", "/signoff cancel")
    assert "Refund 75 EUR?" in text
    assert "Refund 120 EUR?" not in text


@pytest.mark.parametrize("from_home", [True, False])
async def test_a_run_is_cancelled_from_a_list(env: SlackEnv, from_home: bool) -> None:
    run = await env.request_approval(by="ben")
    ben = env.person("ben")
    ben.open_home()
    await env.slack.until(lambda: ben.home)
    await answer_to(env, "ben", "/signoff runs")
    expect_ok(await ben.click("Cancel", on="home" if from_home else ben.sees("general")[-1]))
    await env.finish_background_work()
    assert ben.modal is None
    if from_home:
        assert "⊘ Cancelled · Refund 120 EUR?" in words(ben.home)
        assert "Cancel the run" not in words(ben.home)
    else:
        assert "You cancelled this run: Refund 120 EUR?" in await last_answer(env, "ben")
    await env.settle()
    assert (await env.view(run)).status is RunStatus.CANCELLED


async def test_the_details_of_a_run_that_has_ended_open_from_a_list(env: SlackEnv) -> None:
    await env.request_approval(by="ben")
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    ben = env.person("ben")
    await answer_to(env, "ben", "/signoff runs")
    expect_ok(await ben.click("Details", on=ben.sees("general")[-1]))
    await env.slack.until(lambda: ben.modal)
    assert "Approved by Ada Approver" in words(ben.modal)


async def test_a_run_that_ended_meanwhile_is_not_cancelled_from_a_list(env: SlackEnv) -> None:
    await env.request_approval(by="ben")
    ben = env.person("ben")
    await answer_to(env, "ben", "/signoff runs")
    run_list = ben.sees("general")[-1]
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    expect_ok(await ben.click("Cancel", on=run_list))
    assert "This run has already ended: Refund 120 EUR?" in await last_answer(env, "ben")


async def test_home_says_how_to_start_a_first_run(env: SlackEnv) -> None:
    ada = env.person("ada")
    ada.open_home()
    await env.slack.until(lambda: ada.home)
    assert "No workflow is registered yet, so there is nothing to start." in words(ada.home)
    await env.register()
    ada.open_home()
    await env.slack.until(lambda: "You haven't started a run yet" in words(ada.home))
    assert "/signoff list" in words(ada.home)


async def test_the_form_to_register_switches_between_pasting_and_uploading(env: SlackEnv) -> None:
    cleo = env.person("cleo")
    expect_ok(await cleo.command("/signoff register"))
    await env.slack.until(lambda: cleo.modal)
    with pytest.raises(NotSubmitted):
        await cleo.submit()
    expect_ok(await cleo.click("Upload it instead"))
    await env.slack.until(lambda: "Paste it instead" in words(cleo.modal))
    with pytest.raises(NotSubmitted):
        await cleo.submit()
    expect_ok(await cleo.click("Paste it instead"))
    await env.slack.until(lambda: "Upload it instead" in words(cleo.modal))


@pytest.mark.parametrize(("channel", "where"), [("general", "here"), ("secret", "from Signoff")])
async def test_the_sender_of_a_form_reads_where_the_outcome_will_be(env: SlackEnv, channel: str, where: str) -> None:
    await env.register()
    cleo = env.person("cleo")
    expect_ok(await cleo.command("/signoff run refund", channel=channel))
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.submit())
    assert (await last_answer(env, "cleo")).endswith(f"You'll get a message {where} when it's done.")
    await env.settle()
    expect_ok(await env.person("ada").click("Approve", on=copy_of(env.person("ada"))))
    await env.settle()
    outcome = "Done: Refund 120 EUR"
    assert (outcome in words(cleo.sees("general"))) is (channel == "general")
    assert (outcome in words(cleo.sees())) is (channel == "secret")


async def test_the_answer_to_a_start_comes_in_person_if_the_place_cannot_be_answered(env: SlackEnv) -> None:
    await env.register()
    env.slack.fault("response_url", "error", status=500)
    expect_ok(await env.person("cleo").command("/signoff run refund amount=80", channel="secret"))
    await env.finish_background_work()
    texts = words(env.person("cleo").sees())
    assert "You'll get a message from Signoff when it's done." in texts


async def test_home_is_updated_without_being_opened(env: SlackEnv) -> None:
    await env.request_approval()
    ada, ben = env.person("ada"), env.person("ben")
    assert "Refund 120 EUR?" in words(ada.home)
    second_run = await env.start(amount=7)
    await env.settle()
    for person in ada, ben:
        assert "Refund 120 EUR?" in words(person.home)
        assert "Refund 7 EUR?" in words(person.home)
    expect_ok(await ada.click("Approve", on=copy_of(ada)))
    await env.settle()
    for person in ada, ben:
        assert "Refund 120 EUR?" not in words(person.home)
        assert "Refund 7 EUR?" in words(person.home)
    expect_ok(await env.person("cleo").command(f"/signoff cancel {second_run}"))
    await env.settle()
    assert "No request is waiting for you" in words(ben.home)
    assert "⊘ Cancelled · Refund 7 EUR?" in words(env.person("cleo").home)


async def test_many_changes_publish_a_home_once() -> None:
    stale, published = StaleHomes(HomeTiming(first=0, again=0, late=0)), list[str]()

    async def publish(user: str) -> None:
        published.append(user)

    publisher = HomePublisher(stale, publish)
    publishing = asyncio.ensure_future(publisher.run())
    for _ in range(10):
        stale.mark("U1")
        stale.mark("U2")
    assert not publisher.idle
    while not publisher.idle:  # noqa: ASYNC110 what is waited for cannot be awaited
        await asyncio.sleep(0)
    assert published == ["U1", "U2"]
    publishing.cancel()


async def test_a_home_that_slack_refuses_for_a_while_is_published_later_and_any_other_failure_is_only_staleness(
    env: SlackEnv,
) -> None:
    env.slack.fault("views.publish", "error", code="internal_error", times=1)
    await env.request_approval()
    homes = [env.person(name).home for name in ("ada", "ben")]
    assert homes.count(None) == 1
    env.slack.fault("views.publish", "ratelimited", seconds=1, times=1)
    await env.start(amount=7)
    await env.settle()
    assert all("Refund 7 EUR?" in words(env.person(name).home) for name in ("ada", "ben"))


async def test_a_home_that_was_read_first_never_replaces_one_that_was_read_later(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada = env.person("ada")
    env.slack.fault("views.publish", "slow", seconds=60)
    ada.open_home()
    await env.slack.until(lambda: not env.slack.faults.queue)
    expect_ok(await env.person("cleo").command(f"/signoff cancel {run}"))
    while await env.do_due_work():
        pass
    # Time for the tabs of the other people, and for ada's tab if it does not wait.
    for _ in range(1_000):
        await asyncio.sleep(0)
    env.slack.time.advance(60)
    await env.settle()
    assert "No request is waiting for you" in words(ada.home)


async def test_home_shows_waiting_requests_and_opens_them(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada = env.person("ada")
    ada.open_home()
    await env.slack.until(lambda: ada.home)
    assert "Refund 120 EUR?" in words(ada.home)
    expect_ok(await ada.click("Review", on="home"))
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ada.click("Reject"))
    await env.slack.until(lambda: len(ada.stack) == 2)
    expect_ok(await ada.submit({"Reason": "No."}))
    await env.finish_background_work()
    assert "You rejected this, " in words(ada.modal)
    assert await env.state(run) is RequestState.REJECTED
    ada.open_home()
    await env.slack.until(lambda: "No request is waiting for you" in words(ada.home))


ASKS = """
name: approvals
title: Tool calls of agents
steps:
  - {id: call, uses: ask, gate: true}
"""


async def test_a_workflow_for_asks_is_shown_and_not_offered_to_run(env: SlackEnv) -> None:
    await env.register(ASKS)
    await env.register()
    refused = "approvals decides about what programs ask, so only an ask starts it."
    assert await answer_to(env, "ben", "/signoff run approvals") == refused
    assert await answer_to(env, "ben", "/signoff run approvals amount=1") == refused
    listed = await answer_to(env, "ben", "/signoff list")
    assert "/signoff show approvals" in listed
    assert "/signoff run refund" in listed
    assert "approvals" not in await answer_to(env, "ben", "/signoff run")
    assert "/signoff show approvals" in await answer_to(env, "ben", "/signoff show")
    assert "Programs with an API key start it by asking." in await answer_to(env, "ben", "/signoff show approvals")
