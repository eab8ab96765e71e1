"""Steps and people that only Slack knows: forms, messages, usergroups, over both ways of delivery."""

from __future__ import annotations

import pytest

from bot.devtools.sandbox import NotSubmitted
from bot.presentation import refusals
from engine.domain import (
    Address,
    Assurance,
    Decide,
    InvalidEdits,
    NotAllowed,
    Origin,
    Register,
    RequestState,
    RunStatus,
    Start,
    Started,
    Verdict,
)
from tests.support.slack_env import SlackEnv, buttons, copy_of, fine, words

FORM = """\
name: account
title: Account
inputs: {who: {type: text, default: Una}}
steps:
  - id: details
    uses: form
    title: "Which account for {{ inputs.who }}?"
    approvers: ["group:finance-approvers"]
    fields:
      account: {type: text, label: Account}
      limit: {type: integer, label: Limit, default: 3, max: 9}
      note: {type: long_text, label: Note, required: false}
  - id: done
    uses: set
    with: {text: "{{ steps.details.account }}/{{ steps.details.limit }}/{{ steps.details.note is none }}"}
"""
ASKS = "Which account for Una?"


def message(to: str, text: str = "Hello <@U012AB3CD> & all", more: str = "") -> str:
    return f"""\
name: tell
title: Tell
steps:
  - id: say
    uses: message
    with: {{to: "{to}", text: "{text}"}}
    {more}
"""


async def test_a_form_is_filled_in_by_one_of_a_usergroup(on: SlackEnv) -> None:
    run = await on.asked(FORM)
    ada, ben = on.person("ada"), on.person("ben")
    assert buttons(copy_of(ada, ASKS)) == ["Fill in", "Reject"]
    assert "what step details needs to know" in words(copy_of(ada, ASKS)["blocks"])
    fine(await ada.click("Fill in"))
    await on.settle()
    with pytest.raises(NotSubmitted):
        await ada.submit({"Limit": "4"})
    with pytest.raises(NotSubmitted):
        await ada.submit({"Account": "12", "Limit": "10"})
    fine(await ada.submit({"Account": "12", "Limit": "4"}))
    await on.settle()
    for person in ada, ben:
        copy = copy_of(person, ASKS)
        assert "Filled in by Ada" in words(copy["blocks"])
        assert "with edits" not in words(copy["blocks"])
        assert buttons(copy) == []
    view = await on.view(run)
    assert view.status is RunStatus.SUCCEEDED
    assert view.steps[1].output == {"text": "12/4/true"}


async def test_a_form_that_is_not_filled_in_is_not_approved_by_any_other_way(on: SlackEnv) -> None:
    run = await on.asked(FORM)
    request = await on.request(run)
    command = Decide(
        request=request.id,
        verdict=Verdict.APPROVE,
        actor=Address("slack", on.person("ada").id),
        content_version=request.model.content_version,
        digest=request.model.digest,
        origin=Origin(surface="slack", place={}),
        assurance=Assurance.SLACK,
        edits={"limit": 5},
        reason=None,
    )
    answer = await on.engine.decide(command)
    assert isinstance(answer, InvalidEdits)
    assert answer.errors == {"account": "is required"}
    assert await on.state(run) is RequestState.PENDING


async def test_a_form_can_be_rejected(on: SlackEnv) -> None:
    run = await on.asked(FORM)
    ben = on.person("ben")
    fine(await ben.click("Reject"))
    await on.settle()
    fine(await ben.submit({"Reason": "Not ours"}))
    await on.settle()
    assert (await on.view(run)).status is RunStatus.REJECTED
    assert "Rejected by Ben" in words(copy_of(ben, ASKS)["blocks"])


@pytest.mark.parametrize("to", ["{{ run.requester }}", "cleo@example.com", "<@CLEO>", "CLEO"])
async def test_a_message_is_posted_to_a_person_as_it_is(on: SlackEnv, to: str) -> None:
    cleo = on.person("cleo")
    run = await on.asked(message(to.replace("CLEO", cleo.id)))
    view = await on.view(run)
    assert view.status is RunStatus.SUCCEEDED
    said = next(one for one in cleo.sees() if one["ts"] == (view.steps[0].output or {})["ts"])
    assert words(said["blocks"]) == f"Message of the workflow tell, run {run}: Hello <@U012AB3CD> & all"


async def test_a_message_is_posted_to_a_channel_once_it_is_approved(on: SlackEnv) -> None:
    gate = 'gate: {approvers: [ada@example.com], title: "Tell them?"}'
    run = await on.asked(message("#general", more=gate))
    ada = on.person("ada")
    assert not [one for one in ada.sees("general") if "Hello" in one.get("text", "")]
    fine(await ada.click("Edit"))
    await on.settle()
    fine(await ada.submit({"text": "Hello you"}))
    await on.settle()
    # The outcome of the run stands in the channel as well, and names what was changed.
    posted = [words(one["blocks"]) for one in ada.sees("general") if one["text"].startswith("Message of")]
    assert posted == [f"Message of the workflow tell, run {run}: Hello you"]
    assert (await on.view(run)).status is RunStatus.SUCCEEDED


async def test_a_message_that_cannot_be_posted_fails_and_tells_the_owner(on: SlackEnv) -> None:
    run = await on.asked(message("#secret"))
    view = await on.view(run)
    assert view.status is RunStatus.FAILED
    cleo = on.person("cleo")
    assert any("Tell failed" in words(one.get("blocks")) for one in cleo.sees())


