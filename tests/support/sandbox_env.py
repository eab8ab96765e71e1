"""Slack's official clients on a sandbox, a small real Bolt app, and helpers that build blocks."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from jsonschema import Draft7Validator
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.devtools.sandbox import AppConfig, RunningSandbox

logging.getLogger("slack_bolt").setLevel(logging.CRITICAL)

SCHEMA = json.loads((Path(__file__).parents[1] / "data/slack/slack-types.schema.json").read_text())

SCOPES = (
    *AppConfig().scopes,
    "im:read",
    "channels:history",
    "groups:history",
    "team:read",
)


def client_of(slack: RunningSandbox, session: aiohttp.ClientSession, token: str | None = None) -> AsyncWebClient:
    return AsyncWebClient(
        token=slack.app.bot_token if token is None else token,
        base_url=slack.api_url,
        session=session,
        retry_handlers=[],
    )


def bolt(slack: RunningSandbox, session: aiohttp.ClientSession) -> AsyncApp:
    """Return a Bolt app without listeners. Its tasks must end before the test, so listeners in tests are short."""
    return AsyncApp(
        client=client_of(slack, session), signing_secret=slack.app.signing_secret, process_before_response=True
    )


@asynccontextmanager
async def over_http(slack: RunningSandbox, app: AsyncApp) -> AsyncIterator[str]:
    """Serve the app at a request URL, to which the sandbox delivers."""

    async def events(request: web.Request) -> web.StreamResponse:
        return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

    async with served(events) as url:
        slack.app.request_url = url
        yield url


@asynccontextmanager
async def served(handler: Any) -> AsyncIterator[str]:
    """Serve a handler of POST requests, and yield its address."""
    async with AsyncExitStack() as stack:
        application = web.Application()
        application.add_routes([web.post("/slack/events", handler)])
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"


def button(text: str = "Approve", action_id: str = "approve", **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": text}, **more}


def section(text: str = "Pay 10 EUR?") -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def actions(*elements: dict[str, Any], block_id: str = "actions") -> dict[str, Any]:
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def field(element: dict[str, Any], *, block_id: str = "field", label: str = "Reason", **more: Any) -> dict[str, Any]:
    named = {"action_id": "value", **element}
    return {"type": "input", "block_id": block_id, "label": plain(label), "element": named, **more}


def modal(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    keys = {"title": plain("Edit"), "submit": plain("Save"), "callback_id": "edit", **more}
    return {"type": "modal", "blocks": list(blocks), **keys}


def conforms(value: Any, root: str) -> None:
    """Raise an error unless the value has the official Slack type `root`."""
    Draft7Validator({**SCHEMA, "$ref": f"#/definitions/{root}"}).validate(value)


async def error_of(call: Any) -> str:
    """Return the error code of a call that must fail."""
    with pytest.raises(SlackApiError) as raised:
        await call
    return str(raised.value.response["error"])
