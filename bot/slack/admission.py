"""Admits deliveries of Slack to the handlers: those for this app, well-formed and of a kind that has a handler.

All others are answered here, with one log line that tells the operator what to do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.error import BoltError
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.slack import payload_schema, text_objects
from bot.slack.installation import Installation
from bot.slack.log_throttle import LogThrottle
from bot.slack.payload_schema import (
    CLICK,
    COMMAND,
    EVENT,
    MESSAGE_ACTION,
    RATE_LIMITED,
    SUBMISSION,
    IncomingPayload,
    Malformed,
)

_HANDLED: Final = frozenset({CLICK, SUBMISSION, COMMAND, EVENT, MESSAGE_ACTION})
_MALFORMED: Final = "this is nothing that Slack sends"
_COMPARE: Final = "Compare the app's settings at https://api.slack.com/apps with `signoff manifest`."

log = logging.getLogger(__name__)


class Admission:
    """Passes deliveries with a valid signature on to the handlers in `app`.

    `events`: kinds that have a handler; `shortcuts`: callback ids that have one.
    """

    def __init__(
        self, app: AsyncApp, installation: Installation, *, events: frozenset[str], shortcuts: frozenset[str]
    ) -> None:
        self._app, self._installation, self._events, self._shortcuts = app, installation, events, shortcuts
        self._throttle = LogThrottle()

    async def dispatch(self, make: Callable[[], AsyncBoltRequest]) -> BoltResponse:
        """Return the response to a delivery. `make` parses it."""
        try:
            request = make()
            request.body = payload_schema.readable(request.body)
            delivery = payload_schema.read(request.body)
        except Malformed as error:
            return self._malformed(str(error))
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError, BoltError) as error:
            # Bolt reads the payload without asking whether it is an object.
            return self._malformed(type(error).__name__)
        refused = await self._refused(delivery)
        return refused if refused is not None else await self._app.async_dispatch(request)

    async def _refused(self, delivery: IncomingPayload) -> BoltResponse | None:
        """Return the response to a delivery that is not admitted, or None."""
        if delivery.kind in payload_schema.PROBES:
            return None
        refused = await self._of_others(delivery)
        if refused is not None:
            return refused
        if delivery.kind == RATE_LIMITED:
            self._warn(f"Slack leaves out events for this app for a while, because it sends too many. {_COMPARE}")
            return _answer(200)
        if delivery.kind not in _HANDLED or (delivery.callback and delivery.callback not in self._shortcuts):
            self._warn(f"Slack delivered {_quoted(delivery)}, which Signoff never asks for. {_COMPARE}")
            return _answer(404, "Signoff does not handle this")
        if delivery.kind == EVENT and delivery.event not in self._events:
            # A refusal would be repeated, and in the end Slack would switch off all events of the app.
            self._warn(f"Slack delivered the event {_quoted(delivery)}, which Signoff never asks for. {_COMPARE}")
            return _answer(200)
        return None

    async def _of_others(self, delivery: IncomingPayload) -> BoltResponse | None:
        """Refuse deliveries for another app or workspace.

        While Slack does not say who we are, clicks are let through: they carry the digest of a request, which only
        those know who were shown it, and a decision must not be lost because Slack does not answer us.
        """
        identity = await self._installation.identity()
        if identity is None:
            if delivery.kind in (CLICK, SUBMISSION):
                return None
            self._warn("A delivery was refused, because Slack does not say for which workspace the bot token is.")
            return _answer(503, "Signoff cannot reach Slack")
        if identity.takes(delivery):
            return None
        where = ", ".join(sorted(delivery.enterprises | delivery.teams)) or "no workspace"
        self._warn(
            f"A delivery of the app {text_objects.line(delivery.app) or '?'} in {text_objects.line(where)} was "
            f"refused: this server is for {identity.named}. SIGNOFF_SLACK_BOT_TOKEN and SIGNOFF_SLACK_SIGNING_SECRET "
            "(or SIGNOFF_SLACK_APP_TOKEN) have to be of one app, installed in one workspace."
        )
        return _answer(403, "this server is for another app or workspace")

    def _malformed(self, why: str) -> BoltResponse:
        self._warn(
            f"A signed delivery was refused, because it has not the shape of what Slack sends "
            f"({text_objects.line(why)}). "
            "Nothing was done. If people miss something, report it with this line."
        )
        return _answer(400, _MALFORMED)

    def _warn(self, line: str) -> None:
        self._throttle.warn(log, line)


def _quoted(delivery: IncomingPayload) -> str:
    return text_objects.clipped(text_objects.line(delivery.named), 60)


def _answer(status: int, body: str = "") -> BoltResponse:
    settled = status in (400, 403, 404)
    return BoltResponse(status=status, body=body, headers={"X-Slack-No-Retry": "1"} if settled else {})
