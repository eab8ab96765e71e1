"""The Web API, called with the official client: argument forms, tokens and scopes, and the rules of each method."""

from __future__ import annotations

import json
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.devtools.sandbox import RunningSandbox
from bot.devtools.sandbox.methods import METHODS
from tests.support.sandbox_env import actions, button, client_of, conforms, error_of, section

# --- argument forms, tokens, scopes ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "form", "query", "multipart"])
async def test_arguments_are_taken_in_each_of_slacks_forms(
    slack: RunningSandbox, session: aiohttp.ClientSession, form: str
) -> None:
    arguments = {"channel": slack.channel("general"), "text": "hi", "blocks": json.dumps([section()])}
    headers = {"Authorization": f"Bearer {slack.app.bot_token}"}
    forms: dict[str, dict[str, Any]] = {
        "json": {"json": {**arguments, "blocks": [section()]}},
        "form": {"data": arguments},
        "query": {"params": arguments},
        "multipart": {"data": aiohttp.FormData(arguments, default_to_multipart=True)},
    }
    async with session.post(slack.api_url + "chat.postMessage", headers=headers, **forms[form]) as response:
        body = await response.json()
    assert body["ok"], body
    assert body["message"]["blocks"][0]["text"]["text"] == "Pay 10 EUR?"


async def test_a_token_may_be_an_argument_except_in_json(slack: RunningSandbox, session: aiohttp.ClientSession) -> None:
    arguments = {"token": slack.app.bot_token}
    url = slack.api_url + "auth.test"
    async with session.post(url, data=arguments) as response:
        assert (await response.json())["ok"]
    async with session.get(url, params=arguments) as response:
        assert (await response.json())["ok"]
    async with session.post(url, json=arguments) as response:
        assert (await response.json())["error"] == "not_authed"


