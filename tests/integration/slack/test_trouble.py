"""Restarts, outages and refusals of Slack between any two steps: nothing is lost, doubled or left with live buttons."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from engine.domain import DeliveryState, RequestState, RunStatus
from engine.errors import StepError
from engine.read_models import PageQuery
from tests.support.engine_env import PlayedParams, Surprise
from tests.support.slack_env import ASKS, SlackEnv, buttons, copy_of, fine, whispered, words

ACTS = """\
name: flow
title: Flow
steps:
  - {id: act, uses: played, with: {text: hello}}
"""
ACTS_TWICE = f"{ACTS}  - {{id: again, uses: played, with: {{text: hello}}}}\n"


def copies(on: SlackEnv, person: str) -> int:
    return sum("Refund 120 EUR?" in words(one.get("blocks")) for one in on.person(person).sees())


async def opened(on: SlackEnv) -> str:
    """A run whose copies are not posted yet."""
    await on.register()
    return await on.start()


# -- restarts -----------------------------------------------------------------------------------------------


async def test_a_restart_between_post_and_receipt_finds_the_copy_again(on: SlackEnv) -> None:
    run = await opened(on)

    async def killed(*_: object) -> None:
        raise asyncio.CancelledError

    record, on.bot.store.transact_with_retry = on.bot.store.transact_with_retry, killed  # type: ignore[method-assign,assignment]
    for one in await on.engine.deliveries(run=run):
        with pytest.raises(asyncio.CancelledError):
            await on.bot.relay.deliver(one.id)
    on.bot.store.transact_with_retry = record  # type: ignore[method-assign]
    assert copies(on, "ada") == 1
    await on.restart()
    on.pass_(seconds=60)
    await on.settle()
    assert copies(on, "ada") == copies(on, "ben") == 1
    fine(await on.person("ada").click("Approve"))
    await on.settle()
    assert buttons(copy_of(on.person("ben"))) == []


async def test_a_click_on_a_copy_that_no_receipt_knows_decides(on: SlackEnv) -> None:
    run = await opened(on)
    on.slack.fault("chat.postMessage", "lost", times=2)
    for one in await on.engine.deliveries(run=run):
        await on.bot.relay.deliver(one.id)
    assert {one.state for one in await on.engine.deliveries(run=run)} == {DeliveryState.DUE}
    fine(await on.person("ada").click("Approve"))
    assert await on.state(run) is RequestState.APPROVED
    on.pass_(minutes=1)
    await on.settle()
    for person in "ada", "ben":
        assert copies(on, person) == 1
        assert buttons(copy_of(on.person(person))) == []


async def test_a_restart_between_post_and_click_changes_nothing(on: SlackEnv) -> None:
    run = await on.asked()
    ada = on.person("ada")
    await on.restart()
    fine(await ada.click("Edit"))
    await on.slack.until(lambda: ada.modal)
    await on.restart()
    fine(await ada.submit({"text": "Pay half"}))
    await on.settle()
    assert (await on.view(run)).status is RunStatus.SUCCEEDED
    assert "Pay half" in words(copy_of(on.person("ben")))


async def test_a_restart_between_click_and_update_updates_all_the_same(on: SlackEnv) -> None:
    run = await on.asked()
    on.slack.fault("response_url", "reset", times=None)
    fine(await on.person("ada").click("Approve"))
    await on.restart()
    assert buttons(copy_of(on.person("ada")))
    await on.settle()
    for person in "ada", "ben":
        assert buttons(copy_of(on.person(person))) == []
    assert (await on.view(run)).status is RunStatus.SUCCEEDED


async def test_a_click_after_its_time_that_was_answered_slowly_brings_no_buttons_back(on: SlackEnv) -> None:
    run = await on.asked(ASKS.replace("edit: [text]", "edit: [text]\n      expires: 2h"))
    on.pass_(hours=3)
    on.slack.fault("response_url", "slow", seconds=2)
    fine(await on.person("ada").click("Approve"))
    # What it shows is read by now, and on its way; the clock comes to the request meanwhile.
    await on.slack.until(lambda: not on.slack.faults.queue)
    for work in await on.engine.due(on.clock.now()):
        assert work.kind == "process_due"
        await on.engine.process_due(work.id)
    for one in await on.engine.deliveries(run=run):
        await on.bot.relay.deliver(one.id)
    assert buttons(copy_of(on.person("ada"))) == []
    await on.afterwards()
    await on.settle()
    assert await on.state(run) is RequestState.EXPIRED
    assert "expired" in whispered(on.slack, on.person("ada"))[-1]
    for person in "ada", "ben":
        assert buttons(copy_of(on.person(person))) == [], "what was read before the end must not be shown after it"


# -- outages ------------------------------------------------------------------------------------------------


async def test_slack_is_down_for_ten_minutes_while_copies_are_posted(on: SlackEnv) -> None:
    await on.register()
    # Whom the gate names was asked before.
    await on.bot.service.asked((await on.bot.service.workflow("refund"))[1])  # type: ignore[index]
    on.slack.faults.down = True
    run = await on.start()
    for _ in range(20):
        await on.settle()
        on.pass_(seconds=30)
    request = await on.request(run)
    assert request.model.deadlines.first_shown_at is None
    on.slack.faults.down = False
    on.pass_(minutes=11)
    await on.settle()
    assert copies(on, "ada") == copies(on, "ben") == 1
    fine(await on.person("ben").click("Approve"))
    await on.settle()
    assert buttons(copy_of(on.person("ada"))) == []


async def test_slack_is_down_for_ten_minutes_while_copies_are_updated(on: SlackEnv) -> None:
    run = await on.asked()
    fine(await on.person("ada").click("Approve"))
    on.slack.faults.down = True
    for _ in range(20):
        await on.settle()
        on.pass_(seconds=30)
    assert (await on.view(run)).status is RunStatus.SUCCEEDED
    on.slack.faults.down = False
    on.pass_(minutes=31)
    await on.settle()
    assert buttons(copy_of(on.person("ben"))) == []
    assert copies(on, "ben") == 1


async def test_a_run_that_starts_while_nobody_can_be_looked_up_asks_later(on: SlackEnv) -> None:
    await on.register()
    await on.start()
    on.pass_(seconds=61)
    on.slack.faults.down = True
    run = await on.start()
    assert await on.engine.requests_of_run(run) == []
    on.slack.faults.down = False
    on.pass_(minutes=2)
    await on.settle()
    assert buttons(copy_of(on.person("ada")))


# -- what Slack refuses -------------------------------------------------------------------------------------


async def test_a_copy_that_was_deleted_is_posted_afresh_with_its_outcome(on: SlackEnv) -> None:
    await on.asked()
    ben = on.person("ben")
    seen = copy_of(ben)
    await on.bot.client.post("chat.delete", channel=seen["channel"], ts=seen["ts"])
    fine(await on.person("ada").click("Approve"))
    await on.settle()
    assert "Approved by Ada Approver" in words(copy_of(ben))
    assert copies(on, "ben") == 1


async def test_content_that_slack_does_not_take_is_shown_as_a_minimal_card(on: SlackEnv) -> None:
    run = await opened(on)
    on.slack.fault("chat.postMessage", "error", code="invalid_blocks", times=1)
    await on.settle()
    seen = [person for person in ("ada", "ben") if "Review" in words(on.person(person).sees()[-1]["blocks"])]
    (small,) = seen
    person = on.person(small)
    assert "Approve" not in buttons(person.sees()[-1])
    fine(await person.click("Review"))
    await on.slack.until(lambda: person.modal)
    fine(await person.click("Approve"))
    await on.settle()
    assert await on.state(run) is RequestState.APPROVED
    assert buttons(person.sees()[-1]) == []


async def test_a_refusal_to_go_on_is_obeyed(on: SlackEnv) -> None:
    run = await opened(on)
    on.slack.fault("chat.postMessage", "ratelimited", seconds=40, times=1)
    await on.settle()
    assert {one.state for one in await on.engine.deliveries(run=run)} == {DeliveryState.DUE}
    due = [one.next_at for one in await on.engine.deliveries(run=run)]
    assert all(at is not None and (at - on.clock.now()).total_seconds() >= 30 for at in due)


async def test_a_clicked_copy_whose_answer_slack_does_not_take_is_updated_by_the_relay(on: SlackEnv) -> None:
    await on.asked()
    on.slack.fault("response_url", "status", status=404, times=None)
    ada = on.person("ada")
    fine(await ada.click("Approve"))
    await on.afterwards()
    assert buttons(copy_of(ada))
    await on.settle()
    assert buttons(copy_of(ada)) == []


async def test_a_sentence_finds_another_way_where_the_first_is_closed(on: SlackEnv) -> None:
    await on.asked()
    ada = on.person("ada")
    old = copy_of(ada)
    await on.person("ben").click("Approve")
    on.slack.fault("response_url", "status", status=404, times=None)
    fine(await ada.click("Approve", on=old, stale=True))
    await on.afterwards()
    assert "already approved by Ben Approver" in whispered(on.slack, ada)[-1]
    on.slack.fault("chat.postEphemeral", "error", code="user_not_in_channel", times=None)
    fine(await ada.click("Approve", on=old, stale=True))
    await on.afterwards()
    assert "already approved by Ben Approver" in words(ada.sees()[-1]["blocks"])


async def test_an_outcome_goes_to_the_person_where_the_channel_is_closed_to_us(on: SlackEnv) -> None:
    await on.register()
    run = await on.start()
    on.slack.world.channels[on.slack.channel("general")].members.remove(on.slack.app.bot_user)
    await on.settle()
    await on.person("ada").click("Approve")
    await on.settle()
    assert (await on.view(run)).status is RunStatus.SUCCEEDED
    assert "Refund: done" in words(on.person("cleo").sees()[-1])


# -- what became of a step ----------------------------------------------------------------------------------


async def parked(on: SlackEnv, source: str = ACTS, *, leaves: str | None = None) -> str:
    """A run with a step of unknown outcome. `leaves`: who left the workspace before they were told."""
    await on.register(source)
    if leaves is not None:
        on.person(leaves).user.deleted = True

    async def breaks(params: PlayedParams, context: object) -> Mapping[str, object]:
        raise Surprise("broke")

    on.bot.step.play = breaks
    run = await on.start("flow")
    await on.settle()
    assert (await on.view(run)).status is RunStatus.NEEDS_ATTENTION
    return run


async def test_a_step_of_unknown_outcome_asks_its_owner_who_answers_in_the_message(on: SlackEnv) -> None:
    run = await parked(on)
    cleo = on.person("cleo")
    assert buttons(cleo.sees()[-1]) == ["Done", "Repeat", "Stop"]
    old = cleo.sees()[-1]
    fine(await cleo.click("Done"))
    await on.afterwards()
    assert "Answered by Cleo Builder at 2026-03-02 09:00 UTC: done." in words(cleo.sees()[-1])
    assert "What to do" not in words(cleo.sees()[-1])
    assert buttons(cleo.sees()[-1]) == []
    await on.settle()
    assert (await on.view(run)).status is RunStatus.SUCCEEDED
    fine(await cleo.click("Stop", on=old, stale=True))
    await on.afterwards()
    assert "Cleo Builder answered this already" in whispered(on.slack, cleo)[-1]


async def test_a_question_that_its_owner_cannot_read_is_told_to_whoever_started_the_run(on: SlackEnv) -> None:
    source = ACTS.replace("title: Flow\n", "title: Flow\nowner: ben@example.com\n")
    run = await parked(on, source, leaves="ben")
    told = on.person("cleo").sees()[-1]
    assert "did the step happen?" in words(told["blocks"])
    assert buttons(told) == [], "only the owner may answer"
    assert (await on.view(run)).status is RunStatus.NEEDS_ATTENTION


READS = (
    ACTS.rstrip("\n")
    + """
  - id: receipt
    uses: set
    with: {number: "{{ steps.act.body.number }}"}
