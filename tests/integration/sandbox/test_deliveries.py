"""Deliveries to the app: signatures, deadlines, retries, response URLs, and the failures that people see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.devtools.sandbox import CannotAct, RunningSandbox
from bot.devtools.sandbox.people import SimulatedPerson
from tests.support.sandbox_env import actions, bolt, button, conforms, field, modal, over_http, section, served


class Recorder:
    """An app that records requests, and answers as configured."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.answer: Any = None
        self.headers: dict[str, str] = {}
        self.silent = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((dict(request.headers), await request.read()))
        if self.silent:
            await asyncio.sleep(60)
        if isinstance(self.answer, dict):
            return web.json_response(self.answer, status=self.status)
        return web.Response(status=self.status, text=self.answer or "", headers=self.headers)

    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.requests]


@pytest.fixture
async def recorder(slack: RunningSandbox) -> AsyncIterator[Recorder]:
    new_recorder = Recorder()
    async with served(new_recorder.handle) as url:
        slack.app.request_url = url
        yield new_recorder


@pytest.fixture
async def ada(slack: RunningSandbox, client: AsyncWebClient) -> SimulatedPerson:
    """Return ada, who sees a request."""
    person = slack.person("ada")
    await client.chat_postMessage(channel=person.id, text="Pay?", blocks=[section(), actions(button(value="v1"))])
    return person


# --- payloads and signatures -------------------------------------------------------------------------------------


async def test_deliveries_are_signed_forms_with_json_inside(
    slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson
) -> None:
    await ada.click("Approve")
    headers, body = recorder.requests[0]
    verifier = SignatureVerifier(slack.app.signing_secret)
    assert verifier.is_valid_request(body, headers)
    assert not SignatureVerifier("other").is_valid_request(body, headers)
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    payload = json.loads(parse_qs(body.decode())["payload"][0])
    assert payload["type"] == "block_actions"
    assert payload["actions"][0]["value"] == "v1"
    assert payload["user"]["id"] == ada.id
    assert payload["container"]["channel_id"] == ada.dm
    assert payload["message"]["ts"] == payload["container"]["message_ts"]
    assert payload["response_url"].startswith(slack.base_url)
    conforms(payload["message"]["blocks"], "AMessageBlocks")


async def test_a_request_with_a_wrong_signature_is_refused_by_bolt(
    slack: RunningSandbox, session: aiohttp.ClientSession, ada: SimulatedPerson
) -> None:
    app = bolt(slack, session)

    @app.action("approve")
    async def approve(ack: Any) -> None:
        await ack()

    async with over_http(slack, app):
        slack.fault("deliver:interactive", "signature")
        refused = await ada.click("Approve")
        accepted = await ada.click("Approve")
    assert refused is not None
    assert (refused.problem, refused.status) == ("http_service_error", 401)
    assert accepted is not None
    assert accepted.ok


async def test_a_command_is_a_form_with_a_response_url(
    slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson
) -> None:
    slack.app.escaped_commands.append("/signoff")
    await ada.command("/signoff ask @ben in #general about @nobody", channel="leads")
    form = {name: values[0] for name, values in parse_qs(recorder.requests[0][1].decode()).items()}
    ben, general = slack.person("ben").id, slack.channel("general")
    assert form["text"] == f"ask <@{ben}|ben> in <#{general}|general> about @nobody"
    assert (form["command"], form["channel_name"]) == ("/signoff", "privategroup")
    assert form["user_id"] == ada.id
    with pytest.raises(CannotAct, match="not a valid command"):
        await ada.command("/other")


async def test_the_answer_to_a_command_may_be_in_its_ack(
    slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson
) -> None:
    recorder.answer = "Just text"
    await ada.command("/signoff help", channel="general")
    recorder.answer = {"response_type": "in_channel", "text": "For all"}
    await ada.command("/signoff help", channel="general")
    recorder.answer = {"text": "x", "blocks": [{"type": "what"}]}
    await ada.command("/signoff help", channel="general")
    assert [message["text"] for message in ada.sees("general")] == ["Just text", "For all"]
    assert [message["text"] for message in slack.person("ben").sees("general")] == ["For all"]
    assert [failure.code for failure in ada.troubles] == ["invalid_blocks"]


