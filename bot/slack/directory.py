"""Who people are, as Slack knows them; and where they can be reached. Accounts that must not decide are never asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from bot.slack.client import SlackClient, SlackError
from engine.gate import Reference
from engine.model import Address, Origin, Person
from engine.ports import Found, Resolution, Route
from engine.who import MAX_APPROVERS

T = TypeVar("T")
FRESH_SECONDS: Final = 180.0
"""How long an answer of Slack is believed."""
_MOST_KEPT: Final = 5_000
_SLICE: Final = 50
"""Members of a usergroup who are looked up at once: a minute allows a hundred."""
_NO_GROUPS: Final = frozenset({"plan_upgrade_required", "team_not_found", "permission_denied"})
_SLACKBOT: Final = "USLACKBOT"

Account = Mapping[str, Any]


class SlackDirectory:
    """Port Directory. Emails, Slack accounts and usergroups are looked up; answers are kept for some minutes."""

    def __init__(self, client: SlackClient, *, now: Callable[[], float] | None = None) -> None:
        self._client = client
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._kept: dict[tuple[str, str], tuple[float, Any]] = {}

    def asks(self, reference: Reference) -> bool:
        """Only Slack knows these."""
        return reference.kind in ("email", "slack", "group", "members")

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        """Whom each means. Raises `ChannelError` while Slack does not answer."""
        found = await asyncio.gather(*(self._one(reference) for reference in references))
        return dict(zip(references, found, strict=True))

    def reach(self, person: Person) -> Sequence[Route]:
        """The person's account; somebody who is only known at this machine's terminal, there."""
        for address in person.addresses:
            if address.kind == "slack":
                return [Route("slack", address.value)]
        if any(address.kind == "terminal" for address in person.addresses):
            return [Route("terminal", person.label)]
        return []

    def back(self, origin: Origin, person: Person) -> Route | None:
        """The channel where a command was typed, else the conversation with the person."""
        if origin.surface != "slack":
            return None
        user = origin.place.get("user") or next((one.value for one in person.addresses if one.kind == "slack"), None)
        if user is None:
            return None
        channel = origin.place.get("channel", "")
        return Route("slack", f"{channel},{user}" if channel.startswith(("C", "G")) else user)

    # -- one reference --

    async def _one(self, reference: Reference) -> Resolution:
        match reference.kind:
            case "slack":
                return await self._account(reference)
            case "group" | "members":
                return await self._group(reference)
            case _:
                return await self._email(reference)

    async def _account(self, reference: Reference) -> Resolution:
        account = await self._info(reference.value)
        if account is None:
            return Resolution(
                (), f"{_named(reference)} is no account in this Slack workspace, so nobody is asked for it."
            )
        return _resolution([account], reference)

    async def _email(self, reference: Reference) -> Resolution:
        account = await self._by_email(reference.value)
        if account is None:
            # Slack says the same of a deactivated account.
            return Resolution(
                (),
                f"{reference.value} has no active account in this Slack workspace, so they are not asked.",
                unknown=True,
            )
        found = _resolution([account], reference)
        # The address that was looked up is theirs, whatever the app may read of their profile.
        return Resolution(tuple(_with(one, Address("email", reference.value)) for one in found.people), found.why)

    async def _group(self, reference: Reference) -> Resolution:
        try:
            groups = await self._groups()
            if reference.value not in groups:
                return Resolution((), f"There is no usergroup @{reference.value} in this Slack workspace.")
            members = await self._members(groups[reference.value])
        except SlackError as error:
            if error.code in _NO_GROUPS:
                return Resolution((), f"{reference.rule} cannot be asked: this Slack workspace has no usergroups.")
            if error.code == "no_such_subteam":
                return Resolution((), f"The usergroup @{reference.value} is disabled, so nobody in it is asked.")
            raise
        if reference.kind == "members":
            return Resolution((), members=frozenset(Address("slack", one) for one in members))
        return await self._asked(reference, members)

    async def _asked(self, reference: Reference, members: Sequence[str]) -> Resolution:
        """Those of a usergroup who may be asked, looked up until there are as many as one request asks."""
        accounts: list[Account] = []
        looked_up = 0
        for looked_up in range(0, len(members), _SLICE):
            found = await asyncio.gather(*(self._info(one) for one in members[looked_up : looked_up + _SLICE]))
            accounts += [one for one in found if one is not None]
            if sum(_unfit(one) is None for one in accounts) >= MAX_APPROVERS:
                break
        resolution = _resolution(accounts, reference)
        if not resolution.people:
            nobody = f"The usergroup @{reference.value} has nobody who can be asked."
            return Resolution((), f"{nobody} {resolution.why}" if resolution.why else nobody)
        if looked_up + _SLICE < len(members):
            few = f"@{reference.value} has {len(members):,} members; only the first {MAX_APPROVERS} are asked."
            return Resolution(resolution.people[:MAX_APPROVERS], few)
        return resolution

    # -- what Slack says --

    async def _info(self, user: str) -> Account | None:
        async def ask() -> Account | None:
            try:
                return dict((await self._client.get("users.info", user=user))["user"])
            except SlackError as error:
                if error.code in ("user_not_found", "user_not_visible"):
                    return None
                raise

        return await self._fresh(("user", user), ask)

    async def _by_email(self, email: str) -> Account | None:
        async def ask() -> Account | None:
            try:
                return dict((await self._client.get("users.lookupByEmail", email=email))["user"])
            except SlackError as error:
                if error.code in ("users_not_found", "user_not_found"):
                    return None
                raise

        return await self._fresh(("email", email), ask)

    async def _groups(self) -> Mapping[str, str]:
        async def ask() -> Mapping[str, str]:
            answer = await self._client.get("usergroups.list")
            return {str(one["handle"]): str(one["id"]) for one in answer.get("usergroups", [])}

        return await self._fresh(("groups", ""), ask)

    async def _members(self, group: str) -> list[str]:
        async def ask() -> list[str]:
            answer = await self._client.get("usergroups.users.list", usergroup=group)
            return [str(one) for one in answer.get("users", [])]

        return await self._fresh(("group", group), ask)

    async def _fresh(self, key: tuple[str, str], ask: Callable[[], Awaitable[T]]) -> T:
        at, kept = self._kept.get(key, (None, None))
        if at is not None and self._now() - at < FRESH_SECONDS:
            return kept  # type: ignore[return-value]
        answer = await ask()
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (self._now(), answer)
        return answer


def _resolution(accounts: Sequence[Account], reference: Reference) -> Resolution:
    """Those who may be asked, and a sentence on those who may not."""
    people: list[Found] = []
    whys: list[str] = []
    for account in accounts:
        why = _unfit(account)
        if why is None:
            people.append(_found(account))
        else:
            whys.append(f"{_name(account) or account.get('id')} {why} and is not asked")
    why = f"{reference.rule}: {'; '.join(whys[:5])}{f'; and {len(whys) - 5} more' if len(whys) > 5 else ''}."
    return Resolution(tuple(people), why if whys else None)


def _unfit(account: Account) -> str | None:
    if account.get("deleted"):
        return "is deactivated"
    if account.get("is_bot") or account.get("is_workflow_bot") or account.get("id") == _SLACKBOT:
        return "is a bot"
    if account.get("is_restricted") or account.get("is_ultra_restricted"):
        return "is a guest"
    if account.get("is_stranger"):
        return "belongs to another workspace"
    return None


def _found(account: Account) -> Found:
    addresses = [Address("slack", str(account["id"]))]
    email = (account.get("profile") or {}).get("email")
    if isinstance(email, str) and email:
        addresses.append(Address("email", email.lower()))
    return Found(_name(account), tuple(addresses))


def _with(found: Found, address: Address) -> Found:
    return found if address in found.addresses else Found(found.name, (*found.addresses, address))


def _name(account: Account) -> str:
    profile = account.get("profile") or {}
    return str(profile.get("real_name") or account.get("real_name") or account.get("name") or "")


def _named(reference: Reference) -> str:
    return reference.value if reference.value in reference.rule else f"{reference.rule} ({reference.value})"
