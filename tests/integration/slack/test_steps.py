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
from tests.support.slack_env import SlackEnv, buttons, copy_of, expect_ok, words

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


def message(to: str, text: str = "Hello <@U012AB3CD> & all", keys: str = "") -> str:
    return f"""\
name: tell
title: Tell
steps:
  - id: say
    uses: message
    with: {{to: "{to}", text: "{text}"}}
    {keys}
"""


async def test_a_form_is_filled_in_by_a_member_of_a_usergroup(env: SlackEnv) -> None:
    run = await env.request_approval(FORM)
    ada, ben = env.person("ada"), env.person("ben")
    assert buttons(copy_of(ada, ASKS)) == ["Fill in", "Reject", "Ask", "Details"]
    assert "Cleo Builder asks." in words(copy_of(ada, ASKS)["blocks"])
    expect_ok(await ada.click("Fill in"))
    await env.settle()
    with pytest.raises(NotSubmitted):
        await ada.submit({"Limit": "4"})
    with pytest.raises(NotSubmitted):
        await ada.submit({"Account": "12", "Limit": "10"})
    expect_ok(await ada.submit({"Account": "12", "Limit": "4"}))
    await env.settle()
    for person in ada, ben:
        copy = copy_of(person, ASKS)
        assert "Filled in by Ada" in words(copy["blocks"])
        assert "with edits" not in words(copy["blocks"])
        assert buttons(copy) == ["Details"]
    view = await env.view(run)
    assert view.status is RunStatus.SUCCEEDED
    assert view.steps[1].output == {"text": "12/4/true"}


async def test_a_form_that_is_not_filled_in_is_not_approved_by_any_other_way(env: SlackEnv) -> None:
    run = await env.request_approval(FORM)
    request = await env.request(run)
    command = Decide(
        request=request.id,
        verdict=Verdict.APPROVE,
        actor=Address("slack", env.person("ada").id),
        content_version=request.model.content_version,
        digest=request.model.digest,
        origin=Origin(surface="slack", place={}),
        assurance=Assurance.SLACK,
        edits={"limit": 5},
        reason=None,
    )
    answer = await env.engine.decide(command)
    assert isinstance(answer, InvalidEdits)
    assert answer.errors == {"account": "is missing"}
    assert await env.state(run) is RequestState.PENDING


async def test_a_form_can_be_rejected(env: SlackEnv) -> None:
    run = await env.request_approval(FORM)
    ben = env.person("ben")
    expect_ok(await ben.click("Reject"))
    await env.settle()
    expect_ok(await ben.submit({"Reason": "Not ours"}))
    await env.settle()
    assert (await env.view(run)).status is RunStatus.REJECTED
    assert "Rejected by Ben" in words(copy_of(ben, ASKS)["blocks"])


@pytest.mark.parametrize("to", ["{{ run.requester }}", "cleo@example.com", "<@CLEO>", "CLEO"])
async def test_a_message_is_posted_to_a_person_as_it_is(env: SlackEnv, to: str) -> None:
    cleo = env.person("cleo")
    run = await env.request_approval(message(to.replace("CLEO", cleo.id)))
    view = await env.view(run)
    assert view.status is RunStatus.SUCCEEDED
    message_seen = next(message for message in cleo.sees() if message["ts"] == (view.steps[0].output or {})["ts"])
    assert words(message_seen["blocks"]) == f"Message of the workflow tell, run {run}: Hello <@U012AB3CD> & all"


async def test_a_message_is_posted_to_a_channel_once_it_is_approved(env: SlackEnv) -> None:
    gate = 'gate: {approvers: [ada@example.com], title: "Tell them?"}'
    run = await env.request_approval(message("#general", keys=gate))
    ada = env.person("ada")
    assert not [message for message in ada.sees("general") if "Hello" in message.get("text", "")]
    expect_ok(await ada.click("Edit"))
    await env.settle()
    expect_ok(await ada.submit({"Text": "Hello you"}))
    await env.settle()
    # The outcome of the run is posted to the channel as well, and names the changes.
    posted = [words(message["blocks"]) for message in ada.sees("general") if message["text"].startswith("Message of")]
    assert posted == [f"Message of the workflow tell, run {run}: Hello you"]
    assert (await env.view(run)).status is RunStatus.SUCCEEDED


async def test_a_message_that_cannot_be_posted_fails_and_tells_the_owner(env: SlackEnv) -> None:
    run = await env.request_approval(message("#secret"))
    view = await env.view(run)
    assert view.status is RunStatus.FAILED
    cleo = env.person("cleo")
    assert any("Failed: Tell" in words(message.get("blocks")) for message in cleo.sees())


async def test_a_message_to_a_channel_of_unknown_outcome_asks_the_owner(env: SlackEnv) -> None:
    """The bot may not read channels, so only a person can say whether the message is there."""
    env.slack.fault("chat.postMessage", "lost")
    run = await env.request_approval(message("#general"))
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION
    cleo = env.person("cleo")
    expect_ok(await cleo.click("It happened"))
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert len([message for message in cleo.sees("general") if "Hello" in message.get("text", "")]) == 1


# -- people -------------------------------------------------------------------------------------------------

