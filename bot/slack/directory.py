"""The people of a Slack workspace, and where they are reached. Accounts that must not decide are never asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from bot.slack.accounts import Account, Accounts, to_address
from bot.slack.client import SlackClient, SlackError
from bot.slack.places import Places
from engine import timestamps
from engine.delivery.recipients import MAX_APPROVERS
from engine.domain import Address, Origin, Person
from engine.domain.accounts import SLACK
from engine.errors import ChannelError
from engine.ports import DirectoryPerson, Resolution, Route
from engine.references import EMAIL, GROUP, MEMBERS, PLACE, Reference

_SLICE: Final = 50
"""Members of a usergroup that are looked up at the same time."""
_CHECKING: Final = 0.8
"""Timeout of the check of a channel, in seconds: Slack waits three for the answer to a registration."""
_NO_GROUPS: Final = frozenset({"plan_upgrade_required", "team_not_found", "permission_denied"})
_SLACKBOT: Final = "USLACKBOT"
_GUEST: Final = "a guest"
_STRANGER: Final = "from another workspace"


class SlackDirectory:
    """Port Directory. Emails, Slack accounts and usergroups are looked up; answers are kept for a minute."""

    def __init__(self, client: SlackClient, *, now: Callable[[], float] | None = None) -> None:
        self._places = Places(client)
        self._accounts = Accounts(client, now or (lambda: asyncio.get_running_loop().time()))

    def asks(self, reference: Reference) -> bool:
        """Return whether only Slack knows the people or the channel of the reference."""
        return reference.kind in (EMAIL, SLACK.name, GROUP, MEMBERS, PLACE)

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        """Return the people of each reference. Raises `ChannelError` if Slack does not answer."""
        emails = [reference.value for reference in references if reference.kind == EMAIL]
        users = [reference.value for reference in references if reference.kind == SLACK.name]
        await self._accounts.look_up_many(users=users, emails=emails)
        resolutions = await asyncio.gather(*(self._resolve(reference) for reference in references))
        return dict(zip(references, resolutions, strict=True))

    def reach(self, person: Person) -> Sequence[Route]:
        """Return the person's Slack account, or the terminal for a person who is only known there."""
        for address in person.addresses:
            if address.kind == "slack":
                return [Route("slack", address.value)]
        if any(address.kind == "terminal" for address in person.addresses):
            return [Route("terminal", person.label)]
        return []

    def back(self, origin: Origin, person: Person) -> Route | None:
        """Return the channel where the command was typed, or else the conversation with the person.

        For a run that was started with a message it is the thread of that message.
        """
        if origin.surface != "slack":
            return None
        user = origin.place.get("user") or next(
            (address.value for address in person.addresses if address.kind == "slack"), None
        )
        if user is None:
            return None
        channel = origin.place.get("channel", "")
        if not channel.startswith(SLACK.channel_starts):
            return Route("slack", user)
        thread = origin.place.get("thread")
        return Route("slack", f"{channel}/{thread},{user}" if thread else f"{channel},{user}")

    def place(self, name: str) -> Route | None:
        """Return the route to a channel, by its id or, as `#name`, by its name."""
        return Route(SLACK.name, SLACK.channel_id(name) or name)

    def forget(self, account: Address) -> None:
        """Ask Slack again about an account that has changed."""
        self._accounts.forget(account.value)

    # -- one reference --

    async def _resolve(self, reference: Reference) -> Resolution:
        if reference.kind == PLACE:
            return await self._place(reference)
        if reference.kind == SLACK.name:
            return await self._account(reference)
        if reference.kind in (GROUP, MEMBERS):
            return await self._group(reference)
        return await self._email(reference)

    async def _place(self, reference: Reference) -> Resolution:
        """Return no people, and why requests cannot be posted to a channel, if they cannot."""
        try:
            async with asyncio.timeout(_CHECKING):
                obstacle = await self._places.obstacle(reference.value)
        except (ChannelError, TimeoutError) as error:
            # What else the file names can be checked all the same.
            why = str(error) or "Slack did not answer in time."
            return Resolution((), f"Whether Signoff can post to {reference.rule} is not known. {why}", unanswered=True)
        return Resolution(()) if obstacle is None else Resolution((), obstacle[0], never=obstacle[1])

    async def _account(self, reference: Reference) -> Resolution:
        account = await self._accounts.by_id(reference.value)
        if account is None:
            why = f"{_named(reference)} is not an account in this Slack workspace and is not asked."
            return Resolution((), why, never=True)
        return _one_account(account, reference)

    async def _email(self, reference: Reference) -> Resolution:
        account = await self._accounts.by_email(reference.value)
        if account is None:
            # Slack says the same of a deactivated account.
            account = await self._accounts.deactivated(reference.value)
            if account is not None:
                return _one_account(account, reference)
            why = f"{reference.value} has no active account in this Slack workspace and is not asked."
            return Resolution((), why, unknown=True)
        resolution = _one_account(account, reference)
        # The address that was looked up is theirs, whatever the app may read of their profile.
        address = reference.address
        return replace(resolution, people=tuple(_with_address(person, address) for person in resolution.people))

    async def _group(self, reference: Reference) -> Resolution:
        try:
            groups = await self._accounts.groups()
            if reference.value not in groups:
                why = f"There is no usergroup @{reference.value} in this Slack workspace."
                return Resolution((), why, never=True)
            members = await self._accounts.members(groups[reference.value])
        except SlackError as error:
            if error.code in _NO_GROUPS:
                why = f"{reference.rule} cannot be asked: this Slack workspace has no usergroups."
                return Resolution((), why, never=True)
            if error.code == "no_such_subteam":
                why = f"The usergroup @{reference.value} is disabled, so its members are not asked."
                return Resolution((), why, never=True)
            raise
        if reference.kind == MEMBERS:
            return Resolution((), members=frozenset(Address("slack", member) for member in members))
        return await self._eligible_members(reference, members)

    async def _eligible_members(self, reference: Reference, members: Sequence[str]) -> Resolution:
        """Return members of a usergroup who may be asked, at most as many as one request asks."""
        await self._accounts.look_up_many(users=members[: 2 * MAX_APPROVERS])
        accounts: list[Account] = []
        looked_up = 0
        for looked_up in range(0, len(members), _SLICE):
            slice_accounts = await asyncio.gather(
                *(self._accounts.by_id(member) for member in members[looked_up : looked_up + _SLICE])
            )
            accounts += [account for account in slice_accounts if account is not None]
            if sum(_unfit(account) is None for account in accounts) >= MAX_APPROVERS:
                break
        resolution = _resolution(accounts, reference)
        if not resolution.people:
            no_members = f"The usergroup @{reference.value} has no member who can be asked."
            return Resolution((), f"{no_members} {resolution.why}" if resolution.why else no_members)
        if looked_up + _SLICE < len(members):
            few = f"@{reference.value} has {len(members):,} members; only the first {MAX_APPROVERS} are asked."
            return Resolution(resolution.people[:MAX_APPROVERS], few)
        return resolution


