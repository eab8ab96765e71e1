"""Sentences to people: texts, or phrases whose moments every reader sees in their own time zone."""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeAlias, TypeGuard

from bot.slack import ids, rich_text, text_objects
from bot.slack.text_objects import Block
from engine.domain import Phrase

Sentence: TypeAlias = str | Phrase
_PART: Final = 1_000
"""Maximum length of a text between two moments, in characters."""


def block(sentence: Sentence, *, name: str = "sentence") -> Block:
    """Return a block with the sentence. Without a moment in it, it is plain text."""
    if _has_moment(sentence):
        parts = text_objects.one_line(sentence, _PART)
        return rich_text.paragraphs([rich_text.section(rich_text.phrase(parts))], block=name)
    return text_objects.section(_plain(sentence), block=name)


def text(sentence: Sentence) -> str:
    """Return the text of the sentence for notifications and screen readers, as mrkdwn."""
    if _has_moment(sentence):
        return text_objects.phrase(text_objects.one_line(sentence, _PART))
    return text_objects.escape(_plain(sentence)) or "–"


def _has_moment(sentence: Sentence) -> TypeGuard[Phrase]:
    return any(isinstance(part, datetime) for part in sentence)


def _plain(sentence: Sentence) -> str:
    return text_objects.clipped(text_objects.shown("".join(map(str, sentence))), ids.SECTION)
