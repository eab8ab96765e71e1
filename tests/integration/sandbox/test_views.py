"""Modals and Home tabs: triggers, the stack, hashes and ids."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.devtools.sandbox import RunningSandbox
from bot.devtools.sandbox.people import SimulatedPerson
from tests.support.sandbox_env import actions, button, error_of, field, modal, plain, section

TEXT = {"type": "plain_text_input"}


@pytest.fixture
def ada(slack: RunningSandbox) -> SimulatedPerson:
    return slack.person("ada")


async def test_a_trigger_opens_one_modal_within_three_seconds(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    trigger, late = slack.trigger(ada), slack.trigger(ada)
    slack.time.advance(3)
    opened = await client.views_open(trigger_id=trigger, view=modal(field(TEXT)))
    assert ada.modal is not None
    assert ada.modal["id"] == opened["view"]["id"]
    assert await error_of(client.views_open(trigger_id=trigger, view=modal())) == "exchanged_trigger_id"
    slack.time.advance(0.1)
    assert await error_of(client.views_open(trigger_id=late, view=modal())) == "expired_trigger_id"
    assert await error_of(client.views_open(trigger_id="1.2.x", view=modal())) == "invalid_trigger_id"
    assert await error_of(client.views_open(trigger_id="what", view=modal())) == "invalid_arguments"


async def test_a_trigger_is_not_used_up_by_a_view_that_is_refused(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    trigger = slack.trigger(ada)
    with pytest.raises(SlackApiError) as raised:
        await client.views_open(trigger_id=trigger, view=modal(title=plain("x" * 25)))
    assert raised.value.response["error"] == "invalid_arguments"
    assert raised.value.response["response_metadata"]["messages"] == [
        "[ERROR] failed to match all allowed schemas [json-pointer:/view]",
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]",
    ]
    assert (await client.views_open(trigger_id=trigger, view=modal()))["ok"]


@pytest.mark.parametrize(
    "view", ["x", {}, {"type": "home", "blocks": []}, {"type": "modal", "title": plain("x")}, [], None]
)
async def test_an_invalid_modal_cannot_be_opened(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson, view: Any
) -> None:
    arguments = {"trigger_id": slack.trigger(ada), "view": view}
    assert await error_of(client.api_call("views.open", json=arguments)) == "invalid_arguments"


async def test_three_modals_can_be_stacked_and_no_more(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    assert await error_of(client.views_push(trigger_id=slack.trigger(ada), view=modal())) == "not_found"
    first = (await client.views_open(trigger_id=slack.trigger(ada), view=modal(title=plain("1"))))["view"]
    second = (await client.views_push(trigger_id=slack.trigger(ada), view=modal(title=plain("2"))))["view"]
    await client.views_push(trigger_id=slack.trigger(ada), view=modal(title=plain("3")))
    assert (second["root_view_id"], second["previous_view_id"]) == (first["id"], first["id"])
    assert await error_of(client.views_push(trigger_id=slack.trigger(ada), view=modal())) == "push_limit_reached"
    await ada.close()
    assert [item["title"]["text"] for item in ada.stack] == ["1", "2"]
    await ada.close(everything=True)
    assert ada.stack == []


async def test_a_view_is_updated_only_with_its_current_hash(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    opened = (await client.views_open(trigger_id=slack.trigger(ada), view=modal(field(TEXT), external_id="x")))["view"]
    await ada.fill("Reason", "typed")
    updated = await client.views_update(view_id=opened["id"], hash=opened["hash"], view=modal(field(TEXT), section()))
    assert updated["view"]["state"]["values"]["field"]["value"]["value"] == "typed"
    stale = client.views_update(view_id=opened["id"], hash=opened["hash"], view=modal())
    assert await error_of(stale) == "hash_conflict"
    assert (await client.views_update(view_id=opened["id"], view=modal(external_id="x")))["ok"]
    assert (await client.views_update(external_id="x", view=modal(title=plain("New"))))["ok"]
    assert ada.modal is not None
    assert ada.modal["title"]["text"] == "New"
    await ada.close()
    assert await error_of(client.views_update(view_id=opened["id"], view=modal())) == "not_found"
    assert await error_of(client.api_call("views.update", json={"view": modal()})) == "invalid_arguments"


async def test_external_ids_are_unique_among_open_views(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    ben = slack.person("ben")
    await client.views_open(trigger_id=slack.trigger(ada), view=modal(external_id="x"))
    same = client.views_open(trigger_id=slack.trigger(ben), view=modal(external_id="x"))
    assert await error_of(same) == "duplicate_external_id"
    await ada.close()
    assert (await client.views_open(trigger_id=slack.trigger(ben), view=modal(external_id="x")))["ok"]


async def test_a_home_tab_is_published_for_one_person(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    home = {"type": "home", "blocks": [section("hello")]}
    first = (await client.views_publish(user_id=ada.id, view=home))["view"]
    assert ada.home is not None
    assert slack.person("ben").home is None
    again = (await client.views_publish(user_id=ada.id, view=home, hash=first["hash"]))["view"]
    assert again["id"] == first["id"]
    assert await error_of(client.views_publish(user_id=ada.id, view=home, hash=first["hash"])) == "hash_conflict"
    assert await error_of(client.views_publish(user_id=ada.id, view=modal())) == "invalid_arguments"
    assert await error_of(client.views_publish(user_id="U1", view=home)) == "invalid_arguments"
    slack.app.home_tab = False
    assert await error_of(client.views_publish(user_id=ada.id, view=home)) == "not_enabled"


async def test_blocks_without_ids_are_given_some(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    nameless = {"type": "actions", "elements": [{"type": "button", "text": plain("Go")}]}
    view = modal({**field(TEXT), "block_id": "b"}, nameless)
    opened = (await client.views_open(trigger_id=slack.trigger(ada), view=view))["view"]
    assert opened["blocks"][1]["block_id"]
    assert opened["blocks"][1]["elements"][0]["action_id"]


async def test_a_view_without_the_files_scope_cannot_ask_for_files(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    slack.app.scopes.remove("files:read")
    view = modal(field({"type": "file_input"}))
    assert await error_of(client.views_open(trigger_id=slack.trigger(ada), view=view)) == "missing_scope"


async def test_a_button_in_a_home_tab_can_be_clicked_but_opens_no_pushed_modal(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    await client.views_publish(user_id=ada.id, view={"type": "home", "blocks": [actions(button())]})
    ack = await ada.click("Approve", on="home")
    assert ack is not None
    assert ack.problem == "dispatch_failed"
    payload = slack.deliveries[-1].payload
    assert payload["container"]["type"] == "view"
    assert payload["view"]["type"] == "home"
    push = client.views_push(trigger_id=payload["trigger_id"], view=modal())
    assert await error_of(push) == "not_found"
