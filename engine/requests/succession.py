"""Who may decide in the place of an approver: the rules for handing a place on. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from msgspec.structs import replace

from engine.domain import Approver, CannotTakeOver, Person, RequesterRule
from engine.requests.model import Request

Obstacle = Literal["requester", "barred", "editor", "account", "decides", "excluded"]
MISSING: Final = ""
"""The place of an approval that no one can give any more; every other place is the id of a person."""


def obstacle(request: Request, person: Person) -> Obstacle | None:
    """Return why this person cannot take over a place of the request, or None if they can.

    The requester takes over none unless the gate allows them: an approver could hand the request back to them.
    """
    if person.id == request.requester and request.separation.requester is not RequesterRule.ALLOWED:
        return "requester"
    if person.id in request.separation.barred:
        return "barred"
    if person.id in request.editors:
        return "editor"
    if request.needs_account and person.account is None:
        return "account"
    present = next((row for row in request.approvers if row.person.id == person.id), None)
    if present is None or present.handed_to is not None:
        return None
    return "decides" if present.may_decide else "excluded"


def check_successor(request: Request, person: Person) -> CannotTakeOver | None:
    """Return the refusal if this person cannot take over a place of the request."""
    why = obstacle(request, person)
    return None if why is None else CannotTakeOver(name=person.label, why=why)


def open_places(request: Request) -> tuple[Approver, ...]:
    """Return the approvers whose decision is missing, with those who can no longer give it."""
    voted = {vote.person.id for vote in request.votes}
    editors = request.editors
    return tuple(
        row
        for row in request.approvers
        if row.handed_to is None and row.person.id not in voted and row.person.id not in editors
    )


def places_of(request: Request, person: str, *, owner: str) -> list[tuple[str, str]]:
    """Return whose places this person can pass on, as ids and names: their own first; the owner of the workflow any.

    The name of an approval that no one can give is empty.
    """
    places = [(row.person.id, row.person.label) for row in open_places(request)]
    own = [place for place in places if place[0] == person]
    if person != owner:
        return own
    missing = [(MISSING, "")] if request.tally.short else []
    return [*own, *missing, *(place for place in places if place not in own)]


def rule_for(approver: Approver) -> str:
    """Return how the record names the place of a person who decides for an approver."""
    return f"for {approver.person.label}: {approver.rule}"


def newcomer(request: Request, person: Person, rule: str) -> Approver:
    """Return the approver who gives any approval that is missing."""
    groups = tuple(range(request.policy.needed)) if request.policy.is_chain else (0,)
    return Approver(person, rule, groups=groups)


def names_of(places: Sequence[Approver]) -> tuple[str, ...]:
    """Return the names of the people whose places these are."""
    return tuple(place.person.label for place in places)


def taken_back(approver: Approver) -> Approver:
    """Return an approver who handed their place on, and decides again."""
    return replace(approver, handed_to=None)
