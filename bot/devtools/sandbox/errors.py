"""Errors of the sandbox: `ApiError` for the app, `CannotAct` for a script that plays a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.devtools.sandbox.jsontypes import Json


class ApiError(Exception):
    """A response `{"ok": false, "error": code}`; `extra` has further keys of the response."""

    def __init__(self, code: str, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.extra = extra

    def to_json(self) -> Json:
        """Return the body of the response."""
        return {"ok": False, "error": self.code, **self.extra}


class RateLimited(Exception):
    """HTTP 429 with `Retry-After`."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after


class CannotAct(Exception):
    """A person cannot do that: the button, input or message is not there."""


class NotSubmitted(CannotAct):
    """Slack's client keeps a modal open because of its values; nothing was sent to the app.

    `problems` maps block ids to the sentence under the field.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{block}: {text}" for block, text in problems.items()))
        self.problems = dict(problems)


def bad_arguments(problems: Sequence[str], code: str = "invalid_arguments") -> ApiError:
    """Build Slack's error for wrong arguments, with messages `[ERROR] sentence [json-pointer:/path]`."""
    messages = [f"[ERROR] {problem}" for problem in problems]
    return ApiError(code, response_metadata={"messages": messages})
