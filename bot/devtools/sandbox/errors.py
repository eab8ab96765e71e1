"""What the sandbox refuses: `SlackError` to an app, `CannotAct` to a person (that is, to a script that plays one)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.devtools.sandbox.jsontypes import Json


class ApiError(Exception):
    """An answer `{"ok": false, "error": code}`; `extra` are further keys of the answer."""

    def __init__(self, code: str, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.extra = extra

    def to_json(self) -> Json:
        """The body of the answer."""
        return {"ok": False, "error": self.code, **self.extra}


class RateLimited(Exception):
    """HTTP 429 with `Retry-After`."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after


class CannotAct(Exception):
    """A person cannot do that: what they would click, fill or type into is not there."""


class NotSubmitted(CannotAct):
    """Slack's client keeps a modal open because of what was filled in; nothing was sent to the app.

    `problems` maps block ids to the sentence under the field.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{block}: {text}" for block, text in problems.items()))
        self.problems = dict(problems)


def bad_arguments(problems: Sequence[str], code: str = "invalid_arguments") -> ApiError:
    """The shape in which Slack reports what is wrong with arguments: `[ERROR] sentence [json-pointer:/path]`."""
    messages = [f"[ERROR] {problem}" for problem in problems]
    return ApiError(code, response_metadata={"messages": messages})
