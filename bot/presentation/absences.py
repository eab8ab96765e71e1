"""The sentences about people who are away. Pure."""

from __future__ import annotations

from datetime import datetime

from bot.presentation.characters import line
from engine.domain import Absence, Phrase, SetAway, SetBack

UNKNOWN_ZONE = " Signoff does not know your time zone, so it took UTC."


def away(absence: Absence, *, is_own: bool, is_now: bool) -> Phrase:
    """Return the sentence that repeats what was understood: from when until when, and who decides meanwhile."""
    who = "You are" if is_own else f"{line(absence.person.label)} is"
    since: tuple[str | datetime, ...] = ("",) if is_now else (" from ", absence.starts_at)
    return (f"{who} away", *since, " until ", absence.ends_at, f". {_delegate(absence, is_own=is_own)}")


def _delegate(absence: Absence, *, is_own: bool) -> str:
    place = "your place" if is_own else "their place"
    if absence.delegate is not None:
        return f"{line(absence.delegate.label)} decides in {place}."
    return f"No one was named who decides in {place}. Backups of a workflow are asked, if it has any."


def set_away(answer: SetAway, *, is_own: bool = True, knows_zone: bool = True) -> Phrase:
    """Return the sentence for a person who said when they, or another, are away."""
    what = away(answer.absence, is_own=is_own, is_now=answer.is_now)
    if answer.is_now and answer.absence.delegate is not None:
        delegate = line(answer.absence.delegate.label)
        what = (*what, f" What is waiting now is passed on as well, unless {delegate} may not decide it.")
    return what if knows_zone else (*what, UNKNOWN_ZONE)


def set_back(answer: SetBack, *, is_own: bool = True) -> Phrase:
    """Return the sentence for a person who said that they, or another, are back."""
    who, was = ("You are", "You were") if is_own else (f"{line(answer.person.label)} is", "They were")
    if not answer.was_away:
        return (f"{was} not away, so nothing changed.",)
    you = "you" if is_own else "them"
    return (f"{who} back. New requests come to {you} again. What was passed on stays with the others.",)