async def test_a_message_to_a_channel_of_unknown_outcome_asks_the_owner(on: SlackEnv) -> None:
    """We may not read channels, so only a person can say whether it is there."""
    on.slack.fault("chat.postMessage", "lost")
    run = await on.asked(message("#general"))
    assert (await on.view(run)).status is RunStatus.NEEDS_ATTENTION
    cleo = on.person("cleo")
    fine(await cleo.click("Done"))
    await on.settle()
    assert (await on.view(run)).status is RunStatus.SUCCEEDED
    assert len([one for one in cleo.sees("general") if "Hello" in one.get("text", "")]) == 1


# -- people -------------------------------------------------------------------------------------------------

STARTS = """\
name: limited
title: Limited
owner: OWNER
may_run: [MAY]
steps:
  - {id: a, uses: set, with: {x: 1}}
"""


async def started(on: SlackEnv, name: str) -> Started | NotAllowed:
    address = Address("slack", on.person(name).id)
    answer = await on.engine.start(
        Start(workflow="limited", inputs={}, actor=address, origin=Origin(surface="slack", place={}))
    )
    assert isinstance(answer, Started | NotAllowed)
    return answer


@pytest.mark.parametrize("may", ["group:finance-approvers", "ada@example.com", "ADA"])
async def test_who_may_start_a_workflow_can_be_people_of_slack(on: SlackEnv, may: str) -> None:
    source = STARTS.replace("OWNER", "cleo@example.com").replace("MAY", may.replace("ADA", on.person("ada").id))
    await on.register(source)
    assert isinstance(await started(on, "ada"), Started)
    assert isinstance(await started(on, "cleo"), Started), "the owner always may"
    refused = await started(on, "gus")
    assert isinstance(refused, NotAllowed)
    assert may.replace("ADA", on.person("ada").id) in refusals.sentence(refused)


async def test_a_usergroup_that_cannot_be_looked_up_lets_nobody_start(on: SlackEnv) -> None:
    await on.register(STARTS.replace("OWNER", "cleo@example.com").replace("MAY", "group:finance-approvers"))
    on.pass_(seconds=61)
    on.slack.faults.down = True
    refused = await started(on, "ben")
    assert isinstance(refused, NotAllowed)
    assert "could not be looked up" in refusals.sentence(refused)


async def test_an_owner_who_is_named_by_an_account_must_be_one(on: SlackEnv) -> None:
    address = Address("slack", on.person("cleo").id)
    command = Register(
        source=STARTS.replace("OWNER", "U0NOBODY00").replace("MAY", "owner").encode(),
        actor=address,
        origin=Origin(surface="slack", place={}),
    )
    answer = await on.engine.register(command)
    assert isinstance(answer, NotAllowed)
    assert "U0NOBODY00" in refusals.sentence(answer)


async def test_an_owner_who_was_never_seen_is_told_in_slack(on: SlackEnv) -> None:
    """By the email address that the file names; the account is found when the file is registered."""
    source = message("#secret").replace("title: Tell", "title: Tell\nowner: ben@example.com")
    await on.asked(source)
    assert any("Tell failed" in words(one.get("blocks")) for one in on.person("ben").sees())


async def test_an_owner_who_has_left_is_not_asked(on: SlackEnv) -> None:
    gate = "gate: {approvers: [owner, ada@example.com]}"
    await on.register(message("#general", more=gate).replace("title: Tell", "title: Tell\nowner: ben@example.com"))
    on.slack.person("ben").user.deleted = True
    await on.restart()
    run = await on.start("tell")
    await on.settle()
    request = await on.request(run)
    assert [one.person.label for one in request.approvers] == ["Ada Approver"]
    assert "is deactivated and is not asked" in " ".join(request.notes)


@pytest.mark.parametrize("kind", ["person", "text"])
async def test_who_starts_a_run_does_not_make_themselves_its_approver(on: SlackEnv, kind: str) -> None:
    """Neither by a word nor by their own address or account."""
    source = message("#general", more="gate: {approvers: ['{{ inputs.who }}']}").replace(
        "steps:", f"owner: ada@example.com\ninputs: {{who: {kind}}}\nsteps:"
    )
    ben = on.slack.person("ben").user
    await on.register(source, by="ada")
    for who in ("requester", "ben@example.com", ben.id) if kind == "text" else ("ben@example.com", ben.id):
        run = await on.start("tell", by="ben", who=who)
        await on.settle()
        request = await on.request(run)
        assert [one.person.label for one in request.approvers] == ["Ada Approver"]
        told = " ".join(request.notes)
        assert "names Ben Approver, who started this run" in told or "data can only name people by address" in told
        assert "so the owner of the workflow is" in told
    ada = await on.start("tell", by="ben", who="ada@example.com")
    await on.settle()
    assert "named the approver, in the input who" in words(copy_of(on.person("ada"), "say"))
    assert [one.person.label for one in (await on.request(ada)).approvers] == ["Ada Approver"]


async def test_a_later_step_says_who_approved(on: SlackEnv) -> None:
    source = """\
name: tell
title: Tell
steps:
  - {id: ask, uses: set, with: {x: 1}, gate: {approvers: [ada@example.com]}}
  - {id: who, uses: set, with: {by: "{{ steps.ask.decision.by }}"}}
"""
    run = await on.asked(source)
    fine(await on.person("ada").click("Approve"))
    await on.settle()
    assert (await on.view(run)).steps[-1].output == {"by": {"name": "Ada Approver", "address": "ada@example.com"}}


async def test_the_requester_may_be_named_by_an_expression(on: SlackEnv) -> None:
    gate = "gate: {approvers: ['{{ run.requester }}']}"
    run = await on.asked(message("#general", more=gate))
    assert [one.person.id for one in (await on.request(run)).approvers] == [(await on.view(run)).requester.id]
