"""Socket Mode with the official client: hello, envelopes, disconnects, and the limit of connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.devtools.sandbox import RunningSandbox
from tests.support.sandbox_env import actions, button, client_of, error_of


@pytest.fixture
async def socket(slack: RunningSandbox, client: AsyncWebClient) -> AsyncIterator[SocketModeClient]:
    socket = SocketModeClient(app_token=slack.app.app_token, web_client=client, ping_interval=0.5)
    requests: list[SocketModeRequest] = []

    async def acknowledge(self: Any, request: SocketModeRequest) -> None:
        requests.append(request)
        await self.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))

    socket.socket_mode_request_listeners.append(acknowledge)
    socket.seen = requests  # type: ignore[attr-defined]

    await socket.connect()  # type: ignore[no-untyped-call]

    await slack.until(lambda: slack.sockets.of(slack.app.id))
    yield socket
    await socket.close()  # type: ignore[no-untyped-call]


async def test_only_an_app_token_in_the_header_opens_a_connection(
    slack: RunningSandbox, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    assert await error_of(client.api_call("apps.connections.open")) == "not_allowed_token_type"
    async with session.post(slack.api_url + "apps.connections.open", data={"token": slack.app.app_token}) as response:
        assert (await response.json())["error"] == "not_authed"
    slack.app.socket_mode = False
    assert await error_of(client.apps_connections_open(app_token=slack.app.app_token)) == "forbidden"


async def test_a_ticket_is_for_one_connection(
    slack: RunningSandbox, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    url = (await client.apps_connections_open(app_token=slack.app.app_token))["url"]
    async with session.ws_connect(url) as socket:
        hello = await socket.receive_json()
        assert (hello["type"], hello["num_connections"]) == ("hello", 1)
        assert hello["connection_info"] == {"app_id": slack.app.id}
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)


async def test_interactions_events_and_commands_come_as_envelopes(
    slack: RunningSandbox, client: AsyncWebClient, socket: Any
) -> None:
    ada = slack.person("ada")
    await client.chat_postMessage(channel=ada.id, text="?", blocks=[actions(button())])
    ack = await ada.click("Approve")
    assert ack is not None
    assert ack.ok
    assert (await ada.command("/signoff help")).ok
    ada.open_home()
    await slack.until(lambda: len(socket.seen) == 3)
    assert [item.type for item in socket.seen] == ["interactive", "slash_commands", "events_api"]
    assert [item.accepts_response_payload for item in socket.seen] == [True, True, False]
    assert {delivery.over for delivery in slack.deliveries} == {"socket"}


async def test_the_client_connects_again_when_a_refresh_is_requested(slack: RunningSandbox, socket: Any) -> None:
    (before,) = slack.sockets.connections
    await slack.disconnect("refresh_requested")
    assert slack.sockets.of(slack.app.id) == []
    await slack.until(lambda: [connection for connection in slack.sockets.connections if connection is not before])
    await slack.until(lambda: before not in slack.sockets.connections)
    assert (await slack.person("ada").command("/signoff help")).ok


async def test_a_warning_leaves_the_connection_and_a_refresh_ends_it_after_ten_seconds(
    slack: RunningSandbox, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    url = (await client.apps_connections_open(app_token=slack.app.app_token))["url"]
    async with session.ws_connect(url) as socket:
        await socket.receive_json()
        await slack.disconnect("warning")
        assert (await socket.receive_json())["reason"] == "warning"
        assert len(slack.sockets.of(slack.app.id)) == 1
        await slack.disconnect("refresh_requested")
        assert (await socket.receive_json())["reason"] == "refresh_requested"
        assert not socket.closed
        slack.time.advance(10)
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_a_disabled_link_is_cut_at_once(
    slack: RunningSandbox, session: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    url = (await client.apps_connections_open(app_token=slack.app.app_token))["url"]
    async with session.ws_connect(url) as socket:
        await socket.receive_json()
        await slack.disconnect("link_disabled")
        assert (await socket.receive_json())["reason"] == "link_disabled"
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
    await slack.until(lambda: not slack.sockets.connections)
    assert (await slack.person("ada").command("/signoff help")).problem == "dispatch_failed"


async def test_an_eleventh_connection_is_refused(
    slack: RunningSandbox, session: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    slack.rates.configure(enabled=False)
    opened = []
    for _ in range(11):
        url = (await client.apps_connections_open(app_token=slack.app.app_token))["url"]
        opened.append(await session.ws_connect(url))
    for item in opened[:10]:
        assert (await item.receive_json())["type"] == "hello"
    assert (await opened[10].receive_json())["reason"] == "too_many_websockets"
    await asyncio.gather(*(item.close() for item in opened))


async def test_an_envelope_without_an_ack_times_out_and_a_cut_socket_fails(
    slack: RunningSandbox, session: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    ada = slack.person("ada")
    url = (await client.apps_connections_open(app_token=slack.app.app_token))["url"]
    async with session.ws_connect(url) as socket:
        await socket.receive_json()
        typing = asyncio.ensure_future(ada.command("/signoff help"))
        await socket.receive_json()
        slack.time.advance(3.1)
        assert (await typing).problem == "operation_timeout"
        typing = asyncio.ensure_future(ada.command("/signoff help"))
        await socket.receive_json()
        await socket.close()
        assert (await typing).problem == "dispatch_failed"


async def test_unacknowledged_events_are_sent_again_with_their_attempt(
    slack: RunningSandbox, session: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    url = (await client.apps_connections_open(app_token=slack.app.app_token))["url"]
    async with session.ws_connect(url) as socket:
        await socket.receive_json()
        slack.person("ada").open_home()
        first = await socket.receive_json()
        slack.time.advance(3.1)
        again = await socket.receive_json()
        await socket.send_json({"envelope_id": again["envelope_id"]})
    assert (first["retry_attempt"], first["retry_reason"]) == (0, "")
    assert (again["retry_attempt"], again["retry_reason"]) == (1, "http_timeout")
    assert first["payload"]["event_id"] == again["payload"]["event_id"]


async def test_other_tokens_open_connections_of_other_apps(
    slack: RunningSandbox, session: aiohttp.ClientSession
) -> None:
    other = client_of(slack, session, "xapp-sandbox-other")
    assert "app_id=" in (await other.apps_connections_open(app_token="xapp-sandbox-other"))["url"]
