"""Responses of the scripting API: JSON, and errors with a sentence."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, TypeVar

from aiohttp import web

from bot.devtools.sandbox.errors import CannotAct, NotSubmitted
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.page_files import is_foreign
from bot.devtools.sandbox.slack import SlackSandbox

T = TypeVar("T")
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]


class RequestRefused(Exception):
    """A request that the sandbox refuses, with a sentence."""


class JsonHandlers:
    """Builds HTTP handlers from functions that return JSON.

    `RequestRefused`, `CannotAct`, and errors of a body with the wrong shape become HTTP 409 with a sentence.
    """

    def __init__(self, slack: SlackSandbox) -> None:
        self.slack = slack

    def get(self, read: Callable[[web.Request], Json]) -> Handler:
        """Build a handler that reads."""

        async def handler(request: web.Request) -> web.Response:
            return await self.answer(request, lambda: _read_now(read, request))

        return handler

    def ask(self, ask: Callable[[], Awaitable[Json]]) -> Handler:
        """Build a handler that reads from an asynchronous source."""

        async def handler(request: web.Request) -> web.Response:
            return await self.answer(request, ask)

        return handler

    def post(self, do: Callable[[Json], Awaitable[Json]]) -> Handler:
        """Build a handler that changes something."""

        async def handler(request: web.Request) -> web.Response:
            data = await read_body(request)
            response = await self.answer(request, lambda: do(data))
            self.slack.changes.count_change()
            return response

        return handler

    async def answer(self, request: web.Request, work: Callable[[], Awaitable[Json]]) -> web.Response:
        """Return the result of the work, or its error, as JSON."""
        if is_foreign(self.slack, request):
            return web.json_response({"error": "requests from other origins are refused"}, status=403)
        status = 200 if "quiet" in request.query else 409
        try:
            return web.json_response(await work())
        except NotSubmitted as error:
            return web.json_response({"error": str(error), "problems": error.problems}, status=status)
        except (CannotAct, RequestRefused) as error:
            return web.json_response({"error": str(error)}, status=status)
        except KeyError as error:
            return web.json_response({"error": f"missing: {error.args[0]}"}, status=status)
        except (TypeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=status)


async def _read_now(read: Callable[[web.Request], Json], request: web.Request) -> Json:
    return read(request)


async def read_body(request: web.Request) -> Json:
    """Return the JSON object in the body, or {} without a body."""
    try:
        data = await request.json() if request.can_read_body else {}
    except json.JSONDecodeError:
        data = None
    if not isinstance(data, dict):
        raise web.HTTPBadRequest(text="the body must be a JSON object")
    return data


def newest(items: Sequence[T], request: web.Request) -> Sequence[T]:
    """Return only the newest items if `?last=` gives their number."""
    return items[-int(request.query["last"]) :] if "last" in request.query else items
