"""Restarts, outages and refusals of Slack between any two steps: nothing is lost, doubled or left with live buttons."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from engine.domain import Address, DeliveryState, Done, RequestState, RunStatus, TryAgain
from engine.errors import StepError
from engine.read_models import PageQuery
from tests.support.engine_env import TERMINAL, PlayedParams, UnexpectedError
from tests.support.slack_env import (
    REFUND_WORKFLOW,
    SlackEnv,
    buttons,
    copy_of,
    ephemeral_texts,
    expect_ok,
    last_message_of,
    words,
)

pytestmark = pytest.mark.each_variation

ACTS = """\
name: flow
title: Flow
steps:
  - {id: act, uses: played, with: {text: hello}}
"""
ACTS_TWICE = f"{ACTS}  - {{id: again, uses: played, with: {{text: hello}}}}\n"


def copies(env: SlackEnv, person: str) -> int:
    return sum("Refund 120 EUR?" in words(message.get("blocks")) for message in env.person(person).sees())


async def start_unposted(env: SlackEnv) -> str:
    """Start a run whose copies are not posted yet."""
    await env.register()
    return await env.start()


# -- an approved step that fails ---------------------------------------------------------------------------


async def test_an_approver_reads_in_place_that_another_try_of_a_failed_step_worked(env: SlackEnv) -> None:
    async def fails(*_: object) -> dict[str, object]:
        raise StepError("the bank is closed", retryable=False)

    env.bot.step.play = fails
    run = await env.request_approval()
    ada = env.person("ada")
    expect_ok(await ada.click("Approve"))
    await env.settle()
    before = len(ada.sees())
    assert "You approved “Refund 120 EUR?”, and it failed" in last_message_of(ada)

    async def works(*_: object) -> dict[str, object]:
        return {}

    env.bot.step.play = works
    cleo = Address("slack", env.person("cleo").id)
    assert await env.engine.try_again(TryAgain(run=run, actor=cleo, origin=TERMINAL)) == Done(run=run)
    await env.settle()
    expect_ok(await ada.click("Approve"))
    await env.settle()
    assert len(ada.sees()) == before + 1, "only the new request is a message of its own"
    first, alert, second = ada.sees()[-3:]
    assert "Pay: failed at first. It worked on another try, " in words(first["blocks"])
    assert "It worked on another try, " in words(alert["blocks"])
    assert "Pay: done, " in words(second["blocks"])


# -- restarts -----------------------------------------------------------------------------------------------


async def test_a_restart_between_post_and_receipt_finds_the_copy_again(env: SlackEnv) -> None:
    run = await start_unposted(env)

    async def kill_process(*_: object) -> None:
        raise asyncio.CancelledError

    record, env.bot.store.transact_with_retry = env.bot.store.transact_with_retry, kill_process  # type: ignore[method-assign,assignment]

    for delivery in await env.engine.deliveries(run=run):
        with pytest.raises(asyncio.CancelledError):
            await env.bot.relay.deliver(delivery.id)
    env.bot.store.transact_with_retry = record  # type: ignore[method-assign]

    assert copies(env, "ada") == 1
    await env.restart()
    env.pass_time(seconds=60)
    await env.settle()
    assert copies(env, "ada") == copies(env, "ben") == 1
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    assert buttons(copy_of(env.person("ben"))) == ["Details"]


async def test_a_click_on_a_copy_that_no_receipt_knows_decides(env: SlackEnv) -> None:
    run = await start_unposted(env)
    env.slack.fault("chat.postMessage", "lost", times=2)
    for delivery in await env.engine.deliveries(run=run):
        await env.bot.relay.deliver(delivery.id)
    assert {delivery.state for delivery in await env.engine.deliveries(run=run)} == {DeliveryState.DUE}
    expect_ok(await env.person("ada").click("Approve"))
    assert await env.state(run) is RequestState.APPROVED
    env.pass_time(minutes=1)
    await env.settle()
    for person in "ada", "ben":
        assert copies(env, person) == 1
        assert buttons(copy_of(env.person(person))) == ["Details"]


async def test_a_restart_between_post_and_click_changes_nothing(env: SlackEnv) -> None:
    run = await env.request_approval()
    ada = env.person("ada")
    await env.restart()
    expect_ok(await ada.click("Edit"))
    await env.slack.until(lambda: ada.modal)
    await env.restart()
    expect_ok(await ada.submit({"Text": "Pay half"}))
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert "Pay half" in words(copy_of(env.person("ben")))


async def test_a_restart_between_click_and_update_does_not_lose_the_update(env: SlackEnv) -> None:
    run = await env.request_approval()
    env.slack.fault("response_url", "reset", times=None)
    expect_ok(await env.person("ada").click("Approve"))
    await env.restart()
    assert buttons(copy_of(env.person("ada")))
    await env.settle()
    for person in "ada", "ben":
        assert buttons(copy_of(env.person(person))) == ["Details"]
    assert (await env.view(run)).status is RunStatus.SUCCEEDED


async def test_a_slowly_answered_click_on_an_expired_request_restores_no_buttons(env: SlackEnv) -> None:
    run = await env.request_approval(REFUND_WORKFLOW.replace("edit: [text]", "edit: [text]\n      expires: 2h"))
    env.pass_time(hours=3)
    env.slack.fault("response_url", "slow", seconds=2)
    expect_ok(await env.person("ada").click("Approve"))
    # The content of the copy is loaded and under way. Meanwhile the request expires.
    await env.slack.until(lambda: not env.slack.faults.queue)
    for work in await env.engine.due(env.clock.now()):
        assert work.kind == "process_due"
        await env.engine.process_due(work.id)
    for delivery in await env.engine.deliveries(run=run):
        await env.bot.relay.deliver(delivery.id)
    assert buttons(copy_of(env.person("ada"))) == ["Details"]
    env.slack.time.advance(2)
    await env.finish_background_work()
    await env.settle()
    assert await env.state(run) is RequestState.EXPIRED
    assert "expired" in ephemeral_texts(env.slack, env.person("ada"))[-1]
    for person in "ada", "ben":
        assert buttons(copy_of(env.person(person))) == ["Details"], (
            "content from before the end must not be shown after it"
        )


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
    assert buttons(copy_of(env.person("ada"))) == ["Details"]


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
    assert buttons(copy_of(env.person("ben"))) == ["Details"]
    assert copies(env, "ben") == 1


async def test_a_run_that_starts_during_an_outage_asks_later(env: SlackEnv) -> None:
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


# -- refusals of Slack --------------------------------------------------------------------------------------


async def test_a_copy_that_was_deleted_is_posted_afresh_with_its_outcome(env: SlackEnv) -> None:
    await env.request_approval()
    ben = env.person("ben")
    message = copy_of(ben)
    await env.bot.client.post("chat.delete", channel=message["channel"], ts=message["ts"])
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    assert "Approved by Ada Approver" in words(copy_of(ben))
    assert copies(env, "ben") == 1


async def test_content_that_slack_refuses_is_shown_as_a_minimal_card(env: SlackEnv) -> None:
    run = await start_unposted(env)
    env.slack.fault("chat.postMessage", "error", code="invalid_blocks", times=1)
    await env.settle()
    readers = [person for person in ("ada", "ben") if "Review" in words(env.person(person).sees()[-1]["blocks"])]
    (small,) = readers
    person = env.person(small)
    assert "Approve" not in buttons(person.sees()[-1])
    expect_ok(await person.click("Review"))
    await env.slack.until(lambda: person.modal)
    expect_ok(await person.click("Approve"))
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED
    assert buttons(person.sees()[-1]) == ["Details"]


async def test_a_rate_limit_is_obeyed(env: SlackEnv) -> None:
    run = await start_unposted(env)
    env.slack.fault("chat.postMessage", "ratelimited", seconds=40, times=1)
    await env.settle()
    assert {delivery.state for delivery in await env.engine.deliveries(run=run)} == {DeliveryState.DUE}
    due = [delivery.next_at for delivery in await env.engine.deliveries(run=run)]
    assert all(time is not None and (time - env.clock.now()).total_seconds() >= 30 for time in due)


async def test_a_clicked_copy_whose_update_slack_refuses_is_updated_by_the_relay(env: SlackEnv) -> None:
    await env.request_approval()
    env.slack.fault("response_url", "status", status=404, times=None)
    ada = env.person("ada")
    expect_ok(await ada.click("Approve"))
    await env.finish_background_work()
    assert buttons(copy_of(ada))
    await env.settle()
    assert buttons(copy_of(ada)) == ["Details"]


async def test_a_sentence_is_sent_another_way_when_the_first_one_fails(env: SlackEnv) -> None:
    await env.request_approval()
    ada = env.person("ada")
    outdated = copy_of(ada)
    await env.person("ben").click("Approve")
    env.slack.fault("response_url", "status", status=404, times=None)
    expect_ok(await ada.click("Approve", on=outdated, stale=True))
    await env.finish_background_work()
    assert "Ben Approver already approved this request" in ephemeral_texts(env.slack, ada)[-1]
    env.slack.fault("chat.postEphemeral", "error", code="user_not_in_channel", times=None)
    expect_ok(await ada.click("Approve", on=outdated, stale=True))
    await env.finish_background_work()
    assert "Ben Approver already approved this request" in words(ada.sees()[-1]["blocks"])


async def test_an_outcome_goes_to_the_person_when_the_channel_cannot_be_posted_to(env: SlackEnv) -> None:
    await env.register()
    run = await env.start()
    env.slack.world.channels[env.slack.channel("general")].members.remove(env.slack.app.bot_user)
    await env.settle()
    await env.person("ada").click("Approve")
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert "Done: Refund 120 EUR" in words(env.person("cleo").sees()[-1])


# -- steps of unknown outcome -------------------------------------------------------------------------------


async def start_unknown_outcome(env: SlackEnv, source: str = ACTS, *, leaves: str | None = None) -> str:
    """Start a run with a step of unknown outcome. `leaves` names a person who leaves the workspace before the alert."""
    await env.register(source)
    if leaves is not None:
        env.person(leaves).user.deleted = True

    async def raise_error(params: PlayedParams, context: object) -> Mapping[str, object]:
        raise UnexpectedError("broke")

    env.bot.step.play = raise_error
    run = await env.start("flow")
    await env.settle()
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION
    return run


async def test_a_step_of_unknown_outcome_asks_its_owner_who_answers_in_the_message(env: SlackEnv) -> None:
    run = await start_unknown_outcome(env)
    cleo = env.person("cleo")
    assert buttons(cleo.sees()[-1]) == ["It happened", "It did not happen", "Stop the run", "Details"]
    outdated = cleo.sees()[-1]
    expect_ok(await cleo.click("It happened"))
    await env.finish_background_work()
    assert "Cleo Builder answered “It happened”" in words(cleo.sees()[-1]["blocks"])
    assert "Mar 2, 2026, 9:00 AM UTC" in words(cleo.sees()[-1]["blocks"])
    assert "What to do" not in words(cleo.sees()[-1])
    assert buttons(cleo.sees()[-1]) == ["Details"]
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    expect_ok(await cleo.click("Stop the run", on=outdated, stale=True))
    await env.finish_background_work()
    assert "Cleo Builder already answered" in ephemeral_texts(env.slack, cleo)[-1]


async def test_a_question_that_cannot_reach_the_owner_goes_to_the_requester(env: SlackEnv) -> None:
    source = ACTS.replace("title: Flow\n", "title: Flow\nowner: ben@example.com\n")
    run = await start_unknown_outcome(env, source, leaves="ben")
    message = env.person("cleo").sees()[-1]
    assert "Did “Act” happen?" in words(message["blocks"])
    assert buttons(message) == ["Details"], "only the owner may answer"
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION


READS = (
    ACTS.rstrip("\n")
    + """
  - id: receipt
    uses: set
    with: {number: "{{ steps.act.body.number }}"}