@pytest.mark.parametrize("kind", ["app_home_opened", "message", "app_uninstalled", "tokens_revoked"])
async def test_events_conform_to_the_official_types(
    slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson, client: AsyncWebClient, kind: str
) -> None:
    slack.app.events.append("message.im")
    await client.views_publish(user_id=ada.id, view={"type": "home", "blocks": [section()]})
    if kind == "app_home_opened":
        ada.open_home()
    elif kind == "message":
        ada.say("hello")
    else:
        slack.uninstall()
    await slack.until(lambda: any(item["event"]["type"] == kind for item in recorder.bodies()))
    body = next(item for item in recorder.bodies() if item["event"]["type"] == kind)
    event = body["event"]
    if kind == "app_home_opened":
        # The types describe a view as an app writes it. Slack sends more keys (view-interactions-payload).
        conforms({**event, "view": {"type": "home", "blocks": event["view"]["blocks"]}}, "AnEvent")
    else:
        conforms(event, "AnEvent")
    assert body["type"] == "event_callback"
    assert body["event_id"].startswith("Ev")
    assert body["authorizations"][0]["user_id"] == slack.app.bot_user


async def test_an_app_hears_of_an_account_that_is_deactivated(slack: RunningSandbox, recorder: Recorder) -> None:
    """The event is described at https://docs.slack.dev/reference/events/user_change."""
    ben = slack.person("ben").id
    slack.deactivate("ben")
    slack.deactivate("ben", deactivated=False)
    await slack.until(lambda: len(recorder.requests) == 2)
    events = sorted((item["event"] for item in recorder.bodies()), key=lambda event: str(event["user"]["deleted"]))
    assert [(event["type"], event["user"]["id"], event["user"]["deleted"]) for event in events] == [
        ("user_change", ben, False),
        ("user_change", ben, True),
    ]
    assert events[0]["user"]["profile"]["email"] == "ben@example.com"


async def test_an_uninstalled_app_has_no_token_any_more(
    slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson
) -> None:
    slack.uninstall()
    await slack.until(lambda: len(recorder.requests) == 2)
    assert {item["event"]["type"] for item in recorder.bodies()} == {"tokens_revoked", "app_uninstalled"}
    assert slack.app.token_error == "account_inactive"
    with pytest.raises(CannotAct):
        await ada.command("/signoff help")


async def test_a_revoked_token_stops_working(slack: RunningSandbox, recorder: Recorder) -> None:
    slack.revoke()
    await slack.until(lambda: recorder.requests)
    assert slack.app.token_error == "token_revoked"


async def test_shortcuts_are_delivered_with_a_trigger(
    slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson
) -> None:
    await ada.shortcut("make")
    await ada.shortcut("on_message", on=ada.sees()[0])
    kinds = [delivery.payload["type"] for delivery in slack.deliveries]
    assert kinds == ["shortcut", "message_action"]
    assert slack.deliveries[1].payload["message"]["text"] == "Pay?"
    # Each is in one menu.
    for callback, on in (("unknown", None), ("on_message", None), ("make", ada.sees()[0])):
        with pytest.raises(CannotAct):
            await ada.shortcut(callback, on=on)


