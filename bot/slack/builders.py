"""Who may register workflows from Slack: the builders of the settings, as accounts, addresses, groups or roles."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bot.presentation import builder_refusals
from bot.slack import approver_names
from bot.slack.payloads import Actor
from engine.domain import NotAllowed, Person, Refusal
from engine.errors import ChannelError
from engine.ports import Directory
from engine.references import EMAIL, Reference, parse


def is_named(builders: Sequence[str], person: Person) -> bool:
    """Return whether an address of a person is among the builders. Members of groups are not looked up."""
    references = (reference for builder in builders if (reference := parse(builder)) is not None)
    return any(not reference.has_members and reference.address in person.addresses for reference in references)


async def refuse(directory: Directory, builders: Sequence[str], by: Actor) -> Refusal | None:
    """Return why this person may not register workflows, or None if they may."""
    if not builders:
        return builder_refusals.refused(builders)
    references = [reference for builder in builders if (reference := parse(builder)) is not None]
    if any(reference.address == by.address for reference in references):
        return None
    person = Reference(by.address.kind, by.user, by.user)
    groups = [reference.as_members for reference in references if reference.has_members]
    try:
        async with asyncio.timeout(approver_names.LOOKING_UP):
            resolutions = await directory.resolve([person, *groups])
    except (ChannelError, TimeoutError) as error:
        why = str(error) or "Slack did not answer in time. Try again in a moment."
        return NotAllowed(why=f"Signoff could not check whether you may register workflows. {why}")
    own_addresses = {address for member in resolutions[person].people for address in member.addresses}
    members = {address for group in groups for address in resolutions[group].members}
    emails = {reference.value for reference in references if reference.kind == EMAIL}
    if by.address in own_addresses and (
        not members.isdisjoint(own_addresses) or any(address.value in emails for address in own_addresses)
    ):
        return None
    return builder_refusals.refused(builders)
