"""One path through the whole sandbox with a real Bolt app, over HTTP and over Socket Mode."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp

from bot.devtools.sandbox import RunningSandbox
from tests.support.sandbox_env import actions, bolt, button, field, modal, over_http, section


@asynccontextmanager
async def over_sockets(slack: RunningSandbox, app: AsyncApp) -> AsyncIterator[str]:
    handler = AsyncSocketModeHandler(app, slack.app.app_token, web_client=app.client, ping_interval=1)
    await handler.connect_async()  # type: ignore[no-untyped-call]

    await slack.until(lambda: slack.sockets.of(slack.app.id))
    try:
        yield ""
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


Transport = Callable[[RunningSandbox, AsyncApp], AbstractAsyncContextManager[str]]


@pytest.fixture(params=[over_http, over_sockets], ids=["http", "sockets"])
def run_app(request: pytest.FixtureRequest) -> Transport:
    chosen: Transport = request.param
    return chosen


def request_app(slack: RunningSandbox, session: aiohttp.ClientSession) -> AsyncApp:
    app = bolt(slack, session)

    @app.action("approve")
    async def approve(ack: Any, respond: Any, body: Any) -> None:
        await ack()
        await respond(text="Approved", blocks=[section("Approved by ada")], replace_original=True)

    @app.command("/signoff")
    async def command(ack: Any, client: Any, body: Any) -> None:
        await ack()
        view = modal(field({"type": "plain_text_input"}))
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    @app.view("edit")
    async def handle_submission(ack: Any, body: Any) -> None:
        values = body["view"]["state"]["values"]
        if values["field"]["value"]["value"] == "no":
            await ack(response_action="errors", errors={"field": "Say more."})
        else:
            await ack()

    @app.event("app_home_opened")
    async def home(client: Any, event: Any) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [section("Home")]})

    return app


async def test_a_message_is_posted_clicked_and_replaced(
    slack: RunningSandbox, session: aiohttp.ClientSession, run_app: Transport
) -> None:
    ada = slack.person("ada")
    app = request_app(slack, session)
    async with run_app(slack, app):
        opened = await app.client.conversations_open(users=ada.id)
        await app.client.chat_postMessage(
            channel=opened["channel"]["id"], text="Pay?", blocks=[section(), actions(button())]
        )
        ack = await ada.click("Approve")
        assert ack is not None
        assert ack.ok
        await slack.until(lambda: ada.sees()[-1]["text"] == "Approved")
        assert ada.sees()[-1]["blocks"][0]["text"]["text"] == "Approved by ada"
        assert not ada.troubles


async def test_a_command_opens_a_modal_that_is_refused_and_then_submitted(
    slack: RunningSandbox, session: aiohttp.ClientSession, run_app: Transport
) -> None:
    ben = slack.person("ben")
    async with run_app(slack, request_app(slack, session)):
        await ben.command("/signoff run refund", channel="general")
        await slack.until(lambda: ben.modal)
        await ben.submit({"Reason": "no"})
        assert ben.modal is not None
        assert ben.modal["errors"] == {"field": "Say more."}
        await ben.submit({"Reason": "yes"})
        assert ben.modal is None


async def test_a_home_tab_is_published_when_it_is_opened(
    slack: RunningSandbox, session: aiohttp.ClientSession, run_app: Transport
) -> None:
    ada = slack.person("ada")
    async with run_app(slack, request_app(slack, session)):
        ada.open_home()
        await slack.until(lambda: ada.home)
        assert ada.home is not None
        assert ada.home["blocks"][0]["text"]["text"] == "Home"