async def test_reactions_are_told_to_apps_in_the_channel(slack: RunningSandbox, recorder: Recorder) -> None:
    slack.app.scopes.append("reactions:read")
    ada, ben = slack.person("ada"), slack.person("ben")
    for channel in "general", "finance":
        ts = ada.say("hello", channel=channel)
        (message,) = [one for one in ben.sees(channel) if one["ts"] == ts]
        ben.react("+1::skin-tone-4", on=message)
        with pytest.raises(CannotAct):
            ben.react("+1::skin-tone-4", on=message)
        with pytest.raises(CannotAct):
            ben.react("no such emoji", on=message)
        (seen,) = [one for one in ada.sees(channel) if one["ts"] == ts]
        assert seen["reactions"] == [{"name": "+1::skin-tone-4", "users": [ben.id], "count": 1}]
    slack.app.events.append("reaction_removed")
    ben.react("+1::skin-tone-4", on=slack.person("ben").sees("general")[-1], remove=True)
    await slack.until(lambda: len(recorder.requests) >= 2)
    events = [delivery.payload["event"] for delivery in slack.deliveries if "event" in delivery.payload]
    told = [event for event in events if event["type"].startswith("reaction_")]
    assert [event["type"] for event in told] == ["reaction_added", "reaction_removed"]
    assert {(event["user"], event["item"]["channel"]) for event in told} == {(ben.id, slack.channel("general"))}
    assert "reactions" not in ada.sees("general")[-1]
    una = slack.person("una")
    with pytest.raises(CannotAct):
        una.react("eyes", on=ada.sees("general")[-1])


async def test_a_request_url_is_verified_with_a_challenge(
    slack: RunningSandbox, session: aiohttp.ClientSession
) -> None:
    async with over_http(slack, bolt(slack, session)):
        assert await slack.verify_request_url()
    slack.app.request_url = None
    assert not await slack.verify_request_url()


# --- deadlines and failures --------------------------------------------------------------------------------------


async def test_an_app_that_is_silent_for_three_seconds_has_failed(
    slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson
) -> None:
    recorder.silent = True
    clicking = asyncio.ensure_future(ada.click("Approve"))
    await slack.until(lambda: recorder.requests)
    slack.time.advance(2.9)
    await asyncio.sleep(0.03)
    assert not clicking.done()
    slack.time.advance(0.2)
    ack = await clicking
    assert ack is not None
    assert ack.problem == "operation_timeout"
    assert [failure.code for failure in ada.troubles] == ["operation_timeout"]


async def test_an_app_that_answers_with_an_error_or_is_unreachable_has_failed(
    slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson
) -> None:
    recorder.status = 500
    await ada.click("Approve")
    slack.app.request_url = "http://127.0.0.1:9/slack/events"
    await ada.click("Approve")
    slack.app.request_url = None
    await ada.click("Approve")
    slack.app.interactivity = False
    await ada.click("Approve")
    assert [failure.code for failure in ada.troubles] == ["http_service_error", *["dispatch_failed"] * 3]
    assert ada.troubles[0].text == "This app responded with an error."


async def test_events_are_retried_at_once_after_one_minute_and_after_five(
    slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson
) -> None:
    recorder.status = 500

    async def has_failed(times: int) -> None:
        """Return whether the app failed this many times and Slack waits before the next attempt."""
        await slack.until(lambda: len(slack.deliveries) == times and slack.deliveries[-1].ack)
        await asyncio.sleep(0.02)

    ada.open_home()
    await has_failed(2)
    slack.time.advance(59)
    await asyncio.sleep(0.03)
    assert len(recorder.requests) == 2
    slack.time.advance(1)
    await has_failed(3)
    slack.time.advance(300)
    await slack.until(lambda: len(recorder.requests) == 4)
    numbers = [headers.get("X-Slack-Retry-Num") for headers, _ in recorder.requests]
    assert numbers == [None, "1", "2", "3"]
    assert recorder.requests[1][0]["X-Slack-Retry-Reason"] == "http_error"
    assert len({item["event_id"] for item in recorder.bodies()}) == 1


async def test_an_app_can_refuse_retries(slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson) -> None:
    recorder.status, recorder.headers = 500, {"X-Slack-No-Retry": "1"}
    ada.open_home()
    await slack.until(lambda: not slack.tasks.running)
    assert len(recorder.requests) == 1


async def test_a_delivery_can_be_made_twice_or_be_lost(
    slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson
) -> None:
    slack.fault("deliver:interactive", "duplicate")
    slack.fault("deliver:interactive", "drop")
    await ada.click("Approve")
    assert len(recorder.requests) == 2
    assert recorder.requests[0][1] == recorder.requests[1][1]
    lost_ack = await ada.click("Approve")
    assert lost_ack is not None
    assert lost_ack.problem == "operation_timeout"
    assert len(recorder.requests) == 2


