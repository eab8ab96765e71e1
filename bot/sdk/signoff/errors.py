"""What a call can raise. Each message is a sentence that says what happened, and what to do now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from signoff.records import Ask


class SignoffError(Exception):
    """The call did not end with an approval or an answer. Nothing that it guards has run."""


class NotSetUp(SignoffError):
    """The address of the server or the API key is missing."""


class NotJson(SignoffError, TypeError):
    """A value cannot be shown to an approver, because it is not JSON."""


class Refused(SignoffError):
    """The server refused the call, for example because the key may not do it. Trying again does not help."""

    def __init__(self, sentence: str, *, code: str, status: int, errors: Mapping[str, str] | None = None) -> None:
        more = (f"{path}: {text}" for path, text in (errors or {}).items() if text.rstrip(".") not in sentence)
        super().__init__("\n".join([sentence, *more]))
        self.code = code
        """The kind of refusal in words with hyphens, such as `ask-workflow-missing`."""
        self.status = status
        self.errors: Mapping[str, str] = MappingProxyType(dict(errors or {}))
        """A sentence for each value that is wrong, by its path."""


class Unreachable(SignoffError):
    """The server did not answer for so long that the call gave up."""


class UnclearAnswer(SignoffError):
    """An answer is not what the server sends, for example the page of a proxy. It never counts as an approval."""


class StillWaiting(SignoffError):
    """There was no decision before the call gave up, as its `give_up_after` says."""

    def __init__(self, sentence: str, ask: Ask) -> None:
        super().__init__(sentence)
        self.ask = ask


class NotApproved(SignoffError):
    """The ask ended without an approval that this call may use."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(self.sentence(ask))
        self.ask = ask

    @staticmethod
    def sentence(ask: Ask) -> str:
        """Return what the message says."""
        return f"{ask.title!r} was not approved: it {_ENDS.get(ask.status, 'has ended')}."

    @property
    def reason(self) -> str | None:
        """The reason that the person gave."""
        return self.ask.decision.reason if self.ask.decision else None

    @property
    def by(self) -> str | None:
        """The name of the person who decided."""
        return self.ask.decision.by if self.ask.decision else None


class Rejected(NotApproved):
    """A person, or a rule of the operator, said no."""

    @staticmethod
    def sentence(ask: Ask) -> str:
        """Return who rejected it, and why."""
        by = f" by {ask.decision.by}" if ask.decision and ask.decision.by else ""
        reason = f": {ask.decision.reason}" if ask.decision and ask.decision.reason else "."
        return f"{ask.title!r} was rejected{by}{reason}"


class Expired(NotApproved):
    """No decision came in time."""

    @staticmethod
    def sentence(ask: Ask) -> str:
        """Return that the time is over."""
        return f"{ask.title!r} expired: it was not decided in time. Ask again if it is still needed."


class Lapsed(Expired):
    """The approval was not used in time."""

    @staticmethod
    def sentence(ask: Ask) -> str:
        """Return until when it could be used."""
        until = f" It could be used until {_at(ask.valid_until)}." if ask.valid_until else ""
        return f"{ask.title!r} was approved, and the approval was not used in time.{until} Ask again."


class Cancelled(NotApproved):
    """The ask was cancelled before it was decided."""


class AlreadyUsed(NotApproved):
    """The approval was used before, by this program before it was restarted, or by another process."""

    @staticmethod
    def sentence(ask: Ask) -> str:
        """Return when it was used, and how that ended."""
        used = (
            f"The approval of {ask.title!r} was already used{f' at {_at(ask.consumed_at)}' if ask.consumed_at else ''}"
        )
        match ask.outcome.status if ask.outcome else None:
            case "succeeded":
                return f"{used}, and succeeded. It does not run again."
            case "failed":
                return f"{used}, and failed. It does not run again; ask anew to try again."
            case _:
                return f"{used}. Whether it was carried out is not known, so it does not run again."


_ENDS = {"cancelled": "was cancelled", "failed": "failed", "expired": "expired", "rejected": "was rejected"}


def _at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}" if moment else "an unknown time"
