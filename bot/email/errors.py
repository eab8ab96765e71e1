"""Failures of emails, pure: the stage at which an email failed decides what the failure means.

RFC 5321 (4.2 replies, 4.5.3.2 timeouts) and RFC 3463 (enhanced codes such as 5.1.1).
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

import aiosmtplib

from bot.presentation import characters
from engine import retry
from engine.errors import ChannelError, StepError


class Stage(IntEnum):
    """How far an email has come."""

    ADDRESS = 0
    """Before the first command to the server."""
    CONNECT = 1
    """Looking up the name, connecting, TLS from the start, and the greeting."""
    EHLO = 2
    STARTTLS = 3
    AUTH = 4
    MAIL = 5
    RCPT = 6
    DATA = 7
    """Up to the final dot."""
    ANSWER = 8
    """From the final dot on: the server may have accepted the email."""


class Meaning(Enum):
    """The meaning of a failure for the email, its address or all emails."""

    LATER = "later"
    """The email was not sent; another attempt may succeed."""
    SETUP = "setup"
    """Our configuration is wrong: no email is sent until it is fixed."""
    ADDRESS = "address"
    """No email can ever be sent to this address."""
    COPY = "copy"
    """This email can never be sent to this address. The reason is not clear enough to give up the address."""
    CONTENT = "content"
    """The server never accepts this content."""
    UNKNOWN = "unknown"
    """The server may have accepted the email."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failure. `code`, `enhanced`: the codes of the answer, if the server answered. `sentence`: for people.

    `full`: the mailbox is full.
    """

    stage: Stage
    meaning: Meaning
    sentence: str
    code: int | None = None
    enhanced: str | None = None
    full: bool = False


class MailError(Exception):
    """An email was not sent, or it is unknown whether it was."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.sentence)
        self.failure = failure


_ENHANCED: Final = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_LONGEST: Final = 200
_WHERE: Final = {
    Stage.ADDRESS: "before it was sent",
    Stage.CONNECT: "while connecting",
    Stage.EHLO: "at EHLO",
    Stage.STARTTLS: "at STARTTLS",
    Stage.AUTH: "at the login",
    Stage.MAIL: "at the sender's address",
    Stage.RCPT: "at the recipient's address",
    Stage.DATA: "before the email was complete",
    Stage.ANSWER: "after the email was complete",
}
_MEANS: Final = {
    Meaning.LATER: "The mail server did not accept the email",
    Meaning.SETUP: "Email is not set up properly",
    Meaning.ADDRESS: "Email cannot reach this address",
    Meaning.COPY: "The mail server refused this email for this address",
    Meaning.CONTENT: "The mail server refused the content of the email",
    Meaning.UNKNOWN: "The mail server did not say whether it accepted the email",
}


def classify(stage: Stage, error: BaseException) -> Failure:
    """Return the failure for an error that was raised at this stage."""
    code, text = _reply(error)
    enhanced = _enhanced(text)
    meaning = _of_reply(stage, code, enhanced) if code is not None else _of_error(stage, error)
    full = meaning is Meaning.LATER and (enhanced in ("5.2.2", "4.2.2") or (stage is Stage.RCPT and code == 552))
    quoted = f"{code} {text}" if code is not None else _described(error)
    return Failure(
        stage=stage,
        meaning=meaning,
        sentence=f"{_sentence(stage, meaning)}: {_clean(quoted)}.",
        code=code,
        enhanced=enhanced,
        full=full,
    )


def _sentence(stage: Stage, meaning: Meaning) -> str:
    if (stage, meaning) == (Stage.CONNECT, Meaning.LATER):
        return "The mail server cannot be reached"
    return f"{_MEANS[meaning]}, {_WHERE[stage]}"


def _of_reply(stage: Stage, code: int, enhanced: str | None) -> Meaning:
    """Return the meaning of an answer. An answer that is no refusal makes no sense here, and decides nothing."""
    if not 500 <= code < 600:
        refused = 400 <= code < 500
        return Meaning.UNKNOWN if stage is Stage.ANSWER and not refused else Meaning.LATER
    if enhanced == "5.2.2":
        return Meaning.LATER
    if stage < Stage.RCPT or code == 530:
        return Meaning.SETUP
    return _of_recipient(code, enhanced) if stage is Stage.RCPT else _of_content(enhanced)


