"""The sentences for API keys that are not accepted or cannot be made, for `refusals`. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from bot.presentation.characters import line
from engine.api_key_text import PREFIX, KeyProblem
from engine.domain import Phrase, Refusal
from engine.domain.api_keys import (
    LONGEST_LIFETIME,
    LONGEST_NAME,
    LONGEST_OVERLAP,
    MOST_PER_MINUTE,
    ApiAction,
    ApiKeyEnded,
    ApiKeyForbids,
    ApiKeyRefused,
    ApiKeyRotated,
    InvalidApiKey,
    TooManyCalls,
)

_TEXTS: Final[Mapping[str, str]] = {
    KeyProblem.MISSING: "This call has no API key. Send it in the header “Authorization: Bearer sgn_…”.",
    KeyProblem.NO_BEARER: "The word Bearer is missing before this API key. Write the header "
    "“Authorization: Bearer sgn_…”.",
    KeyProblem.NOT_A_KEY: f"This is no API key of Signoff: those begin with {PREFIX}. Use the whole text of a key.",
    KeyProblem.SPACE: "There is a space or a line break in this API key. Copy the key again, in one piece.",
    KeyProblem.CUT_OFF: "This API key is cut off. Copy the key again, to its last character.",
    KeyProblem.TOO_LONG: "This API key is too long: something follows it. Copy the key again, and only the key.",
    KeyProblem.TYPO: "This API key has a typo. Copy the key again.",
    "unknown": "This Signoff knows no such API key. It may have a typo, or belong to another Signoff. Copy the key "
    "again, and check the address that you call.",
}
_ENDED: Final[Mapping[str, str]] = {
    "expired": "This API key expired ",
    "revoked": "This API key was revoked ",
    "replaced": "This API key was replaced by a new one, and stopped working ",
}


def _key_refused(refusal: ApiKeyRefused) -> Phrase:
    if refusal.why in _TEXTS:
        return (_TEXTS[refusal.why],)
    ended = _ENDED[refusal.why]
    moment = (ended, refusal.at) if refusal.at is not None else (ended.rstrip(),)
    return *moment, ". Ask the operator of this Signoff for a new one."


_MAY_NOT: Final[Mapping[ApiAction, str]] = {
    ApiAction.ASK: "ask people",
    ApiAction.START: "start runs",
    ApiAction.READ: "read what it did not ask or start itself",
    ApiAction.PROVISION: "set up instances",
}


def _key_forbids(refusal: ApiKeyForbids) -> Phrase:
    where = f" of the workflow “{line(refusal.workflow)}”" if refusal.workflow is not None else ""
    if refusal.action is ApiAction.ASK and where:
        where = f" by the workflow “{line(str(refusal.workflow))}”"
    return (
        f"The API key “{line(refusal.name)}” may not {_MAY_NOT[refusal.action]}{where}. "
        "Ask the operator of this Signoff for a key that may.",
    )


def _too_many_calls(refusal: TooManyCalls) -> Phrase:
    seconds = max(1, math.ceil(refusal.wait.total_seconds()))
    again = f"Try again in {seconds} second{'' if seconds == 1 else 's'}."
    if not refusal.per_minute:
        return (f"Too many wrong API keys came from your network. {again}",)
    return (f"This API key may make {refusal.per_minute:,} calls a minute, and has made them. {again}",)


def _key_rotated(refusal: ApiKeyRotated) -> Phrase:
    return (
        f"{line(refusal.by)} rotated the API key “{line(refusal.name)}” already, ",
        refusal.at,
        ". The text before that works until ",
        refusal.until,
        ". Rotate again after that, or with an overlap of 0s to end all older texts now.",
    )


def _key_ended(refusal: ApiKeyEnded) -> Phrase:
    return f"The API key “{line(refusal.name)}” was revoked ", refusal.at, ". Create a new one."


def _invalid_key(refusal: InvalidApiKey) -> Phrase:
    return (_INVALID[refusal.why].format(value=line(refusal.value)),)


_INVALID: Final[Mapping[str, str]] = {
    "name": f"Give the key a name of 1 to {LONGEST_NAME} visible characters, such as “Support agent”.",
    "name_taken": "There is an API key “{value}” already. Choose another name, or rotate or revoke that key.",
    "action": "Say what the key may do: ask, start, read or provision.",
    "workflow": "“{value}” is not the name of a workflow. Write a name such as approvals, or refund* for several.",
    "acts_for": "“{value}” is not an email address. Give the address of the person that the program acts for.",
    "per_minute": f"Choose a number of calls a minute from 1 to {MOST_PER_MINUTE:,}.",
    "lifetime": f"A key can work for at most {LONGEST_LIFETIME.days:,} days. Choose a shorter time, or none.",
    "overlap": f"The text before can work for at most {LONGEST_OVERLAP.days} days more. Choose a shorter overlap.",
}


SENTENCES: Final[Mapping[type[Refusal], Callable[[Any], Phrase]]] = {
    ApiKeyRefused: _key_refused,
    ApiKeyForbids: _key_forbids,
    TooManyCalls: _too_many_calls,
    ApiKeyRotated: _key_rotated,
    ApiKeyEnded: _key_ended,
    InvalidApiKey: _invalid_key,
}
"""The function that writes each of these refusals. `refusals` registers them."""
