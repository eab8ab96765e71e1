"""The sentences about when a person is told of what waits for them. Pure."""

from __future__ import annotations

from engine.domain import Digest, Phrase, Preferences, PreferencesSet

UNKNOWN_ZONE = "Signoff does not know your time zone, so these are times in {zone}."


def chosen(answer: PreferencesSet) -> Phrase:
    """Return the sentences that say what holds now."""
    said = [_digest(answer.preferences), *_quiet(answer.preferences)]
    if answer.preferences.holds:
        said += ["What is due soon is never held back."]
        said += [] if answer.knows_zone else [UNKNOWN_ZONE.format(zone=answer.zone)]
    return (" ".join(said),)


def _digest(preferences: Preferences) -> str:
    at = clock(preferences.at)
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
        hours = f"from {clock(preferences.quiet_from)} to {clock(preferences.quiet_until)}{also}"
        return [f"It is quiet {hours}: requests wait until then."]
    return ["Saturday and Sunday are quiet: requests wait until Monday."] if preferences.quiet_weekends else []


def clock(minutes: int) -> str:
    """Return a time of day as 09:30."""
    return f"{minutes // 60:02}:{minutes % 60:02}"
