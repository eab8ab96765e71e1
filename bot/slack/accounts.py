"""A cache of Slack's accounts: answers are kept for a minute, and no two of them contradict each other.

Slack gives the same answer for an address of a deactivated account and for one that never had an account. So an
address without an active account is looked up in the list of all members, which is read page by page and kept longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from bot.slack.client import SlackClient, SlackError

T = TypeVar("T")
Account: TypeAlias = Mapping[str, Any]
FRESH_SECONDS: Final = 60.0
"""How long an answer of Slack is used, in seconds."""
LISTED_SECONDS: Final = 600.0
"""How long the list of all members is used, in seconds. It only finds accounts; their state is asked again."""
PAGE: Final = 1000
"""Members in one page of the list: at 20 pages a minute, 20,000 members a minute."""
MOST_PAGES: Final = 200
_MOST_KEPT: Final = 5_000
_NO_USER: Final = frozenset({"user_not_found", "users_not_found", "user_not_visible"})


class Accounts:
    """Looks up accounts, email addresses and usergroups. Raises `ChannelError` if Slack does not answer."""

    def __init__(self, client: SlackClient, now: Callable[[], float]) -> None:
        self._client, self._now = client, now
        self._cache: dict[tuple[str, str], tuple[float, Any]] = {}
        self._owners: dict[str, str] = {}
        """The account that Slack named last for each email address."""
        self._listing, self._listed = _Listing(), _Listing()
        self._reading = asyncio.Lock()

    async def by_id(self, user: str) -> Account | None:
        """Return an account, or None if there is none of this id."""

        async def ask() -> Account | None:
            return await self._user("users.info", user=user)

        return self._forget_contradictions(await self._fresh(("user", user), ask))

    async def by_email(self, email: str) -> Account | None:
        """Return the active account of an address, or None if there is none."""

        async def ask() -> Account | None:
            return await self._user("users.lookupByEmail", email=email)

        account = self._forget_contradictions(await self._fresh(("email", email), ask))
        if account is not None:
            self._cache.setdefault(("user", str(account["id"])), self._cache[("email", email)])
        return account

    async def deactivated(self, email: str) -> Account | None:
        """Return the deactivated account of an address that has no active one, or None if there is none either."""
        user = (await self._members_listed()).get(email)
        account = None if user is None else await self.by_id(user)
        return account if account is not None and account.get("deleted") else None

    async def groups(self) -> Mapping[str, str]:
        """Return the ids of usergroups by handle."""

        async def ask() -> Mapping[str, str]:
            answer = await self._client.get("usergroups.list")
            return {str(group["handle"]): str(group["id"]) for group in answer.get("usergroups", [])}

        return await self._fresh(("groups", ""), ask)

    async def members(self, group: str) -> list[str]:
        """Return the ids of the accounts in a usergroup."""

        async def ask() -> list[str]:
            answer = await self._client.get("usergroups.users.list", usergroup=group)
            return [str(user) for user in answer.get("users", [])]

        return await self._fresh(("group", group), ask)

    async def _user(self, method: str, **arguments: str) -> Account | None:
        try:
            return dict((await self._client.get(method, **arguments))["user"])
        except SlackError as error:
            if error.code in _NO_USER:
                return None
            raise

    async def _fresh(self, key: tuple[str, str], ask: Callable[[], Awaitable[T]]) -> T:
        at, cached = self._cache.get(key, (None, None))
        if at is not None and self._now() - at < FRESH_SECONDS:
            return cached  # type: ignore[return-value]
        asked_at = self._now()
        answer = await ask()
        if len(self._cache) >= _MOST_KEPT:
            self._cache.clear()
            self._owners.clear()
        self._cache[key] = (asked_at, answer)
        return answer

    def _forget_contradictions(self, account: Account | None) -> Account | None:
        """Drop an earlier answer if this one names another account for the same address."""
        email = to_address(account) if account is not None and not account.get("deleted") else None
        if account is None or email is None:
            return account
        user = str(account["id"])
        before = self._owners.get(email)
        self._owners[email] = user
        if before not in (None, user):
            self._cache.pop(("user", str(before)), None)
            cached = self._cache.get(("email", email))
            if cached is not None and cached[1] is not None and cached[1]["id"] != user:
                del self._cache[("email", email)]
        return account

    # -- the list of all members --

    async def _members_listed(self) -> Mapping[str, str]:
        """Return the accounts of all members by email address. The pages of a cancelled caller are kept."""
        async with self._reading:
            if self._listed.at is not None and self._now() - self._listed.at < LISTED_SECONDS:
                return self._listed.by_email
            if self._listing.at is None or self._now() - self._listing.at > LISTED_SECONDS:
                self._listing = _Listing(self._now())
            while await self._read_page(self._listing):
                pass
            self._listed, self._listing = self._listing, _Listing()
            return self._listed.by_email

    async def _read_page(self, listing: _Listing) -> bool:
        """Read another page, and return whether there are more."""
        position = {"cursor": listing.cursor} if listing.cursor else {}
        answer = await self._client.get("users.list", limit=str(PAGE), **position)
        for account in answer.get("members", []):
            email = to_address(account)
            # If several accounts had this address, an active one counts.
            if email is not None and (not account.get("deleted") or email not in listing.by_email):
                listing.by_email[email] = str(account["id"])
        listing.cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
        listing.pages += 1
        return bool(listing.cursor) and listing.pages < MOST_PAGES


class _Listing:
    """The pages of the list of members that were read so far. `at`: when the first was read."""

    def __init__(self, at: float | None = None) -> None:
        self.at, self.cursor, self.pages = at, "", 0
        self.by_email: dict[str, str] = {}


def to_address(account: Account) -> str | None:
    """Return the email address of an account, if the app may see it."""
    email = (account.get("profile") or {}).get("email")
    return email.lower() if isinstance(email, str) and email else None
