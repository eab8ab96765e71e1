"""People are shown by name wherever somebody reads of them; what stands for them inside is never seen."""

from __future__ import annotations

import json

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


def users(whole: object) -> list[str]:
    """The people whom Slack itself names in a payload."""
    if isinstance(whole, dict):
        own = [whole["user_id"]] if whole.get("type") == "user" else []
        return own + [one for value in whole.values() for one in users(value)]
    return [one for part in whole for one in users(part)] if isinstance(whole, list) else []


async def admitted(env: SlackEnv, who: str, **more: str) -> str:
    await env.register(ACCESS)
    run = await env.start("access", by="cleo", who=who, **more)
    await env.settle()
    return run


@pytest.mark.parametrize("who", ["ben", "gus"])
async def test_a_person_in_a_request_is_shown_by_name_on_every_surface(env: SlackEnv, who: str) -> None:
    person = env.person(who)
    run = await admitted(env, person.id, deputy=env.person("ben").id)
    name = person.user.real_name
    seen = copy_of(env.person("ada"), f"May {name} come in?")
    named = [person.id, env.person("ben").id]
    assert users(seen["blocks"]) == named, "Slack shows people as it always does"
    for text in seen["text"], words([block for block in seen["blocks"] if block["type"] != "actions"]):
        assert name in text
    assert person.id not in seen["text"]
    request = await env.request(run)
    card = request_card.request_card(request)
    shown = json.dumps([card.title, *card.facts, *[(one.label, one.text) for one in card.fields]])
    assert name in shown
    assert person.id not in shown, "pages, emails and the terminal show the texts of the card"
    assert person.id not in of_card(card)
    opened = details_modal.details(card, metadata=ids.ModalRef())
    assert users(opened["blocks"]) == named
    page = review_view.review(request, await env.view(run))
    read = json.dumps([page.inputs, *[(one.label, one.text, one.hints) for one in page.content]])
    assert name in read
    assert person.id not in read
    assert "Now Ben Approver (ben@example.com)." in read, "the input itself can only hold what the account is called"
    assert (request.model.content.value["for"]) == person.id, "what runs is the account"


async def test_a_person_who_is_put_in_by_an_edit_is_shown_by_name(env: SlackEnv) -> None:
    ben, gus = env.person("ben"), env.person("gus")
    await admitted(env, ben.id)
    ada = env.person("ada")
    expect_ok(await ada.click("Edit"))
    await env.slack.until(lambda: ada.modal)
    expect_ok(await ada.submit({"deputy": gus.id}))
    await env.settle()
    seen = copy_of(ada, "May Ben Approver come in?")
    assert gus.id in users(seen["blocks"])
    assert gus.user.real_name in seen["text"]
    assert gus.id not in seen["text"]


async def test_an_account_that_is_none_is_said_to_be_of_slack(env: SlackEnv) -> None:
    run = await admitted(env, "U0NOBODY1")
    assert await env.state(run) is RequestState.PENDING
    seen = copy_of(env.person("ada"), "May U0NOBODY1 come in?")
    assert "Slack user U0NOBODY1" in seen["text"]
    assert not users(seen["blocks"])


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
    seen = copy_of(env.person("ada"), "May ben@example.com come in?")
    assert guest.user.real_name in seen["text"]
    assert guest.id not in seen["text"]


async def test_whoever_is_known_by_an_account_only_is_a_user_of_slack(env: SlackEnv) -> None:
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
