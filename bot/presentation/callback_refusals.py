"""The sentences for endpoints of callbacks that cannot be set up or changed, for `refusals`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bot.presentation.characters import line
from engine.domain import Phrase, Refusal
from engine.domain.callbacks import LONGEST_OVERLAP, LONGEST_URL, InvalidCallback

_INVALID: Final[Mapping[str, str]] = {
    "url": "Give the URL that callbacks go to, such as https://agent.example.com/signoff. It can have "
    f"{LONGEST_URL:,} characters.",
    "refused": "Callbacks cannot be sent to this URL: {value}.",
    "taken": "This API key has an endpoint with the URL {value} already. Give it a new secret or remove it: "
    "signoff callbacks list",
    "secret": "This is no signing secret. Write whsec_ and 24 to 64 bytes in Base64.",
    "overlap": f"The secret before can count for at most {LONGEST_OVERLAP.days} days more. Choose a shorter overlap.",
    "removed": "The endpoint {value} was removed. Add it again: signoff callbacks add",
    "key": "The API key “{value}” was revoked, so its program asks nothing more. Name another key.",
}


def _invalid(refusal: InvalidCallback) -> Phrase:
    return (_INVALID[refusal.why].format(value=line(refusal.value)),)


SENTENCES: Final[Mapping[type[Refusal], Callable[[Any], Phrase]]] = {InvalidCallback: _invalid}
"""The function that writes each of these refusals. `refusals` registers them."""
