"""The registry of methods: rate tier, scopes and kind of token of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from bot.devtools.sandbox.arguments import Arguments
from bot.devtools.sandbox.errors import ApiError
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.slack import SlackSandbox
from bot.devtools.sandbox.world import InstalledApp, World

Caller: TypeAlias = Literal["bot", "app", "anyone"]
"""The kind of token that a method needs; with "anyone" it needs none."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of a method by an app. Methods without a token are called by the app under test."""

    slack: SlackSandbox
    app: InstalledApp
    arguments: Arguments

    @property
    def world(self) -> World:
        """Return the state of the workspace."""
        return self.slack.world

    def need(self, *scopes: str) -> None:
        """Raise `missing_scope` unless the token has one of these scopes."""
        if scopes and not any(scope in self.app.scopes for scope in scopes):
            raise ApiError("missing_scope", needed=scopes[0], provided=",".join(self.app.scopes))


Run: TypeAlias = Callable[[Call], Json]


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method. `scopes`: one of them is needed; `tier`: see `limits.TIERS`, 0 is special."""

    name: str
    tier: int
    scopes: tuple[str, ...]
    by: Caller
    run: Run


METHODS: Final[dict[str, Method]] = {}


def method(name: str, *, tier: int, scopes: tuple[str, ...] = (), by: Caller = "bot") -> Callable[[Run], Run]:
    """Register a function as a method."""

    def register(run: Run) -> Run:
        METHODS[name] = Method(name=name, tier=tier, scopes=scopes, by=by, run=run)
        return run

    return register


def page(items: list[Json], call: Call, *, key: str, most: int = 1000) -> Json:
    """Return one page of a list, by `cursor` and `limit` (apis/web-api/pagination)."""
    cursor = call.arguments.text("cursor") or "0"
    if not cursor.isdigit():
        raise ApiError("invalid_cursor")
    start = int(cursor)
    limit = call.arguments.whole("limit", default=most, most=most)
    has_more = len(items) > start + limit
    return {
        key: items[start : start + limit],
        "response_metadata": {"next_cursor": str(start + limit) if has_more else ""},
    }
