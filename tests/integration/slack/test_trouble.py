"""Restarts, outages and refusals of Slack between any two steps: nothing is lost, doubled or left with live buttons."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from engine.domain import DeliveryState, RequestState, RunStatus
from engine.errors import StepError
from engine.read_models import PageQuery
from tests.support.engine_env import PlayedParams, UnexpectedError
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, buttons, copy_of, ephemeral_texts, expect_ok, words

ACTS = """\
name: flow
title: Flow
steps:
  - {id: act, uses: played, with: {text: hello}}
"""
ACTS_TWICE = f"{ACTS}  - {{id: again, uses: played, with: {{text: hello}}}}\n"


def copies(env: SlackEnv, person: str) -> int:
    return sum("Refund 120 EUR?" in words(one.get("blocks")) for one in env.person(person).sees())


async def opened(env: SlackEnv) -> str:
    """A run whose copies are not posted yet."""
    await env.register()
    return await env.start()


# -- restarts -----------------------------------------------------------------------------------------------


async def test_a_restart_between_post_and_receipt_finds_the_copy_again(env: SlackEnv) -> None:
    run = await opened(env)

    async def killed(*_: object) -> None:
        raise asyncio.CancelledError

    record, env.bot.store.transact_with_retry = env.bot.store.transact_with_retry, killed  # type: ignore[method-assign,assignment]
    for one in await env.engine.deliveries(run=run):
        with pytest.raises(asyncio.CancelledError):
            await env.bot.relay.deliver(one.id)
    env.bot.store.transact_with_retry = record  # type: ignore[method-assign]
    assert copies(env, "ada") == 1
    await env.restart()
    env.pass_time(seconds=60)
    await env.settle()
    assert copies(env, "ada") == copies(env, "ben") == 1
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    assert buttons(copy_of(env.person("ben"))) == []


async def test_a_click_on_a_copy_that_no_receipt_knows_decides(env: SlackEnv) -> None:
    run = await opened(env)
    env.slack.fault("chat.postMessage", "lost", times=2)
    for one in await env.engine.deliveries(run=run):
        await env.bot.relay.deliver(one.id)
    assert {one.state for one in await env.engine.deliveries(run=run)} == {DeliveryState.DUE}
    expect_ok(await env.person("ada").click("Approve"))
    assert await env.state(run) is RequestState.APPROVED
    env.pass_time(minutes=1)
    await env.settle()
    for person in "ada", "ben":
        assert copies(env, person) == 1
        assert buttons(copy_of(env.person(person))) == []


async def test_a_restart_between_post_and_click_changes_nothing(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada = env.person("ada")
    await env.restart()
    expect_ok(await ada.click("Edit"))
    await env.slack.until(lambda: ada.modal)
    await env.restart()
    expect_ok(await ada.submit({"text": "Pay half"}))
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert "Pay half" in words(copy_of(env.person("ben")))


async def test_a_restart_between_click_and_update_updates_all_the_same(env: SlackEnv) -> None:
    run = await env.request_approval()
    env.slack.fault("response_url", "reset", times=None)
    expect_ok(await env.person("ada").click("Approve"))
    await env.restart()
    assert buttons(copy_of(env.person("ada")))
    await env.settle()
    for person in "ada", "ben":
        assert buttons(copy_of(env.person(person))) == []
    assert (await env.view(run)).status is RunStatus.SUCCEEDED


async def test_a_click_after_its_time_that_was_answered_slowly_brings_no_buttons_back(env: SlackEnv) -> None:
    run = await env.request_approval(REFUND_WORKFLOW.replace("edit: [text]", "edit: [text]\n      expires: 2h"))
    env.pass_time(hours=3)
    env.slack.fault("response_url", "slow", seconds=2)
    expect_ok(await env.person("ada").click("Approve"))
    # What it shows is read by now, and on its way; the clock comes to the request meanwhile.
    await env.slack.until(lambda: not env.slack.faults.queue)
    for work in await env.engine.due(env.clock.now()):
        assert work.kind == "process_due"
        await env.engine.process_due(work.id)
    for one in await env.engine.deliveries(run=run):
        await env.bot.relay.deliver(one.id)
    assert buttons(copy_of(env.person("ada"))) == []
    await env.finish_background_work()
    await env.settle()
    assert await env.state(run) is RequestState.EXPIRED
    assert "expired" in ephemeral_texts(env.slack, env.person("ada"))[-1]
    for person in "ada", "ben":
        assert buttons(copy_of(env.person(person))) == [], "what was read before the end must not be shown after it"


# -- outages ------------------------------------------------------------------------------------------------


async def test_slack_is_down_for_ten_minutes_while_copies_are_posted(env: SlackEnv) -> None:
    await env.register()
    # The approver that the gate names was asked before.
    await env.bot.service.approver_names((await env.bot.service.workflow("refund"))[1])  # type: ignore[index]
    env.slack.faults.down = True
    run = await env.start()
    for _ in range(20):
        await env.settle()
        env.pass_time(seconds=30)
    request = await env.request(run)
    assert request.model.deadlines.first_shown_at is None
    env.slack.faults.down = False
    env.pass_time(minutes=11)
    await env.settle()
    assert copies(env, "ada") == copies(env, "ben") == 1
    expect_ok(await env.person("ben").click("Approve"))
    await env.settle()
    assert buttons(copy_of(env.person("ada"))) == []


async def test_slack_is_down_for_ten_minutes_while_copies_are_updated(env: SlackEnv) -> None:
    run = await env.request_approval()
    expect_ok(await env.person("ada").click("Approve"))
    env.slack.faults.down = True
    for _ in range(20):
        await env.settle()
        env.pass_time(seconds=30)
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    env.slack.faults.down = False
    env.pass_time(minutes=31)
    await env.settle()
    assert buttons(copy_of(env.person("ben"))) == []
    assert copies(env, "ben") == 1


async def test_a_run_that_starts_while_nobody_can_be_looked_up_asks_later(env: SlackEnv) -> None:
    await env.register()
    await env.start()
    env.pass_time(seconds=61)
    env.slack.faults.down = True
    run = await env.start()
    assert await env.engine.requests_of_run(run) == []
    env.slack.faults.down = False
    env.pass_time(minutes=2)
    await env.settle()
    assert buttons(copy_of(env.person("ada")))


# -- what Slack refuses -------------------------------------------------------------------------------------


async def test_a_copy_that_was_deleted_is_posted_afresh_with_its_outcome(env: SlackEnv) -> None:
    await env.request_approval()
    ben = env.person("ben")
    seen = copy_of(ben)
    await env.bot.client.post("chat.delete", channel=seen["channel"], ts=seen["ts"])
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    assert "Approved by Ada Approver" in words(copy_of(ben))
    assert copies(env, "ben") == 1


async def test_content_that_slack_does_not_take_is_shown_as_a_minimal_card(env: SlackEnv) -> None:
    run = await opened(env)
    env.slack.fault("chat.postMessage", "error", code="invalid_blocks", times=1)
    await env.settle()
    seen = [person for person in ("ada", "ben") if "Review" in words(env.person(person).sees()[-1]["blocks"])]
    (small,) = seen
    person = env.person(small)
    assert "Approve" not in buttons(person.sees()[-1])
    expect_ok(await person.click("Review"))
    await env.slack.until(lambda: person.modal)
    expect_ok(await person.click("Approve"))
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED
    assert buttons(person.sees()[-1]) == []


async def test_a_refusal_to_go_on_is_obeyed(env: SlackEnv) -> None:
    run = await opened(env)
    env.slack.fault("chat.postMessage", "ratelimited", seconds=40, times=1)
    await env.settle()
    assert {one.state for one in await env.engine.deliveries(run=run)} == {DeliveryState.DUE}
    due = [one.next_at for one in await env.engine.deliveries(run=run)]
    assert all(at is not None and (at - env.clock.now()).total_seconds() >= 30 for at in due)


async def test_a_clicked_copy_whose_answer_slack_does_not_take_is_updated_by_the_relay(env: SlackEnv) -> None:
    await env.request_approval()
    env.slack.fault("response_url", "status", status=404, times=None)
    ada = env.person("ada")
    expect_ok(await ada.click("Approve"))
    await env.finish_background_work()
    assert buttons(copy_of(ada))
    await env.settle()
    assert buttons(copy_of(ada)) == []


async def test_a_sentence_finds_another_way_where_the_first_is_closed(env: SlackEnv) -> None:
    await env.request_approval()
    ada = env.person("ada")
    old = copy_of(ada)
    await env.person("ben").click("Approve")
    env.slack.fault("response_url", "status", status=404, times=None)
    expect_ok(await ada.click("Approve", on=old, stale=True))
    await env.finish_background_work()
    assert "already approved by Ben Approver" in ephemeral_texts(env.slack, ada)[-1]
    env.slack.fault("chat.postEphemeral", "error", code="user_not_in_channel", times=None)
    expect_ok(await ada.click("Approve", on=old, stale=True))
    await env.finish_background_work()
    assert "already approved by Ben Approver" in words(ada.sees()[-1]["blocks"])


async def test_an_outcome_goes_to_the_person_where_the_channel_is_closed_to_us(env: SlackEnv) -> None:
    await env.register()
    run = await env.start()
    env.slack.world.channels[env.slack.channel("general")].members.remove(env.slack.app.bot_user)
    await env.settle()
    await env.person("ada").click("Approve")
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert "Refund: done" in words(env.person("cleo").sees()[-1])


# -- what became of a step ----------------------------------------------------------------------------------


async def parked(env: SlackEnv, source: str = ACTS, *, leaves: str | None = None) -> str:
    """A run with a step of unknown outcome. `leaves`: who left the workspace before they were told."""
    await env.register(source)
    if leaves is not None:
        env.person(leaves).user.deleted = True

    async def breaks(params: PlayedParams, context: object) -> Mapping[str, object]:
        raise UnexpectedError("broke")

    env.bot.step.play = breaks
    run = await env.start("flow")
    await env.settle()
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION
    return run


async def test_a_step_of_unknown_outcome_asks_its_owner_who_answers_in_the_message(env: SlackEnv) -> None:
    run = await parked(env)
    cleo = env.person("cleo")
    assert buttons(cleo.sees()[-1]) == ["Done", "Repeat", "Stop"]
    old = cleo.sees()[-1]
    expect_ok(await cleo.click("Done"))
    await env.finish_background_work()
    assert "Answered by Cleo Builder at 2026-03-02 09:00 UTC: done." in words(cleo.sees()[-1])
    assert "What to do" not in words(cleo.sees()[-1])
    assert buttons(cleo.sees()[-1]) == []
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    expect_ok(await cleo.click("Stop", on=old, stale=True))
    await env.finish_background_work()
    assert "Cleo Builder already answered" in ephemeral_texts(env.slack, cleo)[-1]


async def test_a_question_that_its_owner_cannot_read_is_told_to_whoever_started_the_run(env: SlackEnv) -> None:
    source = ACTS.replace("title: Flow\n", "title: Flow\nowner: ben@example.com\n")
    run = await parked(env, source, leaves="ben")
    told = env.person("cleo").sees()[-1]
    assert "did the step happen?" in words(told["blocks"])
    assert buttons(told) == [], "only the owner may answer"
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION


READS = (
    ACTS.rstrip("\n")
    + """
  - id: receipt
    uses: set
    with: {number: "{{ steps.act.body.number }}"}
