"""The scripting API under `/sandbox/api`: JSON to read everything, act as people, inject faults, and move the clock.

Documented in docs/sandbox-api.md; a test compares the two. Refusals are HTTP 409 with `{"error": sentence}`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, TypeAlias

from aiohttp import web

from bot.devtools.sandbox import people
from bot.devtools.sandbox.api_responses import JsonHandlers, RequestRefused, newest, read_body
from bot.devtools.sandbox.delivery import Ack
from bot.devtools.sandbox.errors import CannotAct
from bot.devtools.sandbox.faults import Fault
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.mail.api import MailApi
from bot.devtools.sandbox.mail.server import MailServer
from bot.devtools.sandbox.people import SimulatedPerson
from bot.devtools.sandbox.slack import SlackSandbox

Act: TypeAlias = Callable[[SimulatedPerson, Json], Awaitable[Json]]


class ScriptApi:
    """The handlers. People and channels are given by name or id."""

    def __init__(self, slack: SlackSandbox, mail: MailServer) -> None:
        self.slack, self.mail = slack, mail
        self.handlers = JsonHandlers(slack)

    def routes(self) -> list[web.RouteDef]:
        """Return all routes, under /sandbox/api."""
        root = "/sandbox/api"
        get, post, ask = self.handlers.get, self.handlers.post, self.handlers.ask
        acts: dict[str, Act] = {
            "click": _click,
            "choose": _choose,
            "fill": _fill,
            "submit": _submit,
            "close": _close,
            "command": _command,
            "upload": _upload,
            "say": _say,
            "home": _home,
            "shortcut": _shortcut,
            "react": _react,
            "options": _options,
            "account": _account,
        }
        return [
            web.get(f"{root}/state", get(self.state)),
            web.get(f"{root}/users", get(self.users)),
            web.get(f"{root}/people/{{person}}", get(self.view_of)),
            web.get(f"{root}/people/{{person}}/messages", get(self.messages_of)),
            web.get(f"{root}/calls", get(self.calls)),
            web.get(f"{root}/deliveries", get(self.deliveries)),
            *(web.post(f"{root}/people/{{person}}/{name}", self._act(act)) for name, act in acts.items()),
            web.get(f"{root}/faults", get(self.faults)),
            web.post(f"{root}/faults", post(self.add_fault)),
            web.delete(f"{root}/faults", post(self.clear_faults)),
            web.post(f"{root}/rates", post(self.rates)),
            web.get(f"{root}/changes", get(self.changes)),
            web.get(f"{root}/story", ask(self.story)),
            web.get(f"{root}/completions", ask(self.completions)),
            web.get(f"{root}/advice", get(self.advice)),
            web.get(f"{root}/clock", get(self.clock)),
            web.post(f"{root}/clock", post(self.advance)),
            web.post(f"{root}/app", post(self.app)),
            web.post(f"{root}/sockets", post(self.sockets)),
            web.post(f"{root}/openid", post(self.openid)),
            web.post(f"{root}/reset", post(self.reset)),
            *MailApi(self.slack, self.mail, self.handlers).routes(root),
        ]

    def _act(self, act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            body = await read_body(request)

            async def run() -> Json:
                return await act(self._person(request), body)

            response = await self.handlers.answer(request, run)
            self.slack.changes.count_change()
            return response

        return handler

    def _person(self, request: web.Request) -> SimulatedPerson:
        name = request.match_info["person"]
        user = self.slack.world.user_named(name)
        if user is None:
            raise RequestRefused(f"there is no person called {name!r}")
        return SimulatedPerson(self.slack, user.id)

    # --- reading -----------------------------------------------------------------------------------------------

    def state(self, request: web.Request) -> Json:  # noqa: ARG002 the signature of all reading handlers
        """Return the whole state."""
        return self.slack.world.to_json()

    def users(self, request: web.Request) -> Json:  # noqa: ARG002
        """Return all users, and the people who only have an email address."""
        world = self.slack.world
        return {
            "users": [asdict(user) for user in world.users.values()],
            "outsiders": [asdict(outsider) for outsider in world.outsiders],
        }

    def view_of(self, request: web.Request) -> Json:
        """Return the modals, the Home tab and the conversations of one person."""
        person = self._person(request)
        return {
            "user": asdict(person.user),
            "modal": person.modal,
            "stack": person.stack,
            "home": person.home,
            "conversations": person.conversations,
            "message_shortcuts": dict(self.slack.app.message_shortcuts),
            "troubles": [asdict(failure) for failure in person.troubles],
        }

    def messages_of(self, request: web.Request) -> Json:
        """Return the messages that one person sees in a channel (`?channel=`; default: with the app)."""
        return {"messages": self._person(request).sees(request.query.get("channel"))}

    def calls(self, request: web.Request) -> Json:
        """Return the calls of the app (`?method=`)."""
        method = request.query.get("method")
        calls = [call for call in self.slack.calls if method in (None, call.method)]
        return {"calls": [asdict(call) for call in newest(calls, request)]}

    def deliveries(self, request: web.Request) -> Json:
        """Return the deliveries to the app."""
        return {"deliveries": [asdict(delivery) for delivery in newest(self.slack.deliveries.log, request)]}

    def faults(self, request: web.Request) -> Json:  # noqa: ARG002
        """Return the armed faults."""
        return self.slack.faults.to_json()

    def clock(self, request: web.Request) -> Json:  # noqa: ARG002
        """Return the sandbox's time."""
        return {"now": self.slack.time.now().isoformat(), "seconds": self.slack.time.seconds}

    def changes(self, request: web.Request) -> Json:  # noqa: ARG002
        """Return the count of changes."""
        return {"count": self.slack.changes.count}

    async def story(self) -> Json:
        """Return the events of the app."""
        return {"story": None if self.slack.story is None else await self.slack.story()}

    async def completions(self) -> Json:
        """Return lines that people can type."""
        complete = self.slack.completions
        lines = [(name, "") for name in self.slack.app.commands] if complete is None else await complete()
        return {"completions": [{"line": line, "told": text} for line, text in lines]}

    def advice(self, request: web.Request) -> Json:  # noqa: ARG002
        """Return hints for empty pages."""
        return {"advice": {name: [asdict(hint) for hint in hints] for name, hints in self.slack.advice.items()}}

    # --- changing ----------------------------------------------------------------------------------------------

    async def add_fault(self, body: Json) -> Json:
        """Arm a fault, or switch Slack off and on with `down`."""
        if "down" in body:
            self.slack.faults.down = bool(body["down"])
        else:
            self.slack.faults.add(Fault(**body))
        return self.slack.faults.to_json()

    async def clear_faults(self, body: Json) -> Json:  # noqa: ARG002
        """Remove all faults."""
        self.slack.faults.clear()
        return self.slack.faults.to_json()

    async def rates(self, body: Json) -> Json:
        """Change the rate limits."""
        self.slack.rates.configure(**body)
        return {"enabled": self.slack.rates.enabled}

    async def advance(self, body: Json) -> Json:
        """Move the clock forward."""
        self.slack.time.advance(float(body["advance"]))
        return {"now": self.slack.time.now().isoformat()}

    async def app(self, body: Json) -> Json:
        """Set the app's request URL, uninstall it, or revoke its token."""
        if "request_url" in body:
            self.slack.app.request_url = body["request_url"]
        if body.get("uninstall"):
            people.uninstall(self.slack)
        if body.get("revoke"):
            people.revoke(self.slack)
        return asdict(self.slack.app)

    async def openid(self, body: Json) -> Json:
        """Change the next ID token, or sign with a new key."""
        state = self.slack.openid
        state.claims, state.forged = body.get("claims", state.claims), bool(body.get("forged", state.forged))
        state.proves_client = bool(body.get("pkce", state.proves_client))
        if body.get("rotate"):
            state.rotate()
        return {"claims": state.claims, "forged": state.forged, "pkce": state.proves_client}

    async def sockets(self, body: Json) -> Json:
        """Disconnect the app's sockets."""
        await self.slack.sockets.disconnect(self.slack.app.id, body["disconnect"])
        return {"connections": len(self.slack.sockets.of(self.slack.app.id))}

    async def reset(self, body: Json) -> Json:  # noqa: ARG002
        """Start with a new workspace."""
        self.slack.reset()
        await self.mail.come_back()
        return {}


