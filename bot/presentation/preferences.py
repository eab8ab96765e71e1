"""The words about when a person is told of what waits for them, and how their form is read. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bot.presentation import dates
from engine.domain import AT_ONCE, Digest, InvalidPreferences, Phrase, Preferences, PreferencesSet
from engine.domain.preferences import FEWEST, MOST

TITLE: Final = "How you are asked"
DIGEST_LABEL: Final = "How do you want to be asked?"
CHOICES: Final = {
    Digest.NONE: "One message for each request, at once",
    Digest.DAILY: "One digest a day",
    Digest.COUNT: "A digest when several requests wait",
}
AT_LABEL: Final = "When does the digest come?"
AT_HINT: Final = "At this time it also comes if fewer requests wait than you say below."
COUNT_LABEL: Final = "How many requests does the digest wait for?"
COUNT_HINT: Final = f"A number from {FEWEST} to {MOST}. It only counts with “{CHOICES[Digest.COUNT]}”."
QUIET_FROM_LABEL: Final = "Quiet hours begin"
QUIET_UNTIL_LABEL: Final = "Quiet hours end"
QUIET_HINT: Final = "New requests wait until the quiet hours end. Then you are told of all of them in one message."
WEEKENDS_LABEL: Final = "Saturday and Sunday are quiet too"
NEVER_HELD: Final = (
    "Urgent requests are never held back. You are told at once if half of the time to decide would be over by then, if "
    "others did not answer in time, or if a person asks you a question. Your inbox always shows all requests."
)
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::00)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencesForm:
    """What was typed, as texts: times as 09:30."""

    digest: str = Digest.NONE.value
    at: str = ""
    count: str = ""
    quiet_from: str = ""
    quiet_until: str = ""
    weekends: bool = False


def form_of(preferences: Preferences) -> PreferencesForm:
    """Return the form of a person who chose this before."""
    begins, ends = preferences.quiet_from, preferences.quiet_until
    return PreferencesForm(
        digest=preferences.digest.value,
        at=clock(preferences.at),
        count=str(preferences.count),
        quiet_from="" if begins is None else clock(begins),
        quiet_until="" if ends is None else clock(ends),
        weekends=preferences.quiet_weekends,
    )


def read(form: PreferencesForm) -> Preferences | InvalidPreferences:
    """Return the preferences of a form, or what in it is wrong. An empty time or number is the default."""
    digest = next((digest for digest in Digest if digest.value == form.digest), Digest.NONE)
    at = _minutes(form.at) if form.at else AT_ONCE.at
    if at is None:
        return InvalidPreferences(what="at")
    count = form.count or str(AT_ONCE.count)
    if not re.fullmatch(r"\d{1,3}", count, re.ASCII):
        return InvalidPreferences(what="count")
    quiet = [_minutes(text) if text else None for text in (form.quiet_from, form.quiet_until)]
    if any(text and minutes is None for text, minutes in zip((form.quiet_from, form.quiet_until), quiet, strict=True)):
        return InvalidPreferences(what="quiet")
    return Preferences(
        digest=digest,
        at=at,
        count=int(count),
        quiet_from=quiet[0],
        quiet_until=quiet[1],
        quiet_weekends=form.weekends,
    )


def _minutes(text: str) -> int | None:
    found = _TIME.fullmatch(text.strip())
    return None if found is None else int(found[1]) * 60 + int(found[2])


def zone(answer: PreferencesSet) -> str:
    """Return the sentence that says in which time zone the times are."""
    if answer.knows_zone:
        return f"Times are in your time zone, {answer.zone}."
    return f"Signoff does not know your time zone, so times are in {answer.zone}."


def chosen(answer: PreferencesSet) -> Phrase:
    """Return the sentences that say what holds now."""
    said = [_digest(answer.preferences), *_quiet(answer.preferences)]
    return (" ".join([*said, zone(answer)] if answer.preferences.holds else said),)


def _digest(preferences: Preferences) -> str:
    at = _said(preferences.at)
    match preferences.digest:
        case Digest.DAILY:
            return f"You get one digest a day, at {at}."
        case Digest.COUNT:
            return f"You get a digest when {preferences.count} requests wait, and at {at} in any case."
        case _:
            return "You get one message for each request, at once."


def _quiet(preferences: Preferences) -> list[str]:
    if preferences.quiet_from is not None and preferences.quiet_until is not None:
        also = ", and on Saturday and Sunday" if preferences.quiet_weekends else ""
        hours = f"from {_said(preferences.quiet_from)} to {_said(preferences.quiet_until)}{also}"
        return [f"Your quiet hours are {hours}."]
    return ["Saturday and Sunday are quiet."] if preferences.quiet_weekends else []


def _said(minutes: int) -> str:
    return dates.clock(minutes // 60, minutes % 60)


def clock(minutes: int) -> str:
    """Return a time of day as a form has it: 09:30."""
    return f"{minutes // 60:02}:{minutes % 60:02}"
