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
    return f"No one decides in {place}. If a workflow has backups, they are asked."


def _passed_on(answer: SetAway, *, is_own: bool) -> str:
    """Return what becomes of the requests that are waiting now: the delegate may be away as well."""
    delegate, stand_in = answer.absence.delegate, answer.stand_in
    assert delegate is not None
    is_away = f"{line(delegate.label)} is away as well"
    if stand_in is None:
        waits = f"so {'your' if is_own else 'their'} requests are not passed on"
        return f"But {is_away}, {waits}. If they cannot wait, choose another person."
    if stand_in.id != delegate.id:
        return f"{is_away}, so what is waiting now is passed on to {line(stand_in.label)}."
    return f"What is waiting now is passed on as well, unless {line(delegate.label)} may not decide it."


def set_away(answer: SetAway, *, is_own: bool = True, knows_zone: bool = True) -> Phrase:
    """Return the sentence for a person who said when they, or another, are away."""
    what = away(answer.absence, is_own=is_own, is_now=answer.is_now)
    if answer.is_now and answer.absence.delegate is not None:
        what = (*what, f" {_passed_on(answer, is_own=is_own)}")
    return what if knows_zone else (*what, UNKNOWN_ZONE)


def set_back(answer: SetBack, *, is_own: bool = True) -> Phrase:
    """Return the sentence for a person who said that they, or another, are back."""
    who, was = ("You are", "You were") if is_own else (f"{line(answer.person.label)} is", "They were")
    if not answer.was_away:
        return (f"{was} not away, so nothing changed.",)
    you = "you" if is_own else "them"
    return (f"{who} back. New requests come to {you} again. What was passed on stays with the others.",)