def _ack_json(ack: Ack | None) -> Json:
    return {"sent": ack is not None, "ack": None if ack is None else asdict(ack)}


async def _click(person: SimulatedPerson, body: Json) -> Json:
    on = body.get("on")
    if isinstance(on, dict) and "blocks" not in on:  # given by channel and ts: the current message
        on = _find_message(person, on)
    options = {key: body[key] for key in ("confirm", "stale") if key in body}
    return _ack_json(await person.click(body["button"], on=on, **options))


def _find_message(person: SimulatedPerson, on: Json) -> Json:
    for message in person.sees(on.get("channel")):
        if message["ts"] == on["ts"]:
            return message
    raise CannotAct(f"{person.user.name} sees no message {on['ts']}")


async def _choose(person: SimulatedPerson, body: Json) -> Json:
    return _ack_json(await person.choose(body["input"], body["value"], on=_find_message(person, body["on"])))


async def _fill(person: SimulatedPerson, body: Json) -> Json:
    return _ack_json(await person.fill(body["input"], body["value"], on=body.get("on", "modal")))


async def _submit(person: SimulatedPerson, body: Json) -> Json:
    return _ack_json(await person.submit(body.get("values")))


async def _close(person: SimulatedPerson, body: Json) -> Json:
    await person.close(everything=bool(body.get("everything")))
    return {}


async def _command(person: SimulatedPerson, body: Json) -> Json:
    return _ack_json(await person.command(body["line"], channel=body.get("channel")))


async def _upload(person: SimulatedPerson, body: Json) -> Json:
    try:
        content = base64.b64decode(body["base64"], validate=True) if "base64" in body else body["text"].encode()
    except binascii.Error:
        raise RequestRefused("base64: cannot be decoded") from None
    return {"file": await person.upload(body["name"], content, into=body.get("into"))}


async def _say(person: SimulatedPerson, body: Json) -> Json:
    return {"ts": person.say(body["text"], channel=body.get("channel"), thread_ts=body.get("thread_ts"))}


async def _home(person: SimulatedPerson, body: Json) -> Json:
    person.open_home(body.get("tab", "home"))
    return {}


async def _shortcut(person: SimulatedPerson, body: Json) -> Json:
    on = body.get("on")
    return _ack_json(await person.shortcut(body["callback_id"], on=None if on is None else _find_message(person, on)))


async def _react(person: SimulatedPerson, body: Json) -> Json:
    person.react(body["emoji"], on=_find_message(person, body["on"]), remove=bool(body.get("remove")))
    return {}


async def _options(person: SimulatedPerson, body: Json) -> Json:
    options: list[Any] = await person.options(body["input"], body["typed"])
    return {"options": options}


async def _account(person: SimulatedPerson, body: Json) -> Json:
    people.deactivate(person.slack, person.user, deactivated=body.get("deactivated", True))
    return {"deactivated": person.user.deleted}
