"""The words with which people answer a request at a terminal, by what it asks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.domain import Verdict
from engine.requests import Subject

_DECISIONS: Final[Mapping[str, Verdict]] = {
    "approve": Verdict.APPROVE,
    "reject": Verdict.REJECT,
    "edit": Verdict.APPROVE,
    "revise": Verdict.REVISE,
}
AFTER_FAILURE: Final[Mapping[str, Verdict]] = {
    "retry": Verdict.APPROVE,
    "skip": Verdict.SKIP,
    "stop": Verdict.REJECT,
}
"""The answers to what to do about a step that failed."""
WORDS: Final = (*_DECISIONS, *AFTER_FAILURE)


def verdict(word: str, subject: Subject) -> Verdict | None:
    """Return the verdict of a word, or None if it does not answer what the request asks.

    Raises `ValueError` for a word that answers no request.
    """
    if word not in WORDS:
        raise ValueError(f"there is no answer {word!r}")
    return (AFTER_FAILURE if subject.is_failure else _DECISIONS).get(word)


def mismatch(subject: Subject) -> str:
    """Return the sentence for a word that does not answer what the request asks."""
    if subject.is_failure:
        return "This step failed, so there is nothing to approve or reject. Answer retry, skip or stop."
    return "Nothing has failed here, so retry, skip and stop are no answers. Approve it, edit it, or reject it."