"""
)


async def test_done_asks_for_the_values_that_later_steps_read_and_does_not_repeat_the_step(env: SlackEnv) -> None:
    run = await start_unknown_outcome(env, READS)
    cleo, calls = env.person("cleo"), len(env.bot.step.calls)
    expect_ok(await cleo.click("It happened"))
    await env.slack.until(lambda: cleo.modal)
    assert "Later steps need its result." in words(cleo.modal)
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION
    expect_ok(await cleo.submit({"Number": "R-1007"}))
    await env.settle()
    view = await env.view(run)
    assert view.status is RunStatus.SUCCEEDED
    assert view.steps[-1].output == {"number": "R-1007"}
    assert len(env.bot.step.calls) == calls, "the step did not run a second time"
    assert "Cleo Builder answered “It happened”" in words(cleo.sees()[-1])
    assert buttons(cleo.sees()[-1]) == ["Details"]


async def test_a_form_about_an_earlier_call_is_refused_and_nothing_is_lost(env: SlackEnv) -> None:
    run = await start_unknown_outcome(env, READS)
    cleo = env.person("cleo")
    expect_ok(await cleo.click("It happened"))
    await env.slack.until(lambda: cleo.modal)
    expect_ok(await cleo.click("Stop the run", on=cleo.sees()[-1]))
    await env.settle()
    expect_ok(await cleo.submit({"Number": "R-1007"}))
    await env.settle()
    view = await env.view(run)
    assert view.status is RunStatus.FAILED
    assert "start a new run" not in " ".join(words(message) for message in cleo.sees())


async def test_an_answer_to_an_earlier_question_does_not_count(env: SlackEnv) -> None:
    run = await start_unknown_outcome(env, ACTS_TWICE)
    cleo = env.person("cleo")
    outdated = cleo.sees()[-1]
    expect_ok(await cleo.click("It happened"))
    await env.settle()
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION
    expect_ok(await cleo.click("It happened", on=outdated, stale=True))
    await env.settle()
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION
    assert ephemeral_texts(env.slack, cleo)


async def test_the_owner_of_a_failed_run_is_informed(env: SlackEnv) -> None:
    await env.request_approval(REFUND_WORKFLOW.replace("edit: [text]", "edit: [text]\n      expires: 2h"))
    env.pass_time(hours=3)
    await env.settle()
    assert "Expired without a decision: Refund 120 EUR" in words(
        [message["blocks"] for message in env.person("cleo").sees()]
    )


async def start_failed_run(env: SlackEnv, error: Exception, source: str = ACTS) -> str:
    """Start a run of cleo whose step fails for good."""

    async def fails(params: PlayedParams, context: object) -> Mapping[str, object]:
        raise error

    await env.register(source)
    env.bot.step.play = fails
    run = await env.start("flow")
    await env.settle()
    assert (await env.view(run)).status is RunStatus.FAILED
    return run


async def succeeds(*_: object) -> dict[str, object]:
    return {}


async def test_the_owner_tries_a_failed_run_again_from_the_alert(env: SlackEnv) -> None:
    run = await start_failed_run(env, StepError("the bank is closed", retryable=False))
    cleo = env.person("cleo")
    outdated = cleo.sees()[-1]
    assert buttons(outdated) == ["Try again", "Details"]
    assert "Fix the cause, then try the run again." in words(outdated)
    env.bot.step.play = succeeds
    assert await cleo.click("Try again", confirm=False) is None, "the step may have happened, so it asks first"
    expect_ok(await cleo.click("Try again"))
    await env.finish_background_work()
    assert "You tried this run again" in ephemeral_texts(env.slack, cleo)[-1]
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    alert = next(message for message in cleo.sees() if message["ts"] == outdated["ts"])
    assert (buttons(alert), "It was tried again" in words(alert)) == (["Details"], True)
    expect_ok(await cleo.click("Try again", on=outdated, stale=True))
    await env.finish_background_work()
    assert "Only a run that failed can be tried again." in ephemeral_texts(env.slack, cleo)[-1]
    assert len(env.bot.step.calls) == 2


async def test_who_tries_a_run_again_hears_that_it_keeps_its_version(env: SlackEnv) -> None:
    await start_failed_run(env, StepError("the bank is closed", retryable=False))
    cleo = env.person("cleo")
    assert "keeps version" not in words(cleo.sees()[-1])
    await env.register(f"{ACTS}# corrected\n")
    expect_ok(await cleo.click("Try again"))
    await env.settle()
    keeps = "This run keeps version 1. Only new runs use version 2."
    assert keeps in ephemeral_texts(env.slack, cleo)[-1]
    assert keeps in words(cleo.sees()[-1]), "the alert about the second failure"


async def test_an_outdated_alert_does_not_repeat_another_failure(env: SlackEnv) -> None:
    run = await start_failed_run(env, StepError("the bank is closed", retryable=False))
    cleo = env.person("cleo")
    outdated = cleo.sees()[-1]
    expect_ok(await cleo.click("Try again"))
    await env.settle()
    assert (await env.view(run)).status is RunStatus.FAILED
    expect_ok(await cleo.click("Try again", on=outdated, stale=True))
    await env.settle()
    assert "This run was tried again already, and failed once more." in ephemeral_texts(env.slack, cleo)[-1]
    assert len(env.bot.step.calls) == 2
    expect_ok(await cleo.click("Try again"))
    await env.settle()
    assert len(env.bot.step.calls) == 3, "the newest alert is about the newest failure"


async def test_only_people_of_the_run_can_try_it_again(env: SlackEnv) -> None:
    await start_failed_run(env, StepError("the bank is closed", retryable=False))
    cleo, ada = env.person("cleo"), env.person("ada")
    expect_ok(await ada.click("Try again", on=cleo.sees()[-1], stale=True))
    await env.settle()
    assert "Only the person who started a run" in ephemeral_texts(env.slack, ada)[-1]
    assert len(env.bot.step.calls) == 1


# -- an end that the owner has to look into -----------------------------------------------------------------

EXPIRES = REFUND_WORKFLOW.replace("edit: [text]", "edit: [text]\n      expires: 2h")
DECIDED = ("Expired without a decision", "Mar 2, 2026, 12:00 PM UTC", "The run was stopped")
TO_DO = "If you still need it, start it again."


async def start_and_expire(env: SlackEnv, *, channel: str | None = None, source: str = EXPIRES) -> str:
    """Let a run of cleo expire. She starts it in `channel`, or in her conversation with the app."""
    await env.register(source)
    expect_ok(await env.person("cleo").command("/signoff run refund amount=120", channel=channel))
    await env.settle()
    (run,) = await env.engine.runs(PageQuery(limit=10))
    env.pass_time(hours=3)
    await env.settle()
    assert (await env.view(run.id)).status is RunStatus.EXPIRED
    return run.id


def end_messages(env: SlackEnv, person: str, channel: str | None = None) -> list[str]:
    """Return the messages about the end of a run that a person reads in `channel`."""
    texts = [words(message.get("blocks")) for message in env.person(person).sees(channel)]
    return [text for text in texts if "Expired without a decision: Refund" in text or "Failed: Refund" in text]


async def test_a_requester_who_is_the_owner_gets_one_complete_message_about_the_expiry(env: SlackEnv) -> None:
    run = await start_and_expire(env)
    (text,) = end_messages(env, "cleo")
    for part in ("Refund 120 EUR", *DECIDED, TO_DO):
        assert text.count(part) == 1
    expect_ok(await env.person("cleo").click("Details"))
    await env.slack.until(lambda: env.person("cleo").modal)
    for part in (run, *DECIDED):
        assert part in words(env.person("cleo").modal)


async def test_an_owner_who_started_the_run_in_a_channel_reads_the_end_there_and_as_the_owner(env: SlackEnv) -> None:
    await start_and_expire(env, channel="general")
    (outcome,), (alert,) = end_messages(env, "cleo", "general"), end_messages(env, "cleo")
    assert all(part in outcome and part in alert for part in DECIDED)
    assert TO_DO in alert


async def test_owner_and_requester_are_both_informed_of_the_expiry(env: SlackEnv) -> None:
    await start_and_expire(env, source=EXPIRES.replace("title: Refund\n", "title: Refund\nowner: ben@example.com\n"))
    (outcome,), (alert,) = end_messages(env, "cleo"), end_messages(env, "ben")
    assert all(part in outcome and part in alert for part in DECIDED)
    assert TO_DO in alert


async def test_a_requester_who_is_the_owner_gets_one_message_about_the_failure_and_the_decision(env: SlackEnv) -> None:
    async def refuse(params: PlayedParams, context: object) -> Mapping[str, object]:
        raise StepError("The bank said no.")

    env.bot.step.play = refuse
    await env.register()
    expect_ok(await env.person("cleo").command("/signoff run refund amount=120"))
    await env.settle()
    ada = env.person("ada")
    expect_ok(await ada.click("Edit"))
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ada.submit({"Text": "Pay 90 EUR"}))
    await env.settle()
    (text,) = end_messages(env, "cleo")
    assert "May have happened: Pay" in text
    for part in ("The bank said no.", "Approved with edits by Ada Approver", "Pay 90 EUR"):
        assert part in text


# -- people that Slack cannot reach -------------------------------------------------------------------------

OWNED = REFUND_WORKFLOW.replace("title: Refund\n", "title: Refund\nowner: cleo@example.com\n")


def alerts(env: SlackEnv) -> list[str]:
    texts = [words(message.get("blocks")) for message in env.person("cleo").sees()]
    return [text for text in texts if "be reached" in text]


async def test_an_unreachable_approver_is_named_on_the_other_copies_and_to_the_owner(env: SlackEnv) -> None:
    await env.register(OWNED)
    run = await env.start()
    env.person("ben").user.deleted = True
    await env.settle()
    assert "Ben Approver (" in words(copy_of(env.person("ada"))["blocks"])
    (alert,) = alerts(env)
    assert "Some approvers of “Refund 120 EUR?” cannot be reached" in alert
    assert "Ben Approver (" in alert
    assert [person.label for person, _ in (await env.request(run)).unreached] == ["Ben Approver"]
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    assert "Not reached" not in words(copy_of(env.person("ada"))["blocks"])
    assert await env.state(run) is RequestState.APPROVED


async def test_the_owner_is_informed_of_a_request_that_reaches_no_one(env: SlackEnv) -> None:
    await env.register(OWNED)
    run = await env.start()
    env.person("ada").user.deleted = env.person("ben").user.deleted = True
    await env.settle()
    texts = alerts(env)
    assert any("No approver can be reached for “Refund 120 EUR?”" in text for text in texts)
    assert len(texts) <= 2
    assert await env.state(run) is RequestState.PENDING


# -- a Slack that does not answer ---------------------------------------------------------------------------


async def test_a_command_is_answered_in_time_although_lookups_fail(env: SlackEnv) -> None:
    """Otherwise the author would see a failure, type the command again, and start two runs."""
    await env.register()
    for method in "users.lookupByEmail", "users.info":
        env.slack.fault(method, "hang", times=None)
    cleo = env.person("cleo")
    expect_ok(await cleo.command("/signoff run refund amount=120", channel="general"))
    await env.finish_background_work()
    assert "Refund 120 EUR?" in ephemeral_texts(env.slack, cleo)[-1]
    (run,) = await env.engine.runs(PageQuery(limit=10))
    env.slack.faults.clear()
    env.pass_time(minutes=1)
    await env.settle()
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    assert (await env.view(run.id)).status is RunStatus.SUCCEEDED
