"""The command of this machine's operator about when they are told of requests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from bot.local.arguments import optional_text
from bot.local.reply import CommandReply
from bot.presentation import preferences
from bot.presentation.preferences import PreferencesForm
from engine.domain import (
    AT_ONCE,
    Address,
    InvalidPreferences,
    Origin,
    Person,
    Preferences,
    PreferencesSet,
    Refusal,
    SetPreferences,
)
from engine.json_values import Value
from engine.service import Engine

_OFF: Final = "off"


async def show_or_set(
    engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> PreferencesSet | Refusal:
    """Carry out `preferences`: change what the arguments name, or only say what holds if they name nothing."""
    person = await engine.person(actor) or Person(id="", name="", addresses=(actor,))
    if all(value is None for value in arguments.values()):
        return engine.preferences(person)
    chosen = _changed(person.preferences or AT_ONCE, arguments)
    if isinstance(chosen, InvalidPreferences):
        return chosen
    return await engine.set_preferences(SetPreferences(actor=actor, origin=origin, preferences=chosen))


def _changed(before: Preferences, arguments: dict[str, Any]) -> Preferences | InvalidPreferences:
    form = preferences.form_of(before)
    form = replace(
        form,
        digest=optional_text(arguments, "digest") or form.digest,
        at=optional_text(arguments, "at") or form.at,
        count=optional_text(arguments, "count") or form.count,
        weekends=form.weekends if arguments.get("weekends") is None else bool(arguments["weekends"]),
    )
    quiet = optional_text(arguments, "quiet")
    return preferences.read(form if quiet is None else _with_quiet(form, quiet))


def _with_quiet(form: PreferencesForm, quiet: str) -> PreferencesForm:
    """Return the form with the quiet hours of `20:00-07:00`, or with none if they are switched off."""
    begins, _, ends = quiet.partition("-")
    is_off = quiet == _OFF
    return replace(form, quiet_from="" if is_off else begins or "–", quiet_until="" if is_off else ends or "–")


def reply(result: PreferencesSet) -> CommandReply:
    """Return what holds now, as facts."""
    chosen, form = result.preferences, preferences.form_of(result.preferences)
    facts: dict[str, Value] = {
        "digest": chosen.digest.value,
        "at": form.at,
        "count": chosen.count,
        "quiet_from": form.quiet_from or None,
        "quiet_until": form.quiet_until or None,
        "quiet_weekends": chosen.quiet_weekends,
        "zone": result.zone,
        "says": "".join(str(part) for part in preferences.chosen(result)),
    }
    return CommandReply(facts=facts)
