"""The form of the inbox in which people say that they are away and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from starlette.datastructures import FormData

from bot.presentation import absences, refusals
from bot.web import form_data
from engine import absence_phrases, fields, timestamps
from engine.absence_phrases import Unclear
from engine.domain import Absence, Address, Assurance, Away, Back, Origin, Phrase, Refusal, RememberedBrowser
from engine.errors import InvalidValue
from engine.fields import Field, FieldType
from engine.service import Engine

_EMAIL = Field(type=FieldType.EMAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceForm:
    """The form as it is shown. `now`: what holds now, or will; `error`: why what was typed was not saved.

    `can_delegate`: whether this browser may say who decides in the person's place.
    """

    now: Phrase = ()
    error: Phrase | str = ""
    since: str = ""
    back_on: str = ""
    delegate: str = ""
    zone: str = "UTC"
    can_delegate: bool = True


async def shown(engine: Engine, browser: RememberedBrowser, now: datetime) -> AbsenceForm:
    """Return the form for the person of a browser."""
    person = browser.person
    absence = await engine.absence(person.id, now)
    # With an account, a code by email is not enough to choose a delegate: `engine.service.absence`.
    can_delegate = person.account is None or browser.signed_in_until is not None
    return AbsenceForm(now=_now(absence, now), zone=person.zone or "UTC", can_delegate=can_delegate)


def _now(absence: Absence | None, now: datetime) -> Phrase:
    return () if absence is None else absences.away(absence, is_own=True, is_now=absence.covers(now))


async def submitted(
    engine: Engine, form: FormData, browser: RememberedBrowser, *, now: datetime, salt: str
) -> AbsenceForm | None:
    """Carry out the form. Return it with what is wrong, or None if it was saved."""
    since, back_on, delegate = (form_data.text(form, name).strip() for name in ("since", "back_on", "delegate"))
    error = await _error(engine, browser, now, salt, since=since, back_on=back_on, delegate=delegate)
    if not error:
        return None
    before = await shown(engine, browser, now)
    return replace(before, error=error, since=since, back_on=back_on, delegate=delegate)


async def _error(
    engine: Engine, browser: RememberedBrowser, now: datetime, salt: str, *, since: str, back_on: str, delegate: str
) -> Phrase | str:
    """Save the absence, and return why it was not saved, or nothing."""
    person = browser.person
    zone = (timestamps.find_zone(person.zone) if person.zone else None) or UTC
    if not back_on:
        return "Say on which day you are back."
    understood = absence_phrases.read(f"{f'from {since} ' if since else ''}until {back_on}", now=now, zone=zone)
    if isinstance(understood, Unclear):
        return understood.for_form
    email = None
    if delegate:
        try:
            email = str(fields.validate(_EMAIL, delegate)).lower()
        except InvalidValue as error:
            return f"The address {error}."
    answer = await engine.set_away(
        Away(
            actor=_address(browser),
            origin=Origin(surface="web", place={"form": salt}),
            starts_at=understood.starts_at,
            ends_at=understood.ends_at,
            delegate=Address("email", email) if email is not None else None,
            assurance=Assurance.CODE if browser.signed_in_until is None else Assurance.SSO,
        )
    )
    return refusals.phrase(answer) if isinstance(answer, Refusal) else ""


async def ended(engine: Engine, browser: RememberedBrowser, *, salt: str) -> None:
    """End the absence of a person."""
    await engine.set_back(Back(actor=_address(browser), origin=Origin(surface="web", place={"form": salt})))


def _address(browser: RememberedBrowser) -> Address:
    return browser.account or Address("email", browser.address)
