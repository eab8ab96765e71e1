"""The sentences for files that are not taken, for `refusals`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bot.presentation.characters import line
from engine import media_types
from engine.domain import FileRefused, Phrase, Refusal

_WHY: Final[Mapping[str, str]] = {
    "too_large": "“{name}” is too large: a file may have at most {size}. Choose a smaller one.",
    "empty": "“{name}” is empty. Choose another file.",
    "infected": "“{name}” was refused, because malware was found in it. Nothing of it was kept.",
    "not_checked": "“{name}” could not be checked for malware, so it was not kept. Try again in a moment.",
    "too_many": "“{name}” was not kept: you have {limit} files here that no run uses yet. Try again tomorrow.",
    "unavailable": "“{name}” could not be stored. Try again in a moment.",
    "no_place": "“{name}” was not kept: this server has no place for files. Ask the person who runs Signoff.",
}


def sentence(refusal: FileRefused) -> str:
    """Return why a file is not taken."""
    size = media_types.size_in_words(refusal.limit)
    return _WHY[refusal.why].format(name=line(refusal.name), size=size, limit=refusal.limit)


def _phrase(refusal: FileRefused) -> Phrase:
    return (sentence(refusal),)


SENTENCES: Final[Mapping[type[Refusal], Callable[[Any], Phrase]]] = {FileRefused: _phrase}