"""
)


async def test_done_asks_for_what_later_steps_read_and_the_step_is_not_repeated(env: SlackEnv) -> None:
    run = await parked(env, READS)
    cleo, calls = env.person("cleo"), len(env.bot.step.calls)
    expect_ok(await cleo.click("Done"))
    await env.slack.until(lambda: cleo.modal)
    assert "Later steps need what it answered" in words(cleo.modal)
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION
    expect_ok(await cleo.submit({"Number": "R-1007"}))
    await env.settle()
    view = await env.view(run)
    assert view.status is RunStatus.SUCCEEDED
    assert view.steps[-1].output == {"number": "R-1007"}
    assert len(env.bot.step.calls) == calls, "nothing was carried out a second time"
    assert "Answered by Cleo Builder" in words(cleo.sees()[-1])
    assert buttons(cleo.sees()[-1]) == []


async def test_a_form_about_an_earlier_call_is_refused_and_nothing_is_lost(env: SlackEnv) -> None:
    run = await parked(env, READS)
    cleo = env.person("cleo")
    expect_ok(await cleo.click("Done"))
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.click("Stop", on=cleo.sees()[-1]))
    await env.settle()
    expect_ok(await cleo.submit({"Number": "R-1007"}))
    await env.settle()
    view = await env.view(run)
    assert view.status is RunStatus.FAILED
    assert "start a new run" not in " ".join(words(one) for one in cleo.sees())


async def test_an_answer_to_an_earlier_question_is_none(env: SlackEnv) -> None:
    run = await parked(env, ACTS_TWICE)
    cleo = env.person("cleo")
    old = cleo.sees()[-1]
    expect_ok(await cleo.click("Done"))
    await env.settle()
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION
    expect_ok(await cleo.click("Done", on=old, stale=True))
    await env.settle()
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION
    assert ephemeral_texts(env.slack, cleo)


async def test_a_failed_run_tells_its_owner(env: SlackEnv) -> None:
    await env.request_approval(REFUND_WORKFLOW.replace("edit: [text]", "edit: [text]\n      expires: 2h"))
    env.pass_time(hours=3)
    await env.settle()
    assert "expired without a decision" in words([one["blocks"] for one in env.person("cleo").sees()])


# -- an end that its owner has to look into, told to owner and requester ----------------------------------

EXPIRES = REFUND_WORKFLOW.replace("edit: [text]", "edit: [text]\n      expires: 2h")
DECIDED = "Expired at 2026-03-02 12:00 UTC without a decision; the run was stopped."
TO_DO = "Start it again if it is still needed."


async def lapsed(env: SlackEnv, *, place: str | None = None, source: str = EXPIRES) -> str:
    """A run that cleo starts by a command, there or in her conversation with the app, and that stays undecided."""
    await env.register(source)
    expect_ok(await env.person("cleo").command("/signoff run refund amount=120", channel=place))
    await env.settle()
    (run,) = await env.engine.runs(PageQuery(limit=10))
    env.pass_time(hours=3)
    await env.settle()
    assert (await env.view(run.id)).status is RunStatus.EXPIRED
    return run.id


def ends(env: SlackEnv, person: str, place: str | None = None) -> list[str]:
    """What a person reads there about the end of a run."""
    seen = [words(one.get("blocks")) for one in env.person(person).sees(place)]
    return [one for one in seen if "Refund: expired without a decision" in one or "Refund failed" in one]


async def test_who_owns_what_they_started_hears_of_its_expiry_once_and_all_of_it(env: SlackEnv) -> None:
    run = await lapsed(env)
    (told,) = ends(env, "cleo")
    for said in (run, "Refund 120 EUR?", DECIDED, TO_DO):
        assert said in told


async def test_who_started_it_elsewhere_hears_it_there_and_as_its_owner(env: SlackEnv) -> None:
    await lapsed(env, place="general")
    (outcome,), (alert,) = ends(env, "cleo", "general"), ends(env, "cleo")
    assert DECIDED in outcome
    assert DECIDED in alert
    assert TO_DO in alert


async def test_an_owner_and_somebody_else_who_started_it_both_hear_of_its_expiry(env: SlackEnv) -> None:
    await lapsed(env, source=EXPIRES.replace("title: Refund\n", "title: Refund\nowner: ben@example.com\n"))
    (outcome,), (alert,) = ends(env, "cleo"), ends(env, "ben")
    assert DECIDED in outcome
    assert DECIDED in alert
    assert TO_DO in alert


async def test_who_owns_what_they_started_hears_once_that_it_failed_and_what_was_decided_before(env: SlackEnv) -> None:
    async def refuses(params: PlayedParams, context: object) -> Mapping[str, object]:
        raise StepError("The bank said no.")

    env.bot.step.play = refuses
    await env.register()
    expect_ok(await env.person("cleo").command("/signoff run refund amount=120"))
    await env.settle()
    ada = env.person("ada")
    expect_ok(await ada.click("Edit"))
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ada.submit({"text": "Pay 90 EUR"}))
    await env.settle()
    (told,) = ends(env, "cleo")
    assert "may have taken effect: pay" in told
    for said in ("The bank said no.", "Approved with edits by Ada Approver", "Pay 90 EUR"):
        assert said in told


# -- people that Slack cannot reach -------------------------------------------------------------------------

OWNED = REFUND_WORKFLOW.replace("title: Refund\n", "title: Refund\nowner: cleo@example.com\n")


def alerts(env: SlackEnv) -> list[str]:
    seen = [words(one.get("blocks")) for one in env.person("cleo").sees()]
    return [one for one in seen if "can be reached for" in one]


async def test_who_cannot_be_reached_is_named_on_the_other_copies_and_to_the_owner(env: SlackEnv) -> None:
    await env.register(OWNED)
    run = await env.start()
    env.person("ben").user.deleted = True
    await env.settle()
    assert "Ben Approver (" in words(copy_of(env.person("ada"))["blocks"])
    (alert,) = alerts(env)
    assert "not everybody can be reached for “Refund 120 EUR?”" in alert
    assert "Ben Approver (" in alert
    assert [person.label for person, _ in (await env.request(run)).unreached] == ["Ben Approver"]
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    assert "Not reached" not in words(copy_of(env.person("ada"))["blocks"])
    assert await env.state(run) is RequestState.APPROVED


async def test_a_request_that_reaches_nobody_is_told_to_the_owner(env: SlackEnv) -> None:
    await env.register(OWNED)
    run = await env.start()
    env.person("ada").user.deleted = env.person("ben").user.deleted = True
    await env.settle()
    told = alerts(env)
    assert any("nobody can be reached for “Refund 120 EUR?”" in one for one in told)
    assert len(told) <= 2
    assert await env.state(run) is RequestState.PENDING


# -- a Slack that does not answer ---------------------------------------------------------------------------


async def test_a_command_is_answered_in_time_though_nobody_can_be_looked_up(env: SlackEnv) -> None:
    """Else its author would see a failure, type it again, and have two runs."""
    await env.register()
    for method in "users.lookupByEmail", "users.info":
        env.slack.fault(method, "hang", times=None)
    cleo = env.person("cleo")
    assert "Started Refund" in str(expect_ok(await cleo.command("/signoff run refund amount=120")).body)
    (run,) = await env.engine.runs(PageQuery(limit=10))
    env.slack.faults.clear()
    env.pass_time(minutes=1)
    await env.settle()
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    assert (await env.view(run.id)).status is RunStatus.SUCCEEDED
