"""Who may start runs of a workflow, by its `may_run`: people themselves, and the steps of their runs."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from engine.delivery.recipients import Recipients
from engine.domain import Address, Person
from engine.references import Reference, parse
from engine.workflowfile import Workflow


class NoStarter(StrEnum):
    """Why a person may not start a workflow."""

    GUEST = "guest"
    UNVERIFIED = "unverified"
    """The directory did not answer whether they are a member."""
    NOT_NAMED = "not_named"


class StarterRefused(Struct, frozen=True):
    """Why a person may not start a workflow. `notes`: sentences about groups that have no members."""

    why: NoStarter
    notes: tuple[str, ...] = ()


def find_starter(
    recipients: Recipients, workspace: str, address: Address, *, owner: str, workflow: Workflow
) -> Person | StarterRefused:
    """Return the person who acts from an address, if they may start the workflow. Guests may only if it names them.

    `owner`: the id of the owner of the workflow. Raises `NeedsDirectory`.
    """
    starters = named_starters(workflow)
    guest = recipients.guest(workspace, address)
    if not starters:
        if guest is not None:
            return StarterRefused(NoStarter.GUEST)
        if recipients.is_unverified(workspace, address):
            return StarterRefused(NoStarter.UNVERIFIED)
        return recipients.actor(workspace, address)
    person = recipients.actor(workspace, address)
    if guest is None and person.id == owner:
        return person
    may, unknown = recipients.among(guest.addresses if guest else person.addresses, starters)
    return person if may else StarterRefused(NoStarter.NOT_NAMED, tuple(unknown))


def named_starters(workflow: Workflow) -> list[Reference]:
    """Return the people who may start the workflow besides its owner; without any, every member may."""
    return [reference for name in workflow.may_run if (reference := parse(name)) is not None]
