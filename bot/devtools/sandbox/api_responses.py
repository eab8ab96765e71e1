"""How the scripting API answers: JSON, and refusals with a sentence."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, TypeVar

from aiohttp import web

from bot.devtools.sandbox.errors import CannotAct, NotSubmitted
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.page_files import foreign
from bot.devtools.sandbox.slack import SlackSandbox

T = TypeVar("T")
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]


class Refused(Exception):
    """A request that the sandbox cannot follow."""


class Answering:
    """Makes handlers of functions that return what is answered.

    `Refused`, `CannotAct`, and what a body of the wrong shape raises, become HTTP 409 with the sentence.
    """

    def __init__(self, slack: SlackSandbox) -> None:
        self.slack = slack

    def get(self, read: Callable[[web.Request], Json]) -> Handler:
        """Reads."""

        async def handler(request: web.Request) -> web.Response:
            return await self.answer(request, lambda: _now(read, request))

        return handler

    def ask(self, ask: Callable[[], Awaitable[Json]]) -> Handler:
        """Reads what somebody else has to be asked for."""

        async def handler(request: web.Request) -> web.Response:
            return await self.answer(request, ask)

        return handler

    def post(self, do: Callable[[Json], Awaitable[Json]]) -> Handler:
        """Changes something."""

        async def handler(request: web.Request) -> web.Response:
            given = await body(request)
            answer = await self.answer(request, lambda: do(given))
            self.slack.changes.moved()
            return answer

        return handler

    async def answer(self, request: web.Request, work: Callable[[], Awaitable[Json]]) -> web.Response:
        """What the work returns, or why it cannot be."""
        if foreign(self.slack, request):
            return web.json_response({"error": "requests from other origins are refused"}, status=403)
        status = 200 if "quiet" in request.query else 409
        try:
            return web.json_response(await work())
        except NotSubmitted as error:
            return web.json_response({"error": str(error), "problems": error.problems}, status=status)
        except (CannotAct, Refused) as error:
            return web.json_response({"error": str(error)}, status=status)
        except KeyError as error:
            return web.json_response({"error": f"missing: {error.args[0]}"}, status=status)
        except (TypeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=status)


async def _now(read: Callable[[web.Request], Json], request: web.Request) -> Json:
    return read(request)


async def body(request: web.Request) -> Json:
    """The object that was sent; {} without a body."""
    try:
        given = await request.json() if request.can_read_body else {}
    except json.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise web.HTTPBadRequest(text="the body must be a JSON object")
    return given


def last(found: Sequence[T], request: web.Request) -> Sequence[T]:
    """The newest ones only, where `?last=` says how many."""
    return found[-int(request.query["last"]) :] if "last" in request.query else found
