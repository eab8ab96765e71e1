"""The HTTP endpoints for apps: `/api/METHOD`, response URLs, and downloads of files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Final, TypeAlias

from aiohttp import web

from bot.devtools.sandbox import arguments
from bot.devtools.sandbox.arguments import Arguments
from bot.devtools.sandbox.errors import ApiError, RateLimited
from bot.devtools.sandbox.faults import Fault
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.methods import METHODS, Call, Method
from bot.devtools.sandbox.slack import SlackSandbox
from bot.devtools.sandbox.world import InstalledApp

_DOWN: Final = "<html><body>Slack is down</body></html>"
_SIGN_IN: Final = "<html><head><title>Slack</title></head><body>Sign in to your workspace</body></html>"


@dataclass(kw_only=True)
class _Response:
    status: int = 200
    body: Json | None = None
    text: str = ""
    content_type: str = "text/html"
    headers: dict[str, str] | None = None

    @property
    def outcome(self) -> str:
        if self.body is None:
            return "ok" if self.status == 200 else str(self.status)
        return "ok" if self.body.get("ok") else str(self.body["error"])

    def response(self) -> web.Response:
        if self.body is not None:
            return web.json_response(self.body, status=self.status, headers=self.headers)
        body = self.text.encode(errors="surrogateescape")
        return web.Response(
            status=self.status, body=body, content_type=self.content_type, charset="utf-8", headers=self.headers
        )


MakeResponse: TypeAlias = Callable[[], Awaitable[tuple[_Response, Json]]]


class WebApi:
    """The handlers of the endpoints."""

    def __init__(self, slack: SlackSandbox) -> None:
        self.slack = slack

    def routes(self) -> list[web.RouteDef]:
        """Return all routes except those under `/sandbox`."""
        return [
            web.get("/api/{method}", self.call),
            web.post("/api/{method}", self.call),
            web.post("/actions/{rest:.*}", self.respond),
            web.post("/commands/{rest:.*}", self.respond),
            web.get("/files-pri/{name}/{rest:.*}", self.download),
        ]

    async def call(self, request: web.Request) -> web.StreamResponse:
        """Answer a call of a method."""
        name = request.match_info["method"]
        response = await self._with_faults(request, name, lambda: self._respond_to_call(request, name))
        # By the sandbox's clock, like all times in responses.
        response.headers["Date"] = format_datetime(self.slack.time.now(), usegmt=True)
        return response

    async def _with_faults(self, request: web.Request, name: str, make_response: MakeResponse) -> web.StreamResponse:
        """Make and return the response, or fail as an armed fault says."""
        if self.slack.faults.down:
            return _Response(status=503, text=_DOWN).response()
        fault = self.slack.faults.take(name)
        if fault is not None and fault.kind == "slow":
            await self.slack.time.sleep(fault.seconds)
        if fault is None or _takes_effect(fault):
            response, call_arguments = await make_response()
            await self.slack.save()
        else:
            response, call_arguments = _fault_response(fault), {}
        if fault is None or fault.kind == "slow":
            self.slack.record(name, call_arguments, outcome=response.outcome)
            return response.response()
        self.slack.record(
            name, call_arguments, outcome=f"{fault.kind}, {response.outcome}" if _takes_effect(fault) else fault.kind
        )
        return await self._break(request, fault)

    async def _break(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        """Fail as the fault says."""
        if fault.kind == "hang":
            await asyncio.Event().wait()
        if fault.kind in ("reset", "lost") and request.transport is not None:
            # The connection is reset, so the response that is returned below is not sent.
            request.transport.abort()
        return _fault_response(fault).response()

    async def _respond_to_call(self, request: web.Request, name: str) -> tuple[_Response, Json]:
        call_arguments = Arguments(values={})
        headers: dict[str, str] = {}
        try:
            call_arguments = await arguments.read_arguments(request)
            if name not in METHODS:
                raise ApiError("unknown_method", req_method=name)
            method = METHODS[name]
            app = self._caller(method, call_arguments)
            headers = {"X-OAuth-Scopes": ",".join(app.scopes), "X-Accepted-OAuth-Scopes": ",".join(method.scopes)}
            call = Call(slack=self.slack, app=app, arguments=call_arguments)
            call.need(*method.scopes)
            self._count(method, call)
            body = {"ok": True, **method.run(call)}
        except ApiError as error:
            body = error.to_json()
        except RateLimited as error:
            limited = {"ok": False, "error": "ratelimited"}
            return _Response(
                status=429, body=limited, headers={"Retry-After": str(error.retry_after)}
            ), call_arguments.values
        if call_arguments.warnings:
            body["warning"] = ",".join(call_arguments.warnings)
            body.setdefault("response_metadata", {})["warnings"] = list(call_arguments.warnings)
        return _Response(body=body, headers=headers), call_arguments.values

    def _caller(self, method: Method, call_arguments: Arguments) -> InstalledApp:
        """Return the app of the token. Raises Slack's errors of authentication."""
        if method.by == "anyone":
            return self.slack.app
        if call_arguments.token is None:
            raise ApiError("not_authed")
        app = self.slack.world.app_of_token(call_arguments.token)
        if app is None:
            raise ApiError("invalid_auth")
        # Revoking the bot's token keeps the app-level token valid; removing the app invalidates both.
        if app.token_error is not None and (method.by == "bot" or app.token_error == "account_inactive"):  # noqa: S105 an error code
            raise ApiError(app.token_error)
        if call_arguments.token != (app.bot_token if method.by == "bot" else app.app_token):
            raise ApiError("not_allowed_token_type")
        return app

    def _count(self, method: Method, call: Call) -> None:
        name_or_id = call.arguments.values.get("channel")
        channel = self._conversation_id(call, name_or_id) if isinstance(name_or_id, str) else None
        self.slack.rates.take(
            app_id=call.app.id,
            team_id=self.slack.world.team.id,
            method=method.name,
            tier=method.tier,
            channel=channel,
        )

    def _conversation_id(self, call: Call, name_or_id: str) -> str:
        """Return the id of a conversation, so that its name or its person do not get a bucket of their own."""
        world = self.slack.world
        user = world.users.get(name_or_id)
        if user is not None and not user.is_bot and not user.deleted:
            return world.dm(call.app.bot_user, user.id).id
        channel = world.channel_named(name_or_id)
        return channel.id if channel is not None else name_or_id

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Accept a message at a response_url. Success is the text "ok"."""
        return await self._with_faults(request, "response_url", lambda: self._use_response_url(request))

    async def _use_response_url(self, request: web.Request) -> tuple[_Response, Json]:
        call_arguments: Json = {}
        try:
            call_arguments = (await arguments.read_arguments(request)).values
            self.slack.response_urls.use(request.path, call_arguments)
        except ApiError as error:
            gone = error.code in ("used_url", "expired_url", "no_service")
            return _Response(status=404 if gone else 400, body=error.to_json()), call_arguments
        return _Response(text="ok"), call_arguments

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Return a file's content, or Slack's sign-in page with status 200 if the token may not read it."""
        _, _, token = request.headers.get("Authorization", "").partition(" ")
        app = self.slack.world.app_of_token(token) if token else None
        file = self.slack.world.files.get(request.match_info["name"].partition("-")[2])
        if app is None or app.token_error or token != app.bot_token or "files:read" not in app.scopes:
            return web.Response(text=_SIGN_IN, content_type="text/html")
        if file is None:
            return web.Response(status=404, text="not found")
        return web.Response(body=file.content, content_type=file.mimetype)


def _takes_effect(fault: Fault) -> bool:
    return fault.kind in ("slow", "lost", "hang") or fault.landed


def _fault_response(fault: Fault) -> _Response:
    if fault.kind == "ratelimited":
        body = {"ok": False, "error": "ratelimited"}
        return _Response(status=429, body=body, headers={"Retry-After": str(int(fault.seconds))})
    if fault.kind == "status":
        return _Response(status=fault.status, text=fault.body, content_type=fault.content_type)
    return _Response(body={"ok": False, "error": fault.code})