def _of_recipient(code: int, enhanced: str | None) -> Meaning:
    if code == 552:
        return Meaning.LATER
    if enhanced is None:
        return Meaning.ADDRESS if code in (550, 551, 553) else Meaning.COPY
    return Meaning.ADDRESS if enhanced.startswith("5.1.") or enhanced == "5.2.1" or code in (551, 553) else Meaning.COPY


def _of_content(enhanced: str | None) -> Meaning:
    """Return the meaning of a refusal from DATA on. Some servers check the recipient only then."""
    return Meaning.ADDRESS if enhanced is not None and enhanced.startswith("5.1.") else Meaning.CONTENT


def _of_error(stage: Stage, error: BaseException) -> Meaning:
    """Return the meaning of an error that is no answer of the server."""
    if stage is Stage.ANSWER:
        return Meaning.UNKNOWN
    if isinstance(error, aiosmtplib.SMTPNotSupported | UnicodeError) or (
        isinstance(error, ValueError) and stage in (Stage.ADDRESS, Stage.RCPT)
    ):
        return Meaning.ADDRESS
    if _is_certificate(error):
        return Meaning.SETUP
    # aiosmtplib raises its most general class if the server offers no STARTTLS or no login.
    lacks = type(error) is aiosmtplib.SMTPException and stage in (Stage.STARTTLS, Stage.AUTH)
    return Meaning.SETUP if lacks else Meaning.LATER


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _is_certificate(error: BaseException) -> bool:
    """Return whether TLS failed for a lasting reason: the certificate, no common version, or no TLS at this port."""
    return any(isinstance(cause, ssl.SSLError) and not isinstance(cause, _TEMPORARY) for cause in _causes(error))


_TEMPORARY: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


def _reply(error: BaseException) -> tuple[int | None, str]:
    """Return the code and text of the answer, if there is one.

    The error for refused recipients has no code of its own. An email has one recipient, so the first one has it.
    """
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return _reply(error.recipients[0])
    if isinstance(error, aiosmtplib.SMTPResponseException) and error.code > 0:
        return error.code, error.message
    return None, ""


def _enhanced(text: str) -> str | None:
    match = _ENHANCED.match(text)
    return match[1] if match else None


def _described(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    certificate = next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        return f"its certificate cannot be trusted ({certificate.verify_message})"
    return str(error) or type(error).__name__


def _clean(text: str) -> str:
    """Return the text of a server for people: in one line, visible and short."""
    text = characters.visible(" ".join(text.encode(errors="replace").decode().split())).rstrip(".")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


# -- errors of the ports ------------------------------------------------------------------------------------


def channel_error(failure: Failure) -> ChannelError:
    """Return the error that the channel raises for a failure."""
    match failure.meaning:
        case Meaning.SETUP:
            return ChannelError(failure.sentence, about="channel")
        case Meaning.ADDRESS:
            return ChannelError(failure.sentence, about="address", permanent=True)
        case Meaning.COPY | Meaning.CONTENT:
            return ChannelError(failure.sentence, permanent=True)
        case Meaning.UNKNOWN:
            return ChannelError(failure.sentence, outcome_unknown=True, retry_after=retry.EMAIL_UNKNOWN_OUTCOME_WAIT)
        case Meaning.LATER:
            return ChannelError(failure.sentence, patience=retry.EMAIL_FULL_MAILBOX_PATIENCE if failure.full else None)


_ADVICE: Final = {
    Meaning.SETUP: " Have the operator run the command signoff doctor.",
    Meaning.ADDRESS: " Correct the address in the workflow or in what the run is started with.",
    Meaning.COPY: " Ask the operator of the mail server.",
    Meaning.CONTENT: " Change the text or make it shorter.",
}


def step_error(failure: Failure) -> StepError:
    """Return the error that an `email` step fails with."""
    return StepError(
        f"{failure.sentence}{_ADVICE.get(failure.meaning, '')}",
        retryable=failure.meaning is Meaning.LATER,
        outcome_unknown=failure.meaning is Meaning.UNKNOWN,
    )