@pytest.mark.parametrize(
    ("body", "kind", "error"),
    [
        ("{", "application/json; charset=utf-8", "invalid_json"),
        ("[]", "application/json; charset=utf-8", "json_not_object"),
        ("x", "text/plain", "invalid_post_type"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(
    slack: RunningSandbox, session: aiohttp.ClientSession, body: str, kind: str, error: str
) -> None:
    async with session.post(slack.api_url + "api.test", data=body, headers={"Content-Type": kind}) as response:
        assert (await response.json())["error"] == error


async def test_a_missing_charset_gives_the_warning_of_slack(
    slack: RunningSandbox, session: aiohttp.ClientSession
) -> None:
    headers = {"Content-Type": "application/json"}
    async with session.post(slack.api_url + "api.test", data="{}", headers=headers) as response:
        body = await response.json()
    assert body["warning"] == "missing_charset"
    assert body["response_metadata"]["warnings"] == ["missing_charset"]


async def test_an_unknown_method_is_refused(client: AsyncWebClient) -> None:
    assert await error_of(client.api_call("chat.shout")) == "unknown_method"


@pytest.mark.parametrize(
    ("token", "error"),
    [("", "not_authed"), ("xoxb-other", "invalid_auth"), ("xapp-sandbox-signoff", "not_allowed_token_type")],
)
async def test_a_wrong_token_is_refused(
    slack: RunningSandbox, session: aiohttp.ClientSession, token: str, error: str
) -> None:
    assert await error_of(client_of(slack, session, token).auth_test()) == error


async def test_an_app_token_outlives_the_revoked_bot_token(slack: RunningSandbox, client: AsyncWebClient) -> None:
    slack.app.token_error = "token_revoked"
    assert (await client.apps_connections_open(app_token=slack.app.app_token))["ok"]
    slack.app.token_error = "account_inactive"
    assert await error_of(client.apps_connections_open(app_token=slack.app.app_token)) == "account_inactive"


@pytest.mark.parametrize("error", ["token_revoked", "account_inactive", "token_expired"])
async def test_a_token_that_has_stopped_working_says_why(
    slack: RunningSandbox, client: AsyncWebClient, error: str
) -> None:
    slack.app.token_error = error
    assert await error_of(client.auth_test()) == error


@pytest.mark.parametrize("name", sorted(name for name, method in METHODS.items() if method.scopes))
async def test_a_missing_scope_is_named(slack: RunningSandbox, client: AsyncWebClient, name: str) -> None:
    slack.app.scopes[:] = ["emoji:read"]
    with pytest.raises(SlackApiError) as raised:
        await client.api_call(name, params={"channel": "C1"})
    assert raised.value.response["error"] == "missing_scope"
    assert raised.value.response["needed"] == METHODS[name].scopes[0]
    assert raised.value.response["provided"] == "emoji:read"


async def test_scopes_are_in_the_headers(slack: RunningSandbox, client: AsyncWebClient) -> None:
    answer = await client.users_info(user=slack.person("ada").id)
    assert "users:read" in answer.headers["X-OAuth-Scopes"]
    assert answer.headers["X-Accepted-OAuth-Scopes"] == "users:read"


async def test_answers_are_dated_by_the_clock_of_the_sandbox(slack: RunningSandbox, client: AsyncWebClient) -> None:
    before = slack.time.now().replace(microsecond=0)
    slack.time.advance(600)
    answer = await client.auth_test()
    assert parsedate_to_datetime(answer.headers["Date"]) == before + timedelta(seconds=600)
    slack.faults.down = True
    with pytest.raises(SlackApiError) as raised:
        await client.auth_test()
    assert raised.value.response.headers["Date"] == answer.headers["Date"]


async def test_auth_test_names_the_bot(slack: RunningSandbox, client: AsyncWebClient) -> None:
    answer = await client.auth_test()
    assert (answer["user_id"], answer["bot_id"]) == (slack.app.bot_user, slack.app.bot_id)
    assert (await client.api_test(foo="bar"))["args"] == {"foo": "bar"}
    assert (await client.team_info())["team"]["id"] == slack.world.team.id
    assert (await client.bots_info(bot=slack.app.bot_id))["bot"]["user_id"] == slack.app.bot_user
    assert await error_of(client.bots_info(bot="B1")) == "bot_not_found"
    assert await error_of(client.api_test(error="my_error")) == "my_error"


# --- chat.* ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "error"),
    [
        ("general", None),
        ("leads", None),
        ("finance", "not_in_channel"),
        ("secret", "channel_not_found"),
        ("old", "is_archived"),
    ],
)
async def test_the_bot_may_post_only_to_channels_that_it_is_in(
    slack: RunningSandbox, client: AsyncWebClient, channel: str, error: str | None
) -> None:
    call = client.chat_postMessage(channel=slack.channel(channel), text="hi")
    if error is None:
        assert (await call)["ok"]
    else:
        assert await error_of(call) == error


async def test_a_scope_lets_the_bot_post_in_public_channels(slack: RunningSandbox, client: AsyncWebClient) -> None:
    slack.app.scopes.append("chat:write.public")
    assert (await client.chat_postMessage(channel="#finance", text="hi"))["ok"]
    assert await error_of(client.chat_postMessage(channel=slack.channel("secret"), text="hi")) == "channel_not_found"


async def test_a_post_to_a_person_lands_in_their_conversation(slack: RunningSandbox, client: AsyncWebClient) -> None:
    ada = slack.person("ada")
    answer = await client.chat_postMessage(channel=ada.id, text="hi")
    assert answer["channel"] == ada.dm
    assert answer["channel"].startswith("D")
    for name in ("dora", "other_bot"):
        assert await error_of(client.chat_postMessage(channel=slack.person(name).id, text="hi")) == "channel_not_found"


async def test_direct_messages_need_the_messages_tab(slack: RunningSandbox, client: AsyncWebClient) -> None:
    slack.app.messages_tab = False
    assert await error_of(client.chat_postMessage(channel=slack.person("ada").id, text="x")) == "messages_tab_disabled"


async def test_timestamps_are_unique_and_rise_while_the_clock_stands(
    slack: RunningSandbox, client: AsyncWebClient
) -> None:
    slack.rates.configure(enabled=False)
    stamps = [(await client.chat_postMessage(channel="#general", text="x"))["ts"] for _ in range(5)]
    assert stamps == sorted(set(stamps))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({}, "no_text"),
        ({"text": "x", "blocks": "[{"}, "invalid_blocks_format"),
        ({"text": "x", "blocks": [{"type": "what"}]}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("y" * 3000)] * 5}, "msg_blocks_too_long"),
        ({"text": "x", "thread_ts": "1.1"}, "thread_not_found"),
        ({"text": "x", "metadata": "what"}, "metadata_must_be_sent_as_json"),
        ({"text": "x", "metadata": {"event_type": "a"}}, "invalid_metadata_format"),
        ({"text": "x", "metadata": {"event_type": "a", "event_payload": {"x": "y" * 16384}}}, "metadata_too_large"),
    ],
)
async def test_invalid_content_cannot_be_posted(client: AsyncWebClient, content: dict[str, Any], error: str) -> None:
    assert await error_of(client.api_call("chat.postMessage", json={"channel": "#general", **content})) == error


