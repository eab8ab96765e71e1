"""People are shown by name everywhere. Internal ids never appear."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import pytest

from bot.presentation import request_card
from bot.slack import details_modal, ids
from bot.slack.notification_text import of_card
from bot.web import review_view
from engine.domain import Address, Origin, Register, RequestState, Start, Started
from tests.support.slack_env import SlackEnv, copy_of, expect_ok, words

ACCESS = """\
name: access
title: Access
owner: cleo@example.com
inputs:
  who: {type: person, label: Who gets it}
  deputy: {type: person, required: false}
steps:
  - id: grant
    uses: set
    with: {for: "{{ inputs.who }}", deputy: "{{ inputs.deputy }}"}
    gate:
      title: "May {{ inputs.who }} come in?"
      reason: "{{ run.requester }} asks for {{ inputs.who }}"
      show:
        - {label: Person, value: "{{ inputs.who }}"}
      approvers: [ada@example.com]
      edit: [deputy]
"""


def user_ids(payload: object) -> list[str]:
    """Return the ids in the rich text of a payload, which Slack shows as names."""
    if isinstance(payload, dict):
        own = [payload["user_id"]] if payload.get("type") == "user" else []
        return own + [user for value in payload.values() for user in user_ids(value)]
    return [user for part in payload for user in user_ids(part)] if isinstance(payload, list) else []


async def start_access_run(env: SlackEnv, guest: str, **inputs: str) -> str:
    await env.register(ACCESS)
    run = await env.start("access", by="cleo", who=guest, **inputs)
    await env.settle()
    return run


@pytest.mark.parametrize("who", ["ben", "gus"])
async def test_a_person_in_a_request_is_shown_by_name_on_every_surface(env: SlackEnv, who: str) -> None:
    person = env.person(who)
    run = await start_access_run(env, person.id, deputy=env.person("ben").id)
    name = person.user.real_name
    message = copy_of(env.person("ada"), f"May {name} come in?")
    account_ids = [env.person("ben").id, person.id]  # what may be edited comes first
    assert user_ids(message["blocks"]) == account_ids, "Slack itself shows the names of these accounts"
    for text in message["text"], words([block for block in message["blocks"] if block["type"] != "actions"]):
        assert name in text
    assert person.id not in message["text"]
    request = await env.request(run)
    card = request_card.request_card(request)
    card_text = json.dumps([card.title, card.requester, *[(field.label, field.text) for field in card.values]])
    assert name in card_text
    assert person.id not in card_text, "pages, emails and the terminal show the texts of the card"
    assert person.id not in of_card(card)
    opened = details_modal.details(card, metadata=ids.ModalRef())
    assert user_ids(opened["blocks"]) == account_ids
    page = review_view.review(request, await env.view(run))
    page_text = json.dumps([page.inputs, *[(field.label, field.text, field.hints) for field in page.values]])
    assert name in page_text
    assert person.id not in page_text
    assert "Now Ben Approver (ben@example.com)." in page_text, "the input itself can only hold the account"
    assert (request.model.content.value["for"]) == person.id, "the step runs with the account"


async def test_a_person_entered_by_an_edit_is_shown_by_name(env: SlackEnv) -> None:
    ben, gus = env.person("ben"), env.person("gus")
    await start_access_run(env, ben.id)
    ada = env.person("ada")
    expect_ok(await ada.click("Edit"))
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ada.submit({"Deputy": gus.id}))
    await env.settle()
    message = copy_of(ada, "May Ben Approver come in?")
    assert gus.id in user_ids(message["blocks"])
    assert gus.user.real_name in message["text"]
    assert gus.id not in message["text"]


async def test_an_unknown_account_is_shown_as_a_slack_user(env: SlackEnv) -> None:
    run = await start_access_run(env, "U0NOBODY1")
    assert await env.state(run) is RequestState.PENDING
    message = copy_of(env.person("ada"), "May U0NOBODY1 come in?")
    assert "Slack user U0NOBODY1" in message["text"]
    assert not user_ids(message["blocks"])


async def test_a_guest_who_starts_a_run_is_shown_by_name(env: SlackEnv) -> None:
    guest = env.person("gus")
    source = ACCESS.replace("owner:", f"may_run: [{guest.id}]\nowner:")
    await env.register(source)
    address = Address("slack", guest.id)
    started = await env.engine.start(
        Start(
            workflow="access",
            inputs={"who": "ben@example.com"},
            actor=address,
            origin=Origin(surface="slack", place={"user": guest.id}),
        )
    )
    assert isinstance(started, Started)
    await env.settle()
    view = await env.view(started.run)
    assert view.requester.label == guest.user.real_name
    message = copy_of(env.person("ada"), "May Ben Approver come in?")
    assert guest.user.real_name in message["text"]
    assert guest.id not in message["text"]


async def test_a_person_known_only_by_an_account_is_shown_as_a_slack_user(env: SlackEnv) -> None:
    answer = await env.engine.register(
        Register(
            source=ACCESS.replace("owner: cleo@example.com\n", "").encode(),
            actor=Address("slack", "U0NOBODY1"),
            origin=Origin(surface="slack", place={}),
        )
    )
    assert answer
    (workflow,) = await env.engine.workflows()
    assert workflow.owner.label == "Slack user U0NOBODY1"


async def test_a_person_whom_an_email_address_names_is_shown_by_name(env: SlackEnv) -> None:
    run = await start_access_run(env, "ben@example.com", deputy="noone@example.org")
    message = copy_of(env.person("ada"), "May Ben Approver come in?")
    text = message["text"]
    assert "Cleo Builder asks" in text or "Cleo Builder" in text
    assert "Who gets it: Ben Approver (ben@example.com)" in " ".join(text.split())
    assert "noone@example.org" in text, "an unknown one stays as it is"
    request = await env.request(run)
    assert (request.title, request.reason) == ("May Ben Approver come in?", "cleo@example.com asks for Ben Approver")
    assert request.model.content.value["for"] == "ben@example.com", "the step runs with the address"
    page = review_view.review(request, await env.view(run))
    page_text = json.dumps([page.inputs, *[(field.label, field.text, field.hints) for field in page.values]])
    assert "Ben Approver (ben@example.com)" in page_text


async def test_a_new_name_of_a_person_changes_nothing_that_is_decided(env: SlackEnv) -> None:
    run = await start_access_run(env, "ben@example.com")
    before = (await env.request(run)).model
    with contextlib.closing(sqlite3.connect(env.path)) as database, database:
        database.execute("UPDATE person SET name = 'Benjamin' WHERE name = 'Ben Approver'")
    request = await env.request(run)
    assert request.title == "May Benjamin come in?"
    assert (request.model.digest, request.model.content) == (before.digest, before.content)
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED
