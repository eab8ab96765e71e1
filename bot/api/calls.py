"""A call of a program: the request, which program it is, and what it may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request

from bot import request_headers, request_scope
from bot.api.problems import ApiProblem, of_refusal
from bot.http_server import WATCH
from engine.domain import Address, Origin
from engine.domain.api_keys import ApiAction, ApiKeyForbids, ApiPrincipal, may

IDEMPOTENCY: Final = b"idempotency-key"
LONGEST_KEY: Final = 255
"""Maximum length of an `Idempotency-Key`, in characters."""
_ANSWERED_WITH: Final = ("type", "method")
"""The parts of a scope that an answer is written with."""


class ApiCall(Request):
    """A request with the program that makes it. FastAPI takes it for a `Request`, so it is no part of the document."""

    principal: ApiPrincipal
    status: int
    """The status of the answer, which a handler may change."""

    _tell: Callable[[Callable[[], None]], None] | None = None

    # The two are read where the call begins, and kept by no call that waits.
    @property
    def headers(self) -> Headers:
        return Headers(scope=self.scope)

    @property
    def query_params(self) -> QueryParams:
        return QueryParams(self.scope["query_string"])

    def header(self, name: bytes) -> str | None:
        """Return one header, or None. `name`: in small letters."""
        return request_headers.find(self.scope, name)

    @property
    def actor(self) -> Address:
        return self.principal.address

    @property
    def origin(self) -> Origin:
        """Return where the command comes from."""
        scope = request_scope.current()
        return Origin(surface="api", place={"request": scope.id} if scope is not None else {})

    @property
    def idempotency_key(self) -> str | None:
        """Return the id that the program gave to this call, or None. Raises `ApiProblem`."""
        text = self.header(IDEMPOTENCY)
        if text is None:
            return None
        if not 0 < len(text) <= LONGEST_KEY or not text.isascii() or not text.isprintable():
            why = f"must have 1 to {LONGEST_KEY} characters of ASCII"
            raise ApiProblem(
                422, "invalid-input", f"The header Idempotency-Key {why}.", errors={"Idempotency-Key": why}
            )
        return text

    def check_idempotency_key(self) -> None:
        """Raise `ApiProblem` if a call that writes has a key that is none, also where a repeat is harmless anyway."""
        if self.method == "POST":
            _ = self.idempotency_key

    def require(self, action: ApiAction, workflow: str | None = None) -> None:
        """Raise `ApiProblem` unless the key may do this, with this workflow."""
        if not may(self.principal, action, workflow):
            refusal = ApiKeyForbids(name=self.principal.name, action=action, workflow=workflow)
            raise of_refusal(refusal)

    def may_read(self, workflow: str) -> bool:
        """Return whether the key may read everything of a workflow."""
        return may(self.principal, ApiAction.READ, workflow)

    @property
    def is_head(self) -> bool:
        """Whether only the headers of the answer are wanted."""
        return self.method == "HEAD"

    @property
    def verb(self) -> str:
        """Return the method by which the operation is found: HEAD is GET, because the server leaves the body out."""
        return "GET" if self.is_head else self.method

    def watch(self, leave: Callable[[], None]) -> None:
        """Have `leave` called when the client goes away, if the server tells that.

        From now on, the call keeps only what its answer is written with: thousands may wait, each with its headers.
        """
        if "extensions" in self.scope:
            self._tell = self.scope["extensions"].get(WATCH)
            kept = {name: self.scope[name] for name in _ANSWERED_WITH}
            self.scope.clear()
            self.scope.update(kept)
        if self._tell is not None:
            self._tell(leave)