async def test_a_delivery_can_be_late(slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson) -> None:
    slack.fault("deliver:interactive", "slow", seconds=10)
    clicking = asyncio.ensure_future(ada.click("Approve"))
    await slack.until(lambda: slack.faults.used)
    await asyncio.sleep(0.02)
    assert recorder.requests == []
    slack.time.advance(10)
    ack = await clicking
    assert ack is not None
    assert ack.ok


# --- answers to submissions --------------------------------------------------------------------------------------


@pytest.fixture
async def ada_with_modal(slack: RunningSandbox, client: AsyncWebClient, ada: SimulatedPerson) -> SimulatedPerson:
    """Return ada, who has an open modal."""
    trigger = slack.trigger(ada)
    await client.views_open(trigger_id=trigger, view=modal(field({"type": "plain_text_input"}), notify_on_close=True))
    return ada


async def test_an_empty_answer_closes_the_modal(recorder: Recorder, ada_with_modal: SimulatedPerson) -> None:
    await ada_with_modal.submit({"Reason": "x"})
    assert ada_with_modal.modal is None


@pytest.mark.parametrize(
    ("answer", "titles"),
    [
        ({"response_action": "clear"}, []),
        ({"response_action": "update", "view": modal(title={"type": "plain_text", "text": "New"})}, ["New"]),
        ({"response_action": "push", "view": modal(title={"type": "plain_text", "text": "Two"})}, ["Edit", "Two"]),
        ({"response_action": "errors", "errors": {"field": "No."}}, ["Edit"]),
    ],
)
async def test_an_answer_changes_the_stack(
    recorder: Recorder, ada_with_modal: SimulatedPerson, answer: dict[str, Any], titles: list[str]
) -> None:
    recorder.answer = answer
    await ada_with_modal.submit({"Reason": "x"})
    assert [item["title"]["text"] for item in ada_with_modal.stack] == titles
    assert not ada_with_modal.troubles


@pytest.mark.parametrize(
    "answer",
    [
        "what",
        {"response_action": "dance"},
        {"response_action": "errors", "errors": {"nowhere": "No."}},
        {"response_action": "errors", "errors": {}},
        {"response_action": "update", "view": {"type": "modal"}},
    ],
)
async def test_an_invalid_answer_is_a_failure_that_the_person_sees(
    recorder: Recorder, ada_with_modal: SimulatedPerson, answer: Any
) -> None:
    recorder.answer = answer
    await ada_with_modal.submit({"Reason": "x"})
    assert len(ada_with_modal.stack) == 1
    assert [failure.text for failure in ada_with_modal.troubles] == ["We had some trouble connecting. Try again?"]


async def test_apps_that_asked_for_it_receive_the_closing_of_a_modal(
    slack: RunningSandbox, recorder: Recorder, ada_with_modal: SimulatedPerson
) -> None:
    await ada_with_modal.close()
    payload = slack.deliveries[-1].payload
    assert (payload["type"], payload["is_cleared"]) == ("view_closed", False)


# --- response_urls -----------------------------------------------------------------------------------------------


async def response_url(slack: RunningSandbox, person: SimulatedPerson) -> str:
    await person.click("Approve")
    return str(slack.deliveries[-1].payload["response_url"])


async def test_a_response_url_replaces_the_message_that_was_clicked(
    slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson
) -> None:
    hook = AsyncWebhookClient(await response_url(slack, ada))
    answer = await hook.send(text="Done", blocks=[section("Done")], replace_original=True)
    assert (answer.status_code, answer.body) == (200, "ok")
    assert ada.sees()[0]["text"] == "Done"
    await hook.send(text="Just text", replace_original=True)
    assert "blocks" not in ada.sees()[0]
    await hook.send(text="Only you")
    await hook.send(text="All", response_type="in_channel")
    assert [message["text"] for message in ada.sees()] == ["Just text", "Only you", "All"]
    await hook.send(delete_original=True)
    assert [message["text"] for message in ada.sees()] == ["Only you", "All"]


