"""Which program calls, by its API key: the same for every interface that programs call."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from bot.client_limits import ClientLimits
from engine import api_key_text
from engine.api_key_text import KeyProblem
from engine.domain.api_keys import ApiKeyRefused, ApiPrincipal, TooManyCalls
from engine.ports import Clock

MOST_WRONG: Final = 20
"""Number of wrong keys of one client that are answered and logged in `bot.client_limits.SPAN`."""

log = logging.getLogger(__name__)


class KeyAuthentication:
    """Recognizes keys by `authenticate`, and answers a client with many wrong keys shortly.

    A right key is accepted from such a client as well: all programs of a company may have one address, and a program
    that goes on with a wrong key must not lock out the others. No number of tries finds a key.
    """

    def __init__(self, authenticate: Callable[[str], Awaitable[ApiPrincipal | ApiKeyRefused]], clock: Clock) -> None:
        self._authenticate, self._clock, self._wrong = authenticate, clock, ClientLimits(MOST_WRONG)

    async def principal(self, header: str, client: str) -> ApiPrincipal | ApiKeyRefused | TooManyCalls:
        """Return the program whose key is in the header `Authorization`.

        `client`: the address that calls, of `bot.client_limits.client`.
        """
        text = api_key_text.in_header(header)
        if isinstance(text, KeyProblem):
            return ApiKeyRefused(why=text.value)
        answer = await self._authenticate(text)
        if isinstance(answer, ApiPrincipal):
            return answer
        wait = self._wrong.take(client, self._clock.now())
        if wait is not None:
            return TooManyCalls(wait=wait)
        log.info("an API key of client %s was refused: %s", client, answer.why)
        return answer