async def test_a_reply_takes_no_reply_and_history_shows_one_that_is_broadcast(client: AsyncWebClient) -> None:
    first = await client.chat_postMessage(channel="#general", text="first")
    place, ts = first["channel"], first["ts"]
    reply = await client.chat_postMessage(channel=place, text="both", thread_ts=ts, reply_broadcast=True)
    below = client.chat_postMessage(channel=place, text="x", thread_ts=reply["ts"])
    assert await error_of(below) == "cannot_reply_to_message"
    newest = (await client.conversations_history(channel=place, limit=1))["messages"][0]
    assert (newest["text"], newest["subtype"], newest["thread_ts"]) == ("both", "thread_broadcast", ts)


async def test_invalid_blocks_are_pointed_at(client: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError) as raised:
        await client.chat_postMessage(channel="#general", text="x", blocks=[section("")])
    problem = "must be more than 0 characters [json-pointer:/blocks/0/text/text]"
    assert raised.value.response["errors"] == [problem]
    assert raised.value.response["response_metadata"]["messages"] == [f"[ERROR] {problem}"]


async def test_a_post_without_a_channel_is_refused(client: AsyncWebClient) -> None:
    assert await error_of(client.api_call("chat.postMessage", json={"text": "x"})) == "invalid_arguments"


async def test_text_that_is_too_long_is_cut_in_posts_and_refused_in_updates(
    slack: RunningSandbox, client: AsyncWebClient
) -> None:
    posted = await client.chat_postMessage(channel="#general", text="x" * 40_001)
    assert len(posted["message"]["text"]) == 40_000
    assert posted["warning"] == "message_truncated"
    channel, ts = posted["channel"], posted["ts"]
    assert await error_of(client.chat_update(channel=channel, ts=ts, text="x" * 4_001)) == "msg_too_long"
    assert (await client.chat_update(channel=channel, ts=ts, text="x" * 4_000))["ok"]


async def test_an_update_needs_the_conversation_and_not_the_person(
    slack: RunningSandbox, client: AsyncWebClient
) -> None:
    ada = slack.person("ada")
    posted = await client.chat_postMessage(channel=ada.id, text="x")
    assert await error_of(client.chat_update(channel=ada.id, ts=posted["ts"], text="y")) == "channel_not_found"
    assert (await client.chat_update(channel=posted["channel"], ts=posted["ts"], text="y"))["text"] == "y"


async def test_text_without_blocks_deletes_the_blocks_and_is_marked_as_edited(
    slack: RunningSandbox, client: AsyncWebClient
) -> None:
    posted = await client.chat_postMessage(channel="#general", text="x", blocks=[section(), actions(button())])
    channel, ts = posted["channel"], posted["ts"]
    with_blocks = await client.chat_update(channel=channel, ts=ts, text="y", blocks=[section("z")])
    assert "edited" not in with_blocks["message"]
    only_text = await client.chat_update(channel=channel, ts=ts, text="y")
    assert "blocks" not in only_text["message"]
    assert only_text["message"]["edited"]["user"] == slack.app.bot_user


