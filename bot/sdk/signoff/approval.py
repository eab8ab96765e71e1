"""An approval that was taken: its values, and the report of what became of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

from signoff import conversation, json_text
from signoff.conversation import Talk
from signoff.errors import Refused, SignoffError
from signoff.records import Ask
from signoff.transport import Server

_LOG: Final = logging.getLogger("signoff")
_LONGEST_NOTE: Final = 500
_BEFORE_ANYTHING: Final = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
"""Errors of the operating system after which it is clear that nothing happened."""


class _Taken(Mapping[str, Any]):
    """The approved values by name: those that were passed, with the edits of the approver."""

    def __init__(self, server: Server, ask: Ask, values: Mapping[str, Any]) -> None:
        self._server = server
        self._values = dict(values)
        self.ask = ask
        self.is_reported = False

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __bool__(self) -> bool:
        """Return True, also for an approval without values."""
        return True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.ask.id} of {self.ask.title!r}: {self._values}>"

    @property
    def by(self) -> str | None:
        """The name of the person who approved it, or None if a rule let it pass."""
        return self.ask.decision.by if self.ask.decision else None

    @property
    def reason(self) -> str | None:
        """What that person wrote."""
        return self.ask.decision.reason if self.ask.decision else None

    def _talk(self, status: str, note: str | None, result: object) -> Talk:
        exact = None if result is None else json_text.snapshot(result, "result")
        return conversation.report(self.ask.id, status, note and note[:_LONGEST_NOTE], exact, self._server.patience)


class Approval(_Taken):
    """An approval in a program with an event loop. As a context manager it reports how its block ended."""

    async def report(self, status: str = "succeeded", note: str | None = None, result: object = None) -> None:
        """Report what became of the effect: `succeeded`, `failed`, or `unknown`, which asks the owner to look."""
        self.ask = await self._server.run_async(self._talk(status, note, result))
        self.is_reported = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_reported:
            return
        import anyio

        with anyio.CancelScope(shield=True):
            try:
                await self.report(*outcome_of(error))
            except SignoffError as failure:
                warn_unreported(self.ask, failure)


class SyncApproval(_Taken):
    """An approval in a program without an event loop. As a context manager it reports how its block ended."""

    def report(self, status: str = "succeeded", note: str | None = None, result: object = None) -> None:
        """Report what became of the effect: `succeeded`, `failed`, or `unknown`, which asks the owner to look."""
        self.ask = self._server.run(self._talk(status, note, result))
        self.is_reported = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_reported:
            return
        try:
            self.report(*outcome_of(error))
        except SignoffError as failure:
            warn_unreported(self.ask, failure)


def outcome_of(error: BaseException | None) -> tuple[str, str | None]:
    """Return what an exception says about the effect, and a note about it.

    After a lost connection, a timeout or an interruption it may have happened, so that is `unknown`.
    """
    if error is None:
        return "succeeded", None
    note = f"{type(error).__name__}: {error}"
    import httpx

    lost = isinstance(error, OSError | httpx.RequestError) and not isinstance(error, _BEFORE_ANYTHING)
    return ("unknown" if lost or not isinstance(error, Exception) else "failed"), note


def warn_unreported(ask: Ask, failure: SignoffError) -> None:
    """Log that the outcome was not reported. The effect has run, so its result must not be lost over that."""
    then = "" if isinstance(failure, Refused) else " The owner of the workflow will be asked what happened."
    _LOG.warning("The outcome of %r (%s) was not reported: %s%s", ask.title, ask.id, failure, then)