"""
)


async def test_done_asks_for_what_later_steps_read_and_the_step_is_not_repeated(on: SlackEnv) -> None:
    run = await parked(on, READS)
    cleo, calls = on.person("cleo"), len(on.bot.step.calls)
    fine(await cleo.click("Done"))
    await on.slack.until(lambda: cleo.modal)
    assert "Later steps need what it answered" in words(cleo.modal)
    assert (await on.view(run)).status is RunStatus.NEEDS_ATTENTION
    fine(await cleo.submit({"Number": "R-1007"}))
    await on.settle()
    view = await on.view(run)
    assert view.status is RunStatus.SUCCEEDED
    assert view.steps[-1].output == {"number": "R-1007"}
    assert len(on.bot.step.calls) == calls, "nothing was carried out a second time"
    assert "Answered by Cleo Builder" in words(cleo.sees()[-1])
    assert buttons(cleo.sees()[-1]) == []


async def test_a_form_about_an_earlier_call_is_refused_and_nothing_is_lost(on: SlackEnv) -> None:
    run = await parked(on, READS)
    cleo = on.person("cleo")
    fine(await cleo.click("Done"))
    await on.slack.until(lambda: cleo.modal)
    fine(await cleo.click("Stop", on=cleo.sees()[-1]))
    await on.settle()
    fine(await cleo.submit({"Number": "R-1007"}))
    await on.settle()
    view = await on.view(run)
    assert view.status is RunStatus.FAILED
    assert "start a new run" not in " ".join(words(one) for one in cleo.sees())


async def test_an_answer_to_an_earlier_question_is_none(on: SlackEnv) -> None:
    run = await parked(on, ACTS_TWICE)
    cleo = on.person("cleo")
    old = cleo.sees()[-1]
    fine(await cleo.click("Done"))
    await on.settle()
    assert (await on.view(run)).status is RunStatus.NEEDS_ATTENTION
    fine(await cleo.click("Done", on=old, stale=True))
    await on.settle()
    assert (await on.view(run)).status is RunStatus.NEEDS_ATTENTION
    assert whispered(on.slack, cleo)


async def test_a_failed_run_tells_its_owner(on: SlackEnv) -> None:
    await on.asked(ASKS.replace("edit: [text]", "edit: [text]\n      expires: 2h"))
    on.pass_(hours=3)
    await on.settle()
    assert "expired without a decision" in words([one["blocks"] for one in on.person("cleo").sees()])


# -- an end that somebody has to look into, told to its owner and to whoever started it ---------------------

EXPIRES = ASKS.replace("edit: [text]", "edit: [text]\n      expires: 2h")
DECIDED = "Expired at 2026-03-02 12:00 UTC without a decision; the run was stopped."
TO_DO = "Start it again if it is still needed."


async def lapsed(on: SlackEnv, *, place: str | None = None, source: str = EXPIRES) -> str:
    """A run that cleo starts by a command, there or in her conversation with the app, and nobody decides in."""
    await on.register(source)
    fine(await on.person("cleo").command("/signoff run refund amount=120", channel=place))
    await on.settle()
    (run,) = await on.engine.runs(PageQuery(limit=10))
    on.pass_(hours=3)
    await on.settle()
    assert (await on.view(run.id)).status is RunStatus.EXPIRED
    return run.id


def ends(on: SlackEnv, person: str, place: str | None = None) -> list[str]:
    """What somebody reads there about the end of a run."""
    seen = [words(one.get("blocks")) for one in on.person(person).sees(place)]
    return [one for one in seen if "Refund: expired without a decision" in one or "Refund failed" in one]


async def test_who_owns_what_they_started_hears_of_its_expiry_once_and_all_of_it(on: SlackEnv) -> None:
    run = await lapsed(on)
    (told,) = ends(on, "cleo")
    for said in (run, "Refund 120 EUR?", DECIDED, TO_DO):
        assert said in told


async def test_who_started_it_elsewhere_hears_it_there_and_as_its_owner(on: SlackEnv) -> None:
    await lapsed(on, place="general")
    (outcome,), (alert,) = ends(on, "cleo", "general"), ends(on, "cleo")
    assert DECIDED in outcome
    assert DECIDED in alert
    assert TO_DO in alert


async def test_an_owner_and_somebody_else_who_started_it_both_hear_of_its_expiry(on: SlackEnv) -> None:
    await lapsed(on, source=EXPIRES.replace("title: Refund\n", "title: Refund\nowner: ben@example.com\n"))
    (outcome,), (alert,) = ends(on, "cleo"), ends(on, "ben")
    assert DECIDED in outcome
    assert DECIDED in alert
    assert TO_DO in alert


async def test_who_owns_what_they_started_hears_once_that_it_failed_and_what_was_decided_before(on: SlackEnv) -> None:
    async def refuses(params: PlayedParams, context: object) -> Mapping[str, object]:
        raise StepError("The bank said no.")

    on.bot.step.play = refuses
    await on.register()
    fine(await on.person("cleo").command("/signoff run refund amount=120"))
    await on.settle()
    ada = on.person("ada")
    fine(await ada.click("Edit"))
    await on.slack.until(lambda: ada.modal)
    fine(await ada.submit({"text": "Pay 90 EUR"}))
    await on.settle()
    (told,) = ends(on, "cleo")
    assert "may have taken effect: pay" in told
    for said in ("The bank said no.", "Approved with edits by Ada Approver", "Pay 90 EUR"):
        assert said in told


# -- people whom Slack cannot reach -------------------------------------------------------------------------

OWNED = ASKS.replace("title: Refund\n", "title: Refund\nowner: cleo@example.com\n")


def alerts(on: SlackEnv) -> list[str]:
    seen = [words(one.get("blocks")) for one in on.person("cleo").sees()]
    return [one for one in seen if "can be reached for" in one]


async def test_who_cannot_be_reached_is_named_on_the_other_copies_and_to_the_owner(on: SlackEnv) -> None:
    await on.register(OWNED)
    run = await on.start()
    on.person("ben").user.deleted = True
    await on.settle()
    assert "Ben Approver (" in words(copy_of(on.person("ada"))["blocks"])
    (alert,) = alerts(on)
    assert "not everybody can be reached for “Refund 120 EUR?”" in alert
    assert "Ben Approver (" in alert
    assert [person.label for person, _ in (await on.request(run)).unreached] == ["Ben Approver"]
    fine(await on.person("ada").click("Approve"))
    await on.settle()
    assert "Not reached" not in words(copy_of(on.person("ada"))["blocks"])
    assert await on.state(run) is RequestState.APPROVED


async def test_a_request_that_reaches_nobody_is_told_to_the_owner(on: SlackEnv) -> None:
    await on.register(OWNED)
    run = await on.start()
    on.person("ada").user.deleted = on.person("ben").user.deleted = True
    await on.settle()
    told = alerts(on)
    assert any("nobody can be reached for “Refund 120 EUR?”" in one for one in told)
    assert len(told) <= 2
    assert await on.state(run) is RequestState.PENDING


# -- a Slack that does not answer ---------------------------------------------------------------------------


async def test_a_command_is_answered_in_time_though_nobody_can_be_looked_up(on: SlackEnv) -> None:
    """Else its author would see a failure, type it again, and have two runs."""
    await on.register()
    for method in "users.lookupByEmail", "users.info":
        on.slack.fault(method, "hang", times=None)
    cleo = on.person("cleo")
    assert "Started Refund" in str(fine(await cleo.command("/signoff run refund amount=120")).body)
    (run,) = await on.engine.runs(PageQuery(limit=10))
    on.slack.faults.clear()
    on.pass_(minutes=1)
    await on.settle()
    fine(await on.person("ada").click("Approve"))
    await on.settle()
    assert (await on.view(run.id)).status is RunStatus.SUCCEEDED
