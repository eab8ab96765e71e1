"""The command by which people choose when they are told of what waits for them."""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from engine import timestamps
from engine.audit_entries import EntryKind, entry
from engine.delivery import digests
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import AT_ONCE, InvalidPreferences, Person, Preferences, PreferencesSet, Refusal, SetPreferences
from engine.domain.preferences import FEWEST, MOST
from engine.json_values import Value
from engine.service.context import CommandContext
from engine.store import people
from engine.store.port import Tx

_MIDNIGHT = 24 * 60


def set_preferences(
    context: CommandContext, tx: Tx, command: SetPreferences, resolved: Resolved
) -> PreferencesSet | Refusal:
    """Save the preferences of the actor: the unit of `Engine.set_preferences`. What is held comes as they say now."""
    chosen = command.preferences
    wrong = _what_is_wrong(chosen)
    if wrong is not None:
        return InvalidPreferences(what=wrong)
    if not chosen.holds:
        chosen = AT_ONCE
    person = Recipients(tx, context.advancer.directory, resolved).actor(command.workspace, command.actor)
    later = replace(person, preferences=None if chosen == AT_ONCE else chosen)
    if later != person:
        people.set_preferences(tx, person.id, chosen)
        digests.replan(tx, later, hours=context.advancer.hours)
        facts: dict[str, Value] = {
            "digest": chosen.digest.value,
            "at": chosen.at,
            "count": chosen.count,
            "quiet_from": chosen.quiet_from,
            "quiet_until": chosen.quiet_until,
            "quiet_weekends": chosen.quiet_weekends,
        }
        facts |= {"person": person.id, "name": person.label}
        record = entry(EntryKind.PERSON_PREFERENCES, actor=person, content=facts)
        tx.audit(command.workspace, record)
    return of_person(context, later)


def of_person(context: CommandContext, person: Person) -> PreferencesSet:
    """Return the preferences of a person, and the time zone of their times of day."""
    knows_zone = person.zone is not None and timestamps.find_zone(person.zone) is not None
    zone = str(person.zone) if knows_zone else context.advancer.hours.zone
    return PreferencesSet(person=person, preferences=person.preferences or AT_ONCE, zone=zone, knows_zone=knows_zone)


def _what_is_wrong(chosen: Preferences) -> Literal["count", "quiet", "at"] | None:
    if not FEWEST <= chosen.count <= MOST:
        return "count"
    begins, ends = chosen.quiet_from, chosen.quiet_until
    if (begins is None) is not (ends is None) or (begins is not None and begins == ends):
        return "quiet"
    if not all(0 <= minutes < _MIDNIGHT for minutes in (chosen.at, begins or 0, ends or 0)):
        return "at"
    return None