async def test_an_update_may_change_only_messages_of_the_bot(
    slack: RunningSandbox, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    general = slack.channel("general")
    other_app = next(app for app in slack.world.apps.values() if app.id != slack.app.id)
    slack.world.channels[general].members.append(other_app.bot_user)
    theirs = await client_of(slack, session, other_app.bot_token).chat_postMessage(channel=general, text="x")
    own_ts = slack.person("ada").say("hello", channel="general")
    whisper = await client.chat_postEphemeral(channel=general, user=slack.person("ada").id, text="psst")
    for ts in (theirs["ts"], own_ts):
        assert await error_of(client.chat_update(channel=general, ts=ts, text="y")) == "cant_update_message"
        assert await error_of(client.chat_delete(channel=general, ts=ts)) == "cant_delete_message"
    for ts in (whisper["message_ts"], "1.1"):
        assert await error_of(client.chat_update(channel=general, ts=ts, text="y")) == "message_not_found"
    own = await client.chat_postMessage(channel=general, text="x")
    assert await error_of(client.api_call("chat.update", json={"channel": general, "ts": own["ts"]})) == "no_text"
    slack.world.team.edit_window_seconds = 60
    slack.time.advance(61)
    assert await error_of(client.chat_update(channel=general, ts=own["ts"], text="y")) == "edit_window_closed"
    assert (await client.chat_delete(channel=general, ts=own["ts"]))["ok"]
    assert await error_of(client.chat_update(channel=general, ts=own["ts"], text="y")) == "message_not_found"


async def test_an_ephemeral_message_is_seen_by_one_person_only(slack: RunningSandbox, client: AsyncWebClient) -> None:
    ada, ben = slack.person("ada"), slack.person("ben")
    await client.chat_postEphemeral(channel="#general", user=ada.id, text="psst")
    assert [message["text"] for message in ada.sees("general")] == ["psst"]
    assert ada.sees("general")[0]["is_ephemeral"]
    assert ben.sees("general") == []
    outside = slack.person("una").id
    assert (
        await error_of(client.chat_postEphemeral(channel="#general", user=outside, text="x")) == "user_not_in_channel"
    )


async def test_metadata_is_kept_until_it_is_taken_away(slack: RunningSandbox, client: AsyncWebClient) -> None:
    dm = (await client.conversations_open(users=slack.person("ada").id))["channel"]["id"]
    metadata = {"event_type": "signoff_request", "event_payload": {"delivery": "d1"}}
    posted = await client.chat_postMessage(channel=dm, text="x", metadata=metadata)

    async def metadata_of_message() -> Any:
        response = await client.conversations_history(channel=dm, include_all_metadata=True)
        return response["messages"][0].get("metadata")

    assert await metadata_of_message() == metadata
    conforms(await metadata_of_message(), "AMetadata")
    assert "metadata" not in (await client.conversations_history(channel=dm))["messages"][0]
    await client.chat_update(channel=dm, ts=posted["ts"], text="y")
    assert await metadata_of_message() == metadata
    await client.chat_update(channel=dm, ts=posted["ts"], text="y", metadata={})
    assert await metadata_of_message() is None


async def test_a_permalink_names_the_message(client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(channel="#general", text="x")
    link = await client.chat_getPermalink(channel=posted["channel"], message_ts=posted["ts"])
    assert link["permalink"].endswith(f"/archives/{posted['channel']}/p{posted['ts'].replace('.', '')}")
    missing = client.chat_getPermalink(channel=posted["channel"], message_ts="1.1")
    assert await error_of(missing) == "message_not_found"


# --- conversations.* ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "error"),
    [("gus", None), ("dora", "user_disabled"), ("other_bot", "cannot_dm_bot"), ("slackbot", "cannot_dm_bot")],
)
async def test_a_conversation_cannot_be_opened_with_bots_and_closed_accounts(
    slack: RunningSandbox, client: AsyncWebClient, name: str, error: str | None
) -> None:
    call = client.conversations_open(users=slack.person(name).id)
    if error is None:
        assert (await call)["already_open"] is False
    else:
        assert await error_of(call) == error


async def test_a_conversation_is_opened_once(slack: RunningSandbox, client: AsyncWebClient) -> None:
    ada = slack.person("ada").id
    first = await client.conversations_open(users=ada)
    again = await client.conversations_open(users=[ada], return_im=True)
    assert first["channel"]["id"] == again["channel"]["id"]
    assert again["already_open"]
    assert again["channel"]["user"] == ada
    assert (await client.conversations_open(channel=first["channel"]["id"]))["no_op"]
    assert await error_of(client.conversations_open(users="U1")) == "user_not_found"
    assert await error_of(client.conversations_open(channel="D1")) == "channel_not_found"
    assert await error_of(client.api_call("conversations.open")) == "users_list_not_supplied"
    assert await error_of(client.conversations_open(users=[ada, slack.person("ben").id])) == "missing_scope"


async def test_information_on_a_conversation_needs_the_scope_of_its_kind(
    slack: RunningSandbox, client: AsyncWebClient
) -> None:
    general = (await client.conversations_info(channel=slack.channel("general")))["channel"]
    assert general["is_member"]
    assert (await client.conversations_info(channel=slack.channel("leads")))["channel"]["is_private"]
    assert await error_of(client.conversations_info(channel=slack.channel("secret"))) == "channel_not_found"
    response = await client.conversations_members(channel=slack.channel("general"), limit=2)
    assert len(response["members"]) == 2
    assert response["response_metadata"]["next_cursor"] == "2"
    slack.app.scopes.remove("channels:read")
    assert await error_of(client.conversations_info(channel=slack.channel("general"))) == "missing_scope"


async def test_history_is_newest_first_in_pages_and_without_threads(
    slack: RunningSandbox, client: AsyncWebClient
) -> None:
    slack.rates.configure(enabled=False)
    general = slack.channel("general")
    stamps = [(await client.chat_postMessage(channel=general, text=str(item)))["ts"] for item in range(3)]
    await client.chat_postMessage(channel=general, text="reply", thread_ts=stamps[0])
    first = await client.conversations_history(channel=general, limit=2)
    assert [message["text"] for message in first["messages"]] == ["2", "1"]
    assert first["has_more"]
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.conversations_history(channel=general, limit=2, cursor=cursor)
    assert [message["text"] for message in rest["messages"]] == ["0"]
    assert rest["messages"][0]["reply_count"] == 1
    replies = await client.conversations_replies(channel=general, ts=stamps[0])
    assert [message["text"] for message in replies["messages"]] == ["0", "reply"]

    async def texts(**window: Any) -> list[str]:
        response = await client.conversations_history(channel=general, **window)
        return [message["text"] for message in response["messages"]]

    assert await texts(oldest=stamps[1]) == ["2"]
    assert await texts(oldest=stamps[1], latest=stamps[1], inclusive=True) == ["1"]
    assert await texts(latest=stamps[1], inclusive=True) == ["1", "0"]
    assert await error_of(client.conversations_history(channel=general, oldest="x")) == "invalid_ts_oldest"
    assert await error_of(client.conversations_history(channel=general, cursor="x")) == "invalid_cursor"
    assert await error_of(client.conversations_history(channel=general, limit=1000)) == "invalid_limit"
    assert await error_of(client.conversations_history(channel=slack.channel("finance"))) == "not_in_channel"
    assert await error_of(client.conversations_replies(channel=general, ts="1.1")) == "thread_not_found"


# --- users.*, usergroups.*, files.* ------------------------------------------------------------------------------


async def test_users_have_their_kind_zone_and_email(slack: RunningSandbox, client: AsyncWebClient) -> None:
    async def info(name: str) -> Any:
        return (await client.users_info(user=slack.person(name).id))["user"]

    cleo = await info("cleo")
    assert (cleo["tz_offset"], cleo["profile"]["email"]) == (19_800, "cleo@example.com")
    assert (await info("gus"))["is_restricted"]
    assert (await info("una"))["is_ultra_restricted"]
    assert (await info("dora"))["deleted"]
    assert (await info("other_bot"))["is_bot"]
    assert await error_of(client.users_info(user="U1")) == "user_not_found"
    everyone = await client.users_list(limit=3)
    assert len(everyone["members"]) == 3
    assert everyone["response_metadata"]["next_cursor"]
    slack.app.scopes.remove("users:read.email")
    assert "email" not in (await info("cleo"))["profile"]


async def test_a_lookup_by_an_unknown_email_fails_with_users_not_found(
    slack: RunningSandbox, client: AsyncWebClient
) -> None:
    response = await client.users_lookupByEmail(email="ADA@example.com")
    assert response["user"]["id"] == slack.person("ada").id
    for email in ("nobody@example.com", "dora@example.com"):
        assert await error_of(client.users_lookupByEmail(email=email)) == "users_not_found"


async def test_usergroups_are_listed_with_their_members(slack: RunningSandbox, client: AsyncWebClient) -> None:
    groups = (await client.usergroups_list())["usergroups"]
    assert [item["handle"] for item in groups] == ["finance-approvers"]
    members = await client.usergroups_users_list(usergroup=groups[0]["id"])
    assert members["users"] == [slack.person("ada").id, slack.person("ben").id]
    everything = await client.usergroups_list(include_disabled=True, include_users=True, include_count=True)
    disbanded = everything["usergroups"][1]
    assert (disbanded["date_delete"], disbanded["user_count"], len(disbanded["users"])) == (1, 1, 1)
    assert await error_of(client.usergroups_users_list(usergroup=disbanded["id"])) == "no_such_subteam"
    slack.world.team.has_usergroups = False
    assert await error_of(client.usergroups_users_list(usergroup=groups[0]["id"])) == "plan_upgrade_required"


async def test_a_file_is_downloaded_with_a_token_that_may_read_it(
    slack: RunningSandbox, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    name = await slack.person("cleo").upload("refund.yaml", b"name: refund\n")
    file = (await client.files_info(file=name))["file"]
    assert (file["size"], file["filetype"]) == (13, "yaml")
    headers = {"Authorization": f"Bearer {slack.app.bot_token}"}
    async with session.get(file["url_private_download"], headers=headers) as response:
        assert await response.read() == b"name: refund\n"
    async with session.get(file["url_private"]) as response:
        assert response.status == 200
        assert "Sign in" in await response.text()
    async with session.get(file["url_private"].replace(name, "F1"), headers=headers) as response:
        assert response.status == 404
    assert await error_of(client.files_info(file="F1")) == "file_not_found"


async def test_blocks_can_be_validated_without_posting_them(client: AsyncWebClient) -> None:
    assert (await client.blocks_validate(blocks=[section()]))["ok"]
    assert (await client.blocks_validate(message={"blocks": [section()]}))["ok"]
    assert (await client.blocks_validate(view={"type": "home", "blocks": [section()]}))["ok"]
    with pytest.raises(SlackApiError) as raised:
        await client.blocks_validate(blocks=[section("")])
    assert raised.value.response["error"] == "invalid_blocks"
    assert raised.value.response["errors"][0]["pointer"] == "/0/text/text"
    assert await error_of(client.blocks_validate(message={"blocks": [{}]})) == "invalid_message"
    assert await error_of(client.blocks_validate(view={"type": "x", "blocks": []})) == "invalid_view"
    assert await error_of(client.blocks_validate(view="x")) == "invalid_view"
    assert await error_of(client.blocks_validate()) == "invalid_arguments"
