"""The sentences for secrets that cannot be set, for `refusals`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bot.presentation.characters import line
from engine.domain import Phrase, Refusal
from engine.domain.secret_commands import LONGEST_SECRET, InvalidSecret, NoSecretKey
from engine.redaction import MIN_LENGTH

_INVALID: Final[Mapping[str, str]] = {
    "name": "A secret cannot be called “{value}”. Use A-Z, 0-9 and _, such as CRM_TOKEN: a workflow file then names it "
    "as secret.CRM_TOKEN.",
    "empty": "There is no value. Give the value of the secret, or delete the secret if it is not needed any more.",
    "short": f"The value needs at least {MIN_LENGTH} characters. A shorter one cannot be hidden in what people read.",
    "long": f"The value is too long. It can have {LONGEST_SECRET:,} characters.",
}


def _invalid(refusal: InvalidSecret) -> Phrase:
    return (_INVALID[refusal.why].format(value=line(refusal.value)),)


def _no_key(refusal: NoSecretKey) -> Phrase:
    return (refusal.why,)


SENTENCES: Final[Mapping[type[Refusal], Callable[[Any], Phrase]]] = {InvalidSecret: _invalid, NoSecretKey: _no_key}
"""The function that writes each of these refusals. `refusals` registers them."""