STARTS = """\
name: limited
title: Limited
owner: OWNER
may_run: [MAY]
steps:
  - {id: a, uses: set, with: {x: 1}}
"""


async def start(env: SlackEnv, name: str) -> Started | NotAllowed:
    address = Address("slack", env.person(name).id)
    answer = await env.engine.start(
        Start(workflow="limited", inputs={}, actor=address, origin=Origin(surface="slack", place={}))
    )
    assert isinstance(answer, Started | NotAllowed)
    return answer


@pytest.mark.parametrize("may", ["group:finance-approvers", "ada@example.com", "ADA"])
async def test_the_people_who_may_start_a_workflow_can_be_named_by_slack(env: SlackEnv, may: str) -> None:
    source = STARTS.replace("OWNER", "cleo@example.com").replace("MAY", may.replace("ADA", env.person("ada").id))
    await env.register(source)
    assert isinstance(await start(env, "ada"), Started)
    assert isinstance(await start(env, "cleo"), Started), "the owner may always start it"
    refused = await start(env, "gus")
    assert isinstance(refused, NotAllowed)
    assert may.replace("ADA", env.person("ada").id) in refusals.sentence(refused)


async def test_while_a_usergroup_cannot_be_looked_up_no_person_may_start(env: SlackEnv) -> None:
    await env.register(STARTS.replace("OWNER", "cleo@example.com").replace("MAY", "group:finance-approvers"))
    env.pass_time(seconds=61)
    env.slack.faults.down = True
    refused = await start(env, "ben")
    assert isinstance(refused, NotAllowed)
    assert "could not be looked up" in refusals.sentence(refused)


async def test_an_owner_who_is_named_by_an_account_must_be_one(env: SlackEnv) -> None:
    address = Address("slack", env.person("cleo").id)
    command = Register(
        source=STARTS.replace("OWNER", "U0NOBODY00").replace("MAY", "owner").encode(),
        actor=address,
        origin=Origin(surface="slack", place={}),
    )
    answer = await env.engine.register(command)
    assert isinstance(answer, NotAllowed)
    assert "U0NOBODY00" in refusals.sentence(answer)


async def test_an_owner_who_was_never_seen_is_informed_in_slack(env: SlackEnv) -> None:
    """The file names an email address, and its account is found when the file is registered."""
    source = message("#secret").replace("title: Tell", "title: Tell\nowner: ben@example.com")
    await env.request_approval(source)
    assert any("Failed: Tell" in words(message.get("blocks")) for message in env.person("ben").sees())


async def test_an_owner_who_has_left_is_not_asked(env: SlackEnv) -> None:
    gate = "gate: {approvers: [owner, ada@example.com]}"
    await env.register(message("#general", keys=gate).replace("title: Tell", "title: Tell\nowner: ben@example.com"))
    env.slack.person("ben").user.deleted = True
    await env.restart()
    run = await env.start("tell")
    await env.settle()
    request = await env.request(run)
    assert [approver.person.label for approver in request.approvers] == ["Ada Approver"]
    assert "is deactivated and is not asked" in " ".join(request.notes)


@pytest.mark.parametrize("kind", ["person", "text"])
async def test_a_requester_cannot_make_themselves_an_approver(env: SlackEnv, kind: str) -> None:
    """Neither the word `requester` nor their own address or account makes them one."""
    source = message("#general", keys="gate: {approvers: ['{{ inputs.who }}']}").replace(
        "steps:", f"owner: ada@example.com\ninputs: {{who: {kind}}}\nsteps:"
    )
    ben = env.slack.person("ben").user
    await env.register(source, by="ada")
    for named in ("requester", "ben@example.com", ben.id) if kind == "text" else ("ben@example.com", ben.id):
        run = await env.start("tell", by="ben", who=named)
        await env.settle()
        request = await env.request(run)
        assert [approver.person.label for approver in request.approvers] == ["Ada Approver"]
        notes = " ".join(request.notes)
        assert "Ben Approver started this run and is not asked" in notes or "data can name people only by" in notes
        assert "so the owner of the workflow decides" in notes
    ada = await env.start("tell", by="ben", who="ada@example.com")
    await env.settle()
    assert "chose the approver, in “Who”" in words(copy_of(env.person("ada"), "Say"))
    assert [approver.person.label for approver in (await env.request(ada)).approvers] == ["Ada Approver"]


async def test_a_later_step_says_who_approved(env: SlackEnv) -> None:
    source = """\
name: tell
title: Tell
steps:
  - {id: ask, uses: set, with: {x: 1}, gate: {approvers: [ada@example.com]}}
  - {id: who, uses: set, with: {by: "{{ steps.ask.decision.by }}"}}
"""
    run = await env.request_approval(source)
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    assert (await env.view(run)).steps[-1].output == {"by": {"name": "Ada Approver", "address": "ada@example.com"}}


async def test_the_requester_may_be_named_by_an_expression(env: SlackEnv) -> None:
    gate = "gate: {approvers: ['{{ run.requester }}']}"
    run = await env.request_approval(message("#general", keys=gate))
    assert [approver.person.id for approver in (await env.request(run)).approvers] == [
        (await env.view(run)).requester.id
    ]