def _one_account(account: Account, reference: Reference) -> Resolution:
    """Return the person with this account, or the reason why the account is not asked."""
    state = _unfit(account)
    guests = (_to_person(account),) if state in (_GUEST, _STRANGER) else ()
    return replace(_resolution([account], reference), standing=state, never=state is not None, guests=guests)


def _resolution(accounts: Sequence[Account], reference: Reference) -> Resolution:
    """Return the people who may be asked, and a sentence about those who may not."""
    people: list[DirectoryPerson] = []
    whys: list[str] = []
    for account in accounts:
        state = _unfit(account)
        if state is None:
            people.append(_to_person(account))
        else:
            whys.append(f"{_name(account) or account.get('id')} is {state} and is not asked")
    why = f"{reference.rule}: {'; '.join(whys[:5])}{f'; and {len(whys) - 5} more' if len(whys) > 5 else ''}."
    return Resolution(tuple(people), why if whys else None)


def _unfit(account: Account) -> str | None:
    """Return the kind of an account that is never asked, as it follows the word "is"; None for others."""
    if account.get("deleted"):
        return "deactivated"
    if account.get("is_bot") or account.get("is_workflow_bot") or account.get("id") == _SLACKBOT:
        return "a bot"
    if account.get("is_restricted") or account.get("is_ultra_restricted"):
        return _GUEST
    if account.get("is_stranger"):
        return _STRANGER
    return None


def _to_person(account: Account) -> DirectoryPerson:
    addresses = [Address("slack", str(account["id"]))]
    email = to_address(account)
    if email is not None:
        addresses.append(Address("email", email))
    return DirectoryPerson(_name(account), tuple(addresses), _zone(account))


def _with_address(person: DirectoryPerson, address: Address) -> DirectoryPerson:
    if address in person.addresses:
        return person
    return DirectoryPerson(person.name, (*person.addresses, address), person.zone)


def _name(account: Account) -> str:
    profile = account.get("profile") or {}
    return str(profile.get("real_name") or account.get("real_name") or account.get("name") or "")


def _zone(account: Account) -> str | None:
    """Return the name of the time zone in the person's settings, if this machine knows it."""
    name = account.get("tz")
    return name if isinstance(name, str) and timestamps.find_zone(name) is not None else None


def _named(reference: Reference) -> str:
    return reference.value if reference.value in reference.rule else f"{reference.rule} ({reference.value})"
