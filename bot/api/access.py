"""Whether a call is admitted: its key, the number of connections of that key, and the rate of its calls."""

from __future__ import annotations

from bot import client_limits
from bot.api.calls import ApiCall
from bot.api.problems import FORBIDDEN, ApiProblem, of_refusal
from bot.api.rate_limits import RateLimits
from bot.http_server import API
from bot.key_authentication import KeyAuthentication
from engine.domain import Refusal
from engine.service import Engine

_RETRY_SECONDS = "10"


class Access:
    """The doorkeeper of everything that programs call. `limits`: shared by all that programs call in this process."""

    def __init__(self, engine: Engine, keys: KeyAuthentication, limits: RateLimits) -> None:
        self._engine, self._keys, self._limits = engine, keys, limits

    async def admit(self, call: ApiCall) -> None:
        """Find the program that calls. Raises `ApiProblem` if it may not call, or not now."""
        principal = await self._keys.principal(call.header(b"authorization") or "", client_limits.client(call))
        if isinstance(principal, Refusal):
            raise of_refusal(principal)
        call.principal = principal
        claim = call.scope["extensions"].get(API)
        if claim is not None and not claim(principal.id):
            detail = "This API key has too many connections open. Close some, or try again in a moment."
            raise ApiProblem(503, "too-many-connections", detail, headers={"Retry-After": _RETRY_SECONDS})
        over = self._limits.take(principal)
        if over is not None:
            raise of_refusal(over)

    def headers(self, call: ApiCall) -> dict[str, str]:
        """Return the headers that tell a program about its rate; none if the program is not known."""
        principal = getattr(call, "principal", None)
        return {} if principal is None else self._limits.headers(principal)

    async def note(self, call: ApiCall, problem: ApiProblem) -> None:
        """Note in the audit log that a key was used for what it may not do."""
        if problem.code == FORBIDDEN:
            await self._engine.authentication.note_refusal(call.principal.id, problem.detail)
