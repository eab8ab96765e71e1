"""Calls of Slack's Web API over one connection pool: rate-limited, with timeouts; each failure is a `SlackError`."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final, TypeAlias

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from yarl import URL

from bot.slack import errors
from bot.slack.errors import FailureClass
from bot.slack.log_throttle import LogThrottle
from bot.slack.rate_limit import Prepare, RateLimiter, retry_after
from engine import retry
from engine.errors import ChannelError
from engine.pace import Pace

API_URL: Final = "https://slack.com/api/"
TIMEOUT: Final = aiohttp.ClientTimeout(total=8.0, connect=4.0)
"""Timeout of a call, in seconds. Slack usually answers in a tenth of a second."""
_WORTH_WAITING: Final = 3.0
"""Longest wait after which a rate-limited call is repeated here, in seconds."""
_OK_BYTES: Final = 1_000
"""Maximum size of the answer of a response_url, in bytes: it is one word."""
_HARMLESS: Final = frozenset({"conversations.open", "conversations.join", "views.publish"})
"""Methods that may be called again whatever became of the first call."""
_LOUD: Final = frozenset({FailureClass.PAYLOAD, FailureClass.INSTALLATION, FailureClass.ROTATE})

RenewsArguments: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]
log = logging.getLogger(__name__)


class SlackError(ChannelError):
    """A call that failed. `kind`: what to do about it; `code`: Slack's error code, if there is one."""

    def __init__(
        self,
        code: str | None,
        *,
        http_status: int | None = None,
        retry_after: timedelta | None = None,
        changes_nothing: bool = False,
    ) -> None:
        error = errors.channel_error(
            code, http_status=http_status, retry_after=retry_after, changes_nothing=changes_nothing
        )
        super().__init__(
            str(error), permanent=error.permanent, retry_after=error.retry_after, outcome_unknown=error.outcome_unknown
        )
        self.kind, self.code = errors.classify(code, http_status), code


class SlackResponse(dict[str, Any]):
    """An answer of Slack. If a part that is read from it is missing, the call counts as unanswered."""

    def __missing__(self, part: str) -> Any:
        raise SlackError(None, http_status=200)


