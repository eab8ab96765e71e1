"""People at their clients: their clicks and forms, and the input that Slack's client refuses before it sends."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.devtools.sandbox import CannotAct, NotSubmitted, RunningSandbox
from bot.devtools.sandbox.people import SimulatedPerson
from tests.support.sandbox_env import actions, button, conforms, field, modal, plain, section

OPTIONS = [{"text": plain("One"), "value": "1"}, {"text": plain("Two"), "value": "2"}]


@pytest.fixture
def ada(slack: RunningSandbox) -> SimulatedPerson:
    return slack.person("ada")


async def post(slack: RunningSandbox, client: AsyncWebClient, person: SimulatedPerson, *blocks: dict[str, Any]) -> None:
    trigger = slack.trigger(person)
    await client.views_open(trigger_id=trigger, view=modal(*blocks))


def last_delivery(slack: RunningSandbox) -> dict[str, Any]:
    """Return the last delivery to the app."""
    return slack.deliveries[-1].payload


FILLED: list[tuple[dict[str, Any], Any, dict[str, Any]]] = [
    ({"type": "plain_text_input"}, "abc", {"value": "abc"}),
    ({"type": "number_input", "is_decimal_allowed": True}, 1.5, {"value": "1.5"}),
    ({"type": "email_text_input"}, "a@example.com", {"value": "a@example.com"}),
    ({"type": "url_text_input"}, "https://example.com/x", {"value": "https://example.com/x"}),
    ({"type": "static_select", "options": OPTIONS}, "Two", {"selected_option": OPTIONS[1]}),
    ({"type": "static_select", "option_groups": [{"label": plain("g"), "options": OPTIONS}]}, "2",
     {"selected_option": OPTIONS[1]}),
    ({"type": "multi_static_select", "options": OPTIONS}, ["1", "Two"], {"selected_options": OPTIONS}),
    ({"type": "radio_buttons", "options": OPTIONS}, "One", {"selected_option": OPTIONS[0]}),
    ({"type": "checkboxes", "options": OPTIONS}, ["One"], {"selected_options": OPTIONS[:1]}),
    ({"type": "external_select"}, OPTIONS[0], {"selected_option": OPTIONS[0]}),
    ({"type": "multi_external_select"}, OPTIONS, {"selected_options": OPTIONS}),
    ({"type": "users_select"}, "U1", {"selected_user": "U1"}),
    ({"type": "multi_users_select"}, ["U1"], {"selected_users": ["U1"]}),
    ({"type": "channels_select"}, "C1", {"selected_channel": "C1"}),
    ({"type": "multi_channels_select"}, ["C1"], {"selected_channels": ["C1"]}),
    ({"type": "conversations_select"}, "C1", {"selected_conversation": "C1"}),
    ({"type": "multi_conversations_select"}, ["C1"], {"selected_conversations": ["C1"]}),
    ({"type": "datepicker"}, date(2026, 3, 2), {"selected_date": "2026-03-02"}),
    ({"type": "timepicker"}, "09:30", {"selected_time": "09:30"}),
    ({"type": "datetimepicker"}, datetime(2026, 3, 2, tzinfo=UTC), {"selected_date_time": 1772409600}),
    ({"type": "rich_text_input"}, {"type": "rich_text", "elements": []},
     {"rich_text_value": {"type": "rich_text", "elements": []}}),
]  # fmt: skip


@pytest.mark.parametrize(("element", "value", "expected"), FILLED, ids=[str(item[0]["type"]) for item in FILLED])
async def test_each_input_holds_its_value_in_slacks_shape(
    slack: RunningSandbox,
    client: AsyncWebClient,
    ada: SimulatedPerson,
    element: dict[str, Any],
    value: Any,
    expected: dict[str, Any],
) -> None:
    await post(slack, client, ada, field(element))
    empty = ada.modal
    assert empty is not None
    assert list(empty["state"]["values"]["field"]["value"].values())[1] in (None, [])
    with pytest.raises(NotSubmitted):
        await ada.submit()
    await ada.submit({"Reason": value})
    view = last_delivery(slack)["view"]
    conforms(modal(*view["blocks"]), "AModal")
    state = view["state"]["values"]["field"]["value"]
    assert state == {"type": element["type"], **expected}


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ({"type": "plain_text_input", "min_length": 3}, "ab"),
        ({"type": "plain_text_input", "max_length": 3}, "abcd"),
        ({"type": "plain_text_input"}, "two\nlines"),
        ({"type": "plain_text_input"}, "   "),
        ({"type": "number_input", "is_decimal_allowed": True}, "ten"),
        ({"type": "number_input", "is_decimal_allowed": False}, "1.5"),
        ({"type": "number_input", "is_decimal_allowed": True, "min_value": "2"}, "1.9"),
        ({"type": "number_input", "is_decimal_allowed": True, "max_value": "2"}, "2.1"),
        ({"type": "email_text_input"}, "ada"),
        ({"type": "url_text_input"}, "example.com"),
        ({"type": "multi_users_select", "max_selected_items": 1}, ["U1", "U2"]),
    ],
)
async def test_slacks_client_does_not_send_invalid_input(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson, element: dict[str, Any], value: Any
) -> None:
    await post(slack, client, ada, field(element))
    with pytest.raises(NotSubmitted) as refused:
        await ada.submit({"field": value})
    assert list(refused.value.problems) == ["field"]
    assert slack.deliveries == []


async def test_an_optional_input_may_stay_empty_and_a_prefilled_one_as_it_is(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    await post(
        slack,
        client,
        ada,
        field({"type": "plain_text_input"}, block_id="a", optional=True),
        field({"type": "plain_text_input", "initial_value": "kept"}, block_id="b", label="Other"),
    )
    await ada.submit()
    values = last_delivery(slack)["view"]["state"]["values"]
    assert [values[name]["value"]["value"] for name in ("a", "b")] == [None, "kept"]


async def test_files_are_uploaded_into_a_file_input(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    await post(slack, client, ada, field({"type": "file_input", "filetypes": ["yaml"], "max_files": 1}))
    name = await ada.upload("refund.yaml", b"name: refund\n", into="Reason")
    await ada.submit()
    files = last_delivery(slack)["view"]["state"]["values"]["field"]["value"]["files"]
    assert [file["id"] for file in files] == [name]
    await ada.fill("Reason", [])
    await ada.upload("photo.png", b"x", into="Reason")
    with pytest.raises(NotSubmitted, match="yaml"):
        await ada.submit()


async def test_an_option_that_is_not_offered_cannot_be_chosen(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    await post(slack, client, ada, field({"type": "static_select", "options": OPTIONS}))
    with pytest.raises(CannotAct, match="no option 'Three'; there are 'One', 'Two'"):
        await ada.fill("Reason", "Three")
    with pytest.raises(CannotAct, match="no input called 'What'"):
        await ada.fill("What", "x")


async def test_an_input_that_dispatches_tells_the_app_at_once(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    await post(slack, client, ada, field({"type": "plain_text_input"}, dispatch_action=True))
    await ada.fill("Reason", "x")
    payload = last_delivery(slack)
    assert payload["type"] == "block_actions"
    assert payload["actions"][0]["value"] == "x"
    assert payload["view"]["state"]["values"]["field"]["value"]["value"] == "x"


async def test_a_dialog_that_is_denied_sends_nothing(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    confirm = {"text": plain("Sure?"), "confirm": plain("Yes"), "deny": plain("No")}
    await client.chat_postMessage(channel=ada.id, text="?", blocks=[actions(button(confirm=confirm))])
    assert await ada.click("Approve", confirm=False) is None
    assert slack.deliveries == []
    assert await ada.click("Approve") is not None


async def test_only_an_outdated_client_can_click_a_removed_button(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    posted = await client.chat_postMessage(channel=ada.id, text="?", blocks=[actions(button(value="old"))])
    message = ada.sees()[0]
    await client.chat_update(channel=posted["channel"], ts=posted["ts"], text="done", blocks=[section("done")])
    with pytest.raises(CannotAct, match="sees no message with a button 'Approve'"):
        await ada.click("Approve")
    with pytest.raises(CannotAct, match="has changed"):
        await ada.click("Approve", on=message)
    await ada.click("Approve", on=message, stale=True)
    assert last_delivery(slack)["actions"][0]["value"] == "old"
    assert last_delivery(slack)["message"]["text"] == "?"
    await client.chat_delete(channel=posted["channel"], ts=posted["ts"])
    await ada.click("Approve", on=message, stale=True)
    with pytest.raises(CannotAct, match="nothing to click called 'Reject'; there are 'Approve'"):
        await ada.click("Reject", on=message, stale=True)


async def test_buttons_in_modals_overflows_and_feedback_can_be_clicked(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    overflow = {"type": "overflow", "action_id": "more", "options": OPTIONS}
    feedback = {
        "type": "feedback_buttons",
        "action_id": "rate",
        "positive_button": {"text": plain("Good"), "value": "+"},
        "negative_button": {"text": plain("Bad"), "value": "-"},
    }
    blocks = [actions(overflow), {"type": "context_actions", "elements": [feedback]}]
    await client.chat_postMessage(channel=ada.id, text="?", blocks=blocks)
    await ada.click("Two")
    assert last_delivery(slack)["actions"][0]["selected_option"] == OPTIONS[1]
    await ada.click("Bad")
    assert last_delivery(slack)["actions"][0]["value"] == "-"
    await post(slack, client, ada, actions(button("Next page", "next")))
    await ada.click("next")
    assert last_delivery(slack)["container"] == {"type": "view", "view_id": last_delivery(slack)["view"]["id"]}
    slack.slack.triggers.redeem(last_delivery(slack)["trigger_id"], app_id=slack.app.id)


async def test_menus_in_messages_can_be_chosen_from(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    menu = {"type": "static_select", "action_id": "menu", "options": OPTIONS}
    await client.chat_postMessage(channel=ada.id, text="?", blocks=[actions(menu)])
    await ada.choose("menu", "Two", on=ada.sees()[0])
    assert last_delivery(slack)["actions"][0]["selected_option"] == OPTIONS[1]
    assert last_delivery(slack)["state"]["values"]["actions"]["menu"]["selected_option"] == OPTIONS[1]


async def test_actions_that_a_person_cannot_take_are_refused(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    with pytest.raises(CannotAct, match="cannot see a channel 'secret'"):
        ada.sees("secret")
    with pytest.raises(CannotAct, match="has no modal open"):
        await ada.submit()
    with pytest.raises(CannotAct, match="has no home open"):
        await ada.click("x", on="home")
    with pytest.raises(CannotAct, match="deactivated"):
        await slack.person("dora").command("/signoff help")
    trigger = slack.trigger(ada)
    view = modal(section())
    del view["submit"]
    await client.views_open(trigger_id=trigger, view=view)
    with pytest.raises(CannotAct, match="no submit button"):
        await ada.submit()


async def test_ephemeral_messages_and_modals_are_gone_after_a_reload(
    slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson
) -> None:
    await client.chat_postEphemeral(channel=ada.dm, user=ada.id, text="psst")
    await client.chat_postEphemeral(channel="#general", user=slack.person("ben").id, text="psst")
    await post(slack, client, ada, section())
    ada.reload()
    assert ada.sees() == []
    assert ada.modal is None
    assert len(slack.person("ben").sees("general")) == 1
