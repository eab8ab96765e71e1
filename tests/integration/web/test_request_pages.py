"""The page of a whole request: who sees it, what it shows, and sending a copy again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.domain import Address, AskQuestion, Assurance, DeliveryState, Origin, Verdict
from engine.errors import ChannelError
from engine.read_models import DeliveryView
from engine.story_entries import StoryEntry
from tests.support.recording_channel import Fault
from tests.support.web_env import ADA, BEN, WebEnv, open_web

SAM = "sam@example.com"
FLOW = """\
name: pay
title: Pay a supplier
owner: sam@example.com
inputs: {note: {type: text, default: Rent}, amount: {type: integer, default: 100}}
steps:
  - {id: look, title: Look it up, uses: set, with: {found: "{{ inputs.note }}"}}
  - id: pay
    title: Pay the rent
    uses: set
    with: {text: "{{ inputs.note }}", amount: "{{ inputs.amount }}"}
    gate:
      title: "Pay {{ inputs.note }}?"
      approvers: [ada@example.com, ben@example.com]
      policy: all
      edit: [amount]
  - {id: tell, title: Tell the supplier, uses: set, with: {text: "paid"}}
"""
GONE = ChannelError("There is no such mailbox.", permanent=True)


@pytest.fixture
async def env(path: Path) -> AsyncIterator[WebEnv]:
    async with open_web(path) as env:
        yield env


async def ask(env: WebEnv, *errors: ChannelError) -> str:
    """Start a run, and return its request. The first copies fail with these errors."""
    env.engine_env.mail.channel.queue_faults(*(Fault(error=error) for error in errors))
    return (await env.request_approval(source=FLOW)).id


async def decide(env: WebEnv, request: str, by: str, verdict: Verdict = Verdict.APPROVE, **edits: int) -> None:
    env.engine_env.pass_time(seconds=1)
    view = await env.engine_env.engine.request(request)
    assert view is not None
    await env.engine_env.decide(view.run, verdict, by=Address("email", by), edits=edits)
    await env.engine_env.settle()


# -- who sees it --------------------------------------------------------------------------------------------


async def test_only_people_of_the_request_see_it_after_they_signed_in(env: WebEnv) -> None:
    request = await ask(env)
    visitor, missing = await env.browser().get(f"/requests/{request}"), await env.browser().get("/requests/none")
    assert (visitor.status, visitor.text) == (403, missing.text)
    await env.engine_env.register(FLOW.replace("name: pay", "name: other").replace(ADA, "kim@example.com"))
    await env.engine_env.start("other")
    await env.engine_env.settle()
    for address in (SAM, ADA, BEN, "ann@example.com"):
        assert (await (await env.sign_in(address)).get(f"/requests/{request}")).status == 200, address
    kim = await env.sign_in("kim@example.com")
    page, missing = await kim.get(f"/requests/{request}"), await kim.get("/requests/none")
    assert (page.status, page.text) == (404, missing.text)
    assert (await kim.get(f"/requests/{request}/events")).status == 404
    assert (await kim.post(f"/requests/{request}", [("copy", "x")])).status == 404


# -- what it shows ------------------------------------------------------------------------------------------


async def test_an_approver_finds_the_request_and_the_way_to_decide_it(env: WebEnv) -> None:
    request = await ask(env)
    page = await (await env.sign_in(ADA)).get(f"/requests/{request}")
    assert page.page.headings[0] == "Pay Rent?"
    assert f"/review/{request}" in page.page.links
    for said in ("● Waiting", "ann@example.com asks.", "Amount", "100", "Look it up ✓ done", "← this request"):
        assert said in page.page.text, said
    owner = await (await env.sign_in(SAM)).get(f"/requests/{request}")
    assert f"/review/{request}" not in owner.page.links, "the owner does not decide it"


async def test_votes_edits_and_the_decision_are_told_with_their_times(env: WebEnv) -> None:
    request = await ask(env)
    await decide(env, request, ADA, amount=90)
    sam = await env.sign_in(SAM)
    waiting = (await sam.get(f"/requests/{request}")).page
    assert (waiting.removed, waiting.added) == (["100"], ["90"])
    assert "ada@example.com approved it, Mar 2, 2026" in waiting.text
    await decide(env, request, BEN)
    page = (await sam.get(f"/requests/{request}")).page
    for said in (
        "✓ Approved with edits",
        "ben@example.com approved it, ",
        "Reason: because",
        "Tell the supplier ✓ done",
    ):
        assert said in page.text, said
    assert (page.removed, page.added) == (["100"], ["90"])
    assert "changed “Amount”" in page.text or "changed Amount" in page.text, "the story"
    view = await env.engine_env.engine.request(request)
    assert view is not None
    assert f"/runs/{view.run}" in page.links


async def test_questions_and_answers_are_in_the_page(env: WebEnv) -> None:
    request = await ask(env)
    ask_it = AskQuestion(
        request=request,
        text="Which month?",
        actor=Address("email", ADA),
        origin=Origin(surface="terminal"),
        assurance=Assurance.TERMINAL,
    )
    await env.engine_env.engine.ask_question(ask_it)
    page = await (await env.sign_in(SAM)).get(f"/requests/{request}")
    assert "Which month?" in page.page.text
    assert "ada@example.com asked ann@example.com" in page.page.text


# -- copies -------------------------------------------------------------------------------------------------


async def test_a_copy_that_did_not_arrive_says_why_and_can_be_sent_again(env: WebEnv) -> None:
    request = await ask(env, GONE)
    sam = await env.sign_in(SAM)
    page = await sam.get(f"/requests/{request}")
    assert "✕ Not delivered" in page.page.text
    assert "There is no such mailbox. It is not tried again by itself." in page.page.text
    assert page.text.count("Retry now") == 1
    dead = next(copy for copy in await copies(env, request) if copy.state is DeliveryState.DEAD)
    assert f'value="{dead.id}"' in page.text
    form = page.page.form
    done = await sam.post(form.action, form.with_(copy=dead.id), kind=form.kind)
    assert (done.status, done.path) == (200, f"/requests/{request}")
    await env.engine_env.settle()
    assert all(copy.state is DeliveryState.SHOWN for copy in await copies(env, request))
    page = await sam.get(f"/requests/{request}")
    assert ("Retry now" in page.text, "asked to send it again" in page.page.text) == (False, True)
    again = await sam.post(form.action, form.with_(copy=dead.id), kind=form.kind)
    assert (again.status, "This copy is up to date" in again.page.text) == (409, True)


async def copies(env: WebEnv, request: str) -> list[DeliveryView]:
    return [copy for copy in await env.engine_env.engine.deliveries(request=request) if copy.kind == "request"]


async def test_only_people_of_the_run_can_send_a_copy_again_and_only_of_this_request(env: WebEnv) -> None:
    request = await ask(env, GONE)
    dead = next(copy for copy in await copies(env, request) if copy.state is DeliveryState.DEAD)
    ben = await env.sign_in(BEN if dead.address == ADA else ADA)
    page = await ben.get(f"/requests/{request}")
    assert "Retry now" not in page.text
    form = page.page.form
    refused = await ben.post(form.action, form.with_(copy=dead.id), kind=form.kind)
    assert (refused.status, "Only the person who started a run" in refused.page.text) == (409, True)
    other = (await env.request_approval(source=FLOW)).id
    sam = await env.sign_in(SAM)
    form = (await sam.get(f"/requests/{other}")).page.form
    assert (await sam.post(form.action, form.with_(copy=dead.id), kind=form.kind)).status == 409
    assert (await sam.post(f"/requests/{request}", form.with_(copy=dead.id), kind=form.kind)).status == 422
    assert "delivery.retried" not in [entry.kind for entry in await story(env, request)]


async def story(env: WebEnv, request: str) -> list[StoryEntry]:
    view = await env.engine_env.engine.request(request)
    assert view is not None
    return await env.engine_env.engine.story(view.run)