class SlackClient:
    """Calls Slack's API; nothing else here does. Raises only `ChannelError`."""

    def __init__(
        self, *, token: str, session: aiohttp.ClientSession, api_url: str = API_URL, pace: RateLimiter
    ) -> None:
        self._session, self._token, self._pace, self.api_url = session, token, pace, api_url
        self._throttle = LogThrottle()
        self._web = AsyncWebClient(token=token, base_url=api_url, session=session, retry_handlers=[])

    @property
    def shared_pace(self) -> Pace | None:
        """The pace of all processes that call Slack; None if there is only this one."""
        return self._pace.shared_pace

    async def post(
        self,
        method: str,
        /,
        *,
        key: str = "",
        urgent: bool = False,
        renew: RenewsArguments | None = None,
        **arguments: Any,
    ) -> SlackResponse:
        """Call a method that takes JSON. `key` and `urgent`: see `RateLimiter.turn`.

        `renew` is called right before a call that had to wait for its turn, and may change some of the arguments.
        """

        async def prepare() -> None:
            arguments.update(await renew() if renew is not None else {})

        late = None if renew is None else prepare
        return await self._call(method, key=key, urgent=urgent, prepare=late, json=arguments)

    async def check_turn(self, method: str, /, *, channel: str, key: str) -> None:
        """Raise `ChannelError` if a call with this key would have to wait for too long."""
        await self._pace.check_turn(method, channel=channel, key=key)

    async def get(self, method: str, /, **arguments: Any) -> SlackResponse:
        """Call a method that takes no JSON. A caller that repeats the call gets the turn that was kept for it."""
        return await self._call(method, key=repr(sorted(arguments.items())), params=arguments)

    async def conversation(self, user: str) -> str:
        """Return the id of the app's conversation with a person; open it if there is none."""
        channel = (await self.post("conversations.open", users=user))["channel"]
        if not isinstance(channel, Mapping) or not isinstance(channel.get("id"), str):
            raise SlackError(None, http_status=200, changes_nothing=True)
        return str(channel["id"])

    async def _call(
        self,
        method: str,
        *,
        key: str,
        urgent: bool = False,
        prepare: Prepare | None = None,
        **arguments: dict[str, Any],
    ) -> SlackResponse:
        channel = str(arguments.get("json", {}).get("channel", ""))
        await self._pace.turn(method, channel=channel, key=key, urgent=urgent, prepare=prepare)
        try:
            return await self._once(method, arguments)
        except SlackError as error:
            if error.kind is not FailureClass.WAIT:
                raise
            wait = (error.retry_after or retry.SLACK_RATE_LIMIT_WAIT).total_seconds()
            await self._pace.stop(method, wait)
            if wait > _WORTH_WAITING:
                raise
        # A refused call did nothing, so it can be repeated.
        await self._pace.turn(method, key=key, urgent=urgent, prepare=prepare)
        return await self._once(method, arguments)

    async def _once(self, method: str, arguments: dict[str, dict[str, Any]]) -> SlackResponse:
        harmless = "params" in arguments or method in _HARMLESS
        try:
            answer = await self._web.api_call(method, http_verb="POST" if "json" in arguments else "GET", **arguments)
        except SlackApiError as error:
            failure, detail = _failed(error, changes_nothing=harmless)
            self._say(method, failure, detail)
            raise failure from None
        except aiohttp.ClientConnectorError as error:
            # No connection, so nothing was sent.
            raise ChannelError(f"Slack cannot be reached: {error.os_error.strerror or 'no connection'}.") from error
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise SlackError(None, changes_nothing=harmless) from error
        except Exception as error:
            # The library expects a JSON object, and fails at anything else: text, a list, too deep a nesting.
            log.warning("the answer to %s could not be read: %s", method, type(error).__name__)
            raise SlackError(None, http_status=200, changes_nothing=harmless) from error
        if not isinstance(answer.data, dict):
            raise SlackError(None, http_status=answer.status_code, changes_nothing=harmless)
        return SlackResponse(answer.data)

    def _say(self, method: str, failure: SlackError, detail: object) -> None:
        """Log a failure that only the operator can fix, once and not for each delivery."""
        todo = "" if failure.kind is FailureClass.PAYLOAD else ". `signoff doctor` says what to do."
        line = f"Slack refused {method}: {failure.code} {detail or ''}".rstrip() + todo
        if failure.kind in _LOUD and self._throttle.passes(line, asyncio.get_running_loop().time()):
            log.error("%s", line)

    async def respond(self, url: str, payload: Mapping[str, Any]) -> bool:
        """Post to a response_url, and return whether Slack took it. Never raises: the outbox updates all copies."""
        try:
            async with self._session.post(url, json=payload) as response:
                return response.status == 200 and _is_ok(await _read(response, _OK_BYTES))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return False

    async def download(self, url: str, *, most: int, allowing: aiohttp.ClientTimeout = TIMEOUT) -> bytes:
        """Return an uploaded file, at most `most` bytes and one more. The token is sent to Slack's hosts only.

        `allowing`: how long it may take.
        """
        if not self._is_slack(url):
            raise ChannelError("That file is not on Slack.", permanent=True)
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False, timeout=allowing) as response:
                if response.status == 200 and response.content_type == "text/html":
                    # Slack answers with its sign-in page where the token may not read the file.
                    raise SlackError("missing_scope")
                if response.status != 200:
                    raise SlackError(None, http_status=response.status, changes_nothing=True)
                return await _read(response, most)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise SlackError(None, changes_nothing=True) from error

    def _is_slack(self, url: str) -> bool:
        """Return whether the URL is on Slack's hosts, or on the host of the API if that is another one."""
        try:
            target, api = URL(url), URL(self.api_url)
            if (target.scheme, target.host, target.port) == (api.scheme, api.host, api.port):
                return True
            return target.scheme == "https" and (target.host or "").endswith((".slack.com", ".slack-files.com"))
        except ValueError:
            return False


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Read the body, up to one byte more than is allowed."""
    whole = bytearray()
    async for piece in response.content.iter_chunked(65_536):
        whole += piece
        if len(whole) > most:
            break
    return bytes(whole[: most + 1])


def _is_ok(body: bytes) -> bool:
    """Return whether a response_url accepted the post: then it answers "ok" or JSON, and not an HTML page."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return body.strip() == b"ok"
    return isinstance(answer, dict) and answer.get("ok") is True


def _failed(error: SlackApiError, *, changes_nothing: bool) -> tuple[SlackError, object]:
    """Return our error, and Slack's own details, which say which block or scope it is and quote no token."""
    response = error.response
    status = getattr(response, "status_code", None) or getattr(response, "status", None)
    data = getattr(response, "data", None)
    code = data.get("error") if isinstance(data, dict) else None
    headers = getattr(response, "headers", None) or {}
    failure = SlackError(
        code if isinstance(code, str) else None,
        http_status=status if isinstance(status, int) else None,
        retry_after=retry_after(headers.get("Retry-After")) if status == 429 else None,
        changes_nothing=changes_nothing,
    )
    return failure, data.get("response_metadata") or data.get("needed") if isinstance(data, dict) else None


@asynccontextmanager
async def open_client(
    *, token: str, api_url: str = API_URL, pace: RateLimiter | None = None
) -> AsyncIterator[SlackClient]:
    """Open a client with its connection pool while the body runs."""
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        yield SlackClient(token=token, session=session, api_url=api_url, pace=pace or RateLimiter())
