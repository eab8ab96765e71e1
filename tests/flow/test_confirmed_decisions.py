"""Decisions that are confirmed one by one, in Slack and on pages, with the whole server, its mail and a local Slack."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
import pytest

from bot.devtools.demo import servers
from bot.devtools.demo.servers import DemoEnvironment
from bot.local.service import OperatorCommands
from bot.slack import ids
from engine.domain import Address, Origin, Register, Registered, RequestState, Start, Started
from engine.read_models import RequestView
from engine.service import Identity
from tests.support.slack_env import buttons, copy_of
from tests.support.web_env import Browser

WORKFLOW: Final = """\
name: pay
title: Pay a supplier
owner: cleo@example.com
inputs: {amount: {type: number, default: 120}}
steps:
  - id: pay
    uses: set
    with: {text: "Pay {{ inputs.amount }} EUR"}
    gate:
      title: "Pay {{ inputs.amount }} EUR?"
      approvers: [ada@example.com, ben@example.com]
      edit: [text]
      KEYS
"""


@pytest.fixture
async def env() -> AsyncIterator[DemoEnvironment]:
    async with servers.run_servers() as env:
        yield env


async def ask(env: DemoEnvironment, keys: str, *, amount: int = 120) -> str:
    """Register the workflow with these keys, start a run, wait for its message to Ada, and return the run."""
    cleo = Address("slack", env.slack.person("cleo").id)
    origin = Origin(surface="slack")
    source = WORKFLOW.replace("KEYS", keys).encode()
    assert isinstance(await env.app.engine.register(Register(source=source, actor=cleo, origin=origin)), Registered)
    started = await env.app.engine.start(Start(workflow="pay", inputs={"amount": amount}, actor=cleo, origin=origin))
    assert isinstance(started, Started)
    await env.slack.until(lambda: f"Pay {amount} EUR?" in str(env.slack.person("ada").sees()))
    return started.run


async def request_of(env: DemoEnvironment, run: str) -> RequestView:
    return (await env.app.engine.requests_of_run(run))[-1]


async def code_for(env: DemoEnvironment, address: str) -> str:
    """Return the code in the newest email to this address."""
    mail = await env.slack.mail.wait_for(to=address, subject="is your Signoff code")
    found = re.search(r"\b\d{8}\b", mail[-1].subject)
    assert found is not None
    return found[0]


async def entry_of(env: DemoEnvironment, run: str) -> Any:
    story = await env.app.engine.story(run)
    return next(entry for entry in story if entry.kind in ("request.approved", "request.rejected"))


async def modal(env: DemoEnvironment, name: str, callback: str) -> dict[str, Any]:
    """Wait until this modal is open for a person, and return it."""
    person = env.slack.person(name)
    await env.slack.until(lambda: person.modal is not None and person.modal["callback_id"] == callback)
    assert person.modal is not None
    return person.modal


async def test_a_row_of_home_asks_for_the_code_and_then_says_what_was_done(env: DemoEnvironment) -> None:
    run = await ask(env, "confirm_with: code")
    ada = env.slack.person("ada")
    ada.open_home()
    await env.slack.until(lambda: "Pay 120 EUR?" in str(ada.home))
    await ada.click(ids.APPROVE, on="home")
    await modal(env, "ada", ids.CONFIRM_MODAL)
    assert (await request_of(env, run)).model.state is RequestState.PENDING
    await ada.submit({ids.CODE_BLOCK: await code_for(env, "ada@example.com")})
    await env.slack.until(lambda: "You approved this" in str(ada.home))
    assert (await request_of(env, run)).model.state is RequestState.APPROVED
    assert ada.modal is None


async def test_a_click_in_slack_counts_after_the_code_from_the_email(env: DemoEnvironment) -> None:
    run = await ask(env, "confirm_with: code")
    ada, ben = env.slack.person("ada"), env.slack.person("ben")
    await ada.click("Approve")
    shown = str(await modal(env, "ada", ids.CONFIRM_MODAL))
    assert "Approve: Pay 120 EUR?" in shown
    assert "We sent a code to ada@example.com" in shown
    code = await code_for(env, "ada@example.com")
    text = env.slack.mail.received(to="ada@example.com")[-1].text
    assert text is not None
    assert "Type the code into the form in Slack." in text
    assert "Browser:" not in text
    assert "stay signed in" not in text
    # A code of one person does not confirm the click of another.
    await ben.click("Approve")
    await modal(env, "ben", ids.CONFIRM_MODAL)
    for person, typed, told in (
        (ben, code, "That is not the right code."),
        (ada, "abc", "Type the 8 digits from the email."),
        (ada, f"{(int(code) + 1) % 10**8:08d}", "You have 4 tries left."),
    ):
        refused = await person.submit({"Code from the email": typed})
        assert told in str(refused.body)
    # Nor can the operator of the server decide without a code.
    terminal = await at_terminal(env, run, "ada@example.com")
    assert "a terminal cannot ask for one. Decide it in Slack or on its review page." in terminal
    assert (await request_of(env, run)).model.state is RequestState.PENDING
    await ada.submit({"Code from the email": f"{code[:4]} {code[4:]}"})
    assert (await request_of(env, run)).model.state is RequestState.APPROVED
    entry = await entry_of(env, run)
    assert (entry.content["assurance"], entry.content["confirmed_with"]) == ("slack", "code")
    assert entry.content["signature"]["name"] == "Ada Approver"
    assert entry.content["signature"]["meaning"] == "Approved: Pay 120 EUR?"
    await env.slack.until(lambda: "Approved by Ada Approver" in str(ada.sees()[-1]))


async def at_terminal(env: DemoEnvironment, run: str, operator: str) -> str:
    """Approve as the operator of the server, and return the refusal."""
    app = env.app
    identity = Identity(app.engine, app.codes, app.clock)
    commands = OperatorCommands(app.engine, identity, app.operator_commands.kinds, operator=operator, login="root")
    request = await request_of(env, run)
    reply = await commands.carry_out("decide", {"request": request.id, "verdict": "approve", "edits": {}})
    return reply.refused or ""


async def test_a_rejection_and_an_edit_are_confirmed_and_the_form_stays_below(env: DemoEnvironment) -> None:
    run = await ask(env, "confirm_with: code")
    ada = env.slack.person("ada")
    await ada.click("Edit")
    await modal(env, "ada", ids.EDIT_MODAL)
    await ada.submit({"Text": "Pay 99 EUR"})
    shown = str(await modal(env, "ada", ids.CONFIRM_MODAL))
    assert "Approve with edits: Pay 120 EUR?" in shown
    await code_for(env, "ada@example.com")
    await ada.close()
    assert "Pay 99 EUR" in str(await modal(env, "ada", ids.EDIT_MODAL))
    await ada.close()
    await ada.click("Reject")
    await modal(env, "ada", ids.REJECT_MODAL)
    env.slack.mail.clear()
    await ada.submit({"Reason": "too much"})
    await modal(env, "ada", ids.CONFIRM_MODAL)
    await ada.submit({"Code from the email": await code_for(env, "ada@example.com")})
    assert (await request_of(env, run)).model.state is RequestState.REJECTED
    entry = await entry_of(env, run)
    assert entry.content["reason"] == "too much"
    assert entry.content["signature"]["meaning"] == "Rejected: Pay 120 EUR?"


async def test_a_click_in_slack_is_confirmed_by_a_sign_in_on_the_pages(env: DemoEnvironment) -> None:
    run = await ask(env, "confirm_with: sso")
    await env.slack.person("ada").click("Approve")
    shown = str(await modal(env, "ada", ids.PLAIN_MODAL))
    found = re.search(rf"{re.escape(env.public_url)}(/sign-in/[\w-]+)", shown)
    assert found is not None
    async with aiohttp.ClientSession() as session:
        browser = Browser(session, env.public_url)
        page = await browser.get(found[1])
        assert "Sign in with Slack to confirm: Approve" in page.page.text
        as_ben = await sign_in(env, browser, found[1], "ben")
        assert "this decision is for Ada Approver" in as_ben
        assert (await request_of(env, run)).model.state is RequestState.PENDING
        await sign_in(env, browser, found[1], "ada")
    assert (await request_of(env, run)).model.state is RequestState.APPROVED
    entry = await entry_of(env, run)
    assert (entry.content["assurance"], entry.content["confirmed_with"]) == ("sso", "sso")
    assert entry.content["surface"] == "slack"
    # For a gate that only wants a sign-in, a click in Slack is enough: the person is signed in there.
    await env.slack.person("ada").close()
    run = await ask(env, "assurance: sso", amount=7)
    await env.slack.person("ada").click("Approve")
    assert (await request_of(env, run)).model.state is RequestState.APPROVED


async def sign_in(env: DemoEnvironment, browser: Browser, path: str, person: str) -> str:
    """Sign in with Slack as a person, and return the text of the page that follows."""
    to_slack = await browser.get(f"{path}/begin", follow=False)
    address = f"{to_slack.headers['Location']}&user={person}"
    async with browser.session.get(address, allow_redirects=False) as answer:
        back = answer.headers["Location"].removeprefix(env.public_url)
    return (await browser.get(back)).page.text


async def test_each_vote_of_a_quorum_is_confirmed_and_signed(env: DemoEnvironment) -> None:
    run = await ask(env, "confirm_with: code\n      policy: {quorum: 2}")
    await env.slack.until(lambda: "Pay 120 EUR?" in str(env.slack.person("ben").sees()))
    for name in ("ada", "ben"):
        assert (await request_of(env, run)).model.state is RequestState.PENDING
        person = env.slack.person(name)
        await person.click("Approve")
        await modal(env, name, ids.CONFIRM_MODAL)
        await person.submit({"Code from the email": await code_for(env, f"{name}@example.com")})
    assert (await request_of(env, run)).model.state is RequestState.APPROVED
    entries = await env.app.engine.story(run)
    signed = [entry.content["signature"] for entry in entries if entry.content and "signature" in entry.content]
    assert [signature["name"] for signature in signed if isinstance(signature, dict)] == [
        "Ada Approver",
        "Ben Approver",
    ]
    ben = env.slack.person("ben")
    await env.slack.until(lambda: buttons(copy_of(ben, "Pay 120 EUR?")) == ["Details"])
    await ben.click("Details", on=copy_of(ben, "Pay 120 EUR?"))
    await env.slack.until(lambda: "Signed by" in str(ben.modal))
    assert str(ben.modal).count("“Approved: Pay 120 EUR?”") == 2


async def test_a_code_that_comes_after_an_edit_of_another_shows_the_form_anew(env: DemoEnvironment) -> None:
    run = await ask(env, "confirm_with: code\n      policy: {quorum: 2}")
    ada, ben = env.slack.person("ada"), env.slack.person("ben")
    await env.slack.until(lambda: "Pay 120 EUR?" in str(ben.sees()))
    await ada.click("Edit")
    await modal(env, "ada", ids.EDIT_MODAL)
    await ada.submit({"Text": "Pay 100 EUR"})
    await modal(env, "ada", ids.CONFIRM_MODAL)
    of_ada = await code_for(env, "ada@example.com")
    await ben.click("Edit")
    await modal(env, "ben", ids.EDIT_MODAL)
    await ben.submit({"Text": "Pay 90 EUR"})
    await modal(env, "ben", ids.CONFIRM_MODAL)
    await ben.submit({"Code from the email": await code_for(env, "ben@example.com")})
    await ada.submit({"Code from the email": of_ada})
    assert "This request has changed since you opened it." in str(ada.modal)
    model = (await request_of(env, run)).model
    assert (model.content_version, [vote.person.label for vote in model.votes]) == (2, ["Ben Approver"])
    # Her form is below, with what she typed.
    await ada.close()
    await ada.submit()
    assert "changed this after you opened the form, so nothing was decided" in str(ada.modal)
    assert "Pay 100 EUR" in str(ada.modal)