async def test_a_response_url_works_five_times(slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson) -> None:
    hook = AsyncWebhookClient(await response_url(slack, ada))
    for _ in range(5):
        assert (await hook.send(text="x")).status_code == 200
    refused = await hook.send(text="x")
    assert refused.status_code == 404
    assert json.loads(refused.body)["error"] == "used_url"


async def test_a_response_url_works_for_half_an_hour(
    slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson
) -> None:
    hook = AsyncWebhookClient(await response_url(slack, ada))
    slack.time.advance(30 * 60)
    assert (await hook.send(text="x")).status_code == 200
    slack.time.advance(1)
    refused = await hook.send(text="x")
    assert json.loads(refused.body)["error"] == "expired_url"
    unknown = await AsyncWebhookClient(slack.base_url + "/actions/T/1/x").send(text="x")
    assert unknown.status_code == 404


async def test_a_response_url_refuses_invalid_messages(
    slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson
) -> None:
    hook = AsyncWebhookClient(await response_url(slack, ada))
    codes = [
        (await hook.send(blocks=[{"type": "what"}])).body,
        (await hook.send(text="")).body,
        (await hook.send(text="x", response_type="to_all")).body,
    ]
    assert [json.loads(item)["error"] for item in codes] == ["invalid_blocks", "no_text", "invalid_response_type"]


async def test_an_ephemeral_message_is_replaced_by_its_response_url_alone(
    slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson, client: AsyncWebClient
) -> None:
    await client.chat_postEphemeral(channel=ada.dm, user=ada.id, text="?", blocks=[actions(button("Yes", "yes"))])
    await ada.click("Yes")
    payload = slack.deliveries[-1].payload
    assert payload["container"]["is_ephemeral"]
    assert "message" not in payload
    hook = AsyncWebhookClient(payload["response_url"])
    await hook.send(text="Thanks", replace_original=True)
    assert ada.sees()[-1]["text"] == "Thanks"


async def test_the_response_url_of_a_command_replaces_nothing(
    slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson
) -> None:
    await ada.command("/signoff help")
    hook = AsyncWebhookClient(slack.deliveries[-1].payload["response_url"])
    await hook.send(text="One")
    await hook.send(text="Two", replace_original=True)
    assert [message["text"] for message in ada.sees()] == ["Pay?", "One", "Two"]
    deleting = await hook.send(delete_original=True)
    assert json.loads(deleting.body)["error"] == "message_not_found"


async def test_an_external_select_asks_the_app_for_its_options(
    slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson, client: AsyncWebClient
) -> None:
    trigger = slack.trigger(ada)
    await client.views_open(trigger_id=trigger, view=modal(field({"type": "external_select"})))
    offered = [{"text": {"type": "plain_text", "text": "Berlin"}, "value": "b"}]
    recorder.answer = {"options": offered}
    assert await ada.options("Reason", "ber") == offered
    payload = slack.deliveries[-1].payload
    assert (payload["type"], payload["value"], payload["action_id"]) == ("block_suggestion", "ber", "value")
    recorder.answer = {"options": offered * 101}
    with pytest.raises(CannotAct, match="more than 100"):
        await ada.options("Reason", "ber")
    recorder.answer = "nothing"
    with pytest.raises(CannotAct, match="no options"):
        await ada.options("Reason", "ber")


async def test_a_click_on_a_reply_names_its_thread(
    slack: RunningSandbox, recorder: Recorder, ada: SimulatedPerson, client: AsyncWebClient
) -> None:
    parent = ada.say("please")
    await client.chat_postMessage(
        channel=ada.dm, text="Pay?", thread_ts=parent, blocks=[actions(button("In thread", "threaded"))]
    )
    await ada.click("In thread")
    assert slack.deliveries[-1].payload["container"]["thread_ts"] == parent
