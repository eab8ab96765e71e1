"""A cache of Slack's accounts: answers are kept for a minute, and no two of them contradict each other.

Slack gives the same answer for an address of a deactivated account and for one that never had an account. So an
address without an active account is looked up in the list of all members, which is read page by page and kept longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from bot.slack.client import SlackClient, SlackError

T = TypeVar("T")
Account: TypeAlias = Mapping[str, Any]
FRESH_SECONDS: Final = 60.0
"""How long an answer of Slack is used, in seconds."""
LISTED_SECONDS: Final = 600.0
"""How long the list of all members is used, in seconds. For a few accounts it only finds them, and their state is
asked again. Many are taken from it as they are: a decision asks for the state of its account anyway."""
MANY: Final = 50
"""Up to this many accounts are looked up one by one. Slack allows 50 lookups by email and 100 by id a minute, and the
list of all members has up to 20,000 members a minute."""
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

    async def look_up_many(self, *, users: Sequence[str] = (), emails: Sequence[str] = ()) -> None:
        """Keep the answers for these accounts and addresses, from the list of all members if they are many.

        An address that is not in the list has no account. An account that is not in it, such as one of another
        workspace, is left to `by_id`.
        """
        keys = [*(("user", user) for user in users), *(("email", email) for email in emails)]
        missing = [key for key in dict.fromkeys(keys) if not self._is_fresh(key)]
        if len(missing) <= MANY:
            return
        listing = await self._members_listed()
        now = self._now()
        for kind, value in missing:
            user = value if kind == "user" else listing.by_email.get(value)
            account = listing.accounts.get(user) if user is not None else None
            if account is not None:
                self._cache["user", str(account["id"])] = now, account
            if kind == "email":
                self._cache["email", value] = now, None if account is None or account.get("deleted") else account

    def forget(self, user: str) -> None:
        """Drop what is kept about an account, because it has changed."""
        for key in [key for key, (_, answer) in self._cache.items() if _is_about(user, key, answer)]:
            del self._cache[key]
        self._listed.accounts.pop(user, None)
        self._listing.accounts.pop(user, None)

    async def deactivated(self, email: str) -> Account | None:
        """Return the deactivated account of an address that has no active one, or None if there is none either."""
        user = (await self._members_listed()).by_email.get(email)
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
        if self._is_fresh(key):
            return self._cache[key][1]  # type: ignore[no-any-return]
        asked_at = self._now()
        answer = await ask()
        if len(self._cache) >= _MOST_KEPT:
            self._cache.clear()
            self._owners.clear()
        self._cache[key] = (asked_at, answer)
        return answer

    def _is_fresh(self, key: tuple[str, str]) -> bool:
        return key in self._cache and self._now() - self._cache[key][0] < FRESH_SECONDS

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

    async def _members_listed(self) -> _Listing:
        """Return the accounts of all members. The pages of a cancelled caller are kept."""
        async with self._reading:
            if self._listed.at is not None and self._now() - self._listed.at < LISTED_SECONDS:
                return self._listed
            if self._listing.at is None or self._now() - self._listing.at > LISTED_SECONDS:
                self._listing = _Listing(self._now())
            while await self._read_page(self._listing):
                pass
            self._listed, self._listing = self._listing, _Listing()
            return self._listed

    async def _read_page(self, listing: _Listing) -> bool:
        """Read another page, and return whether there are more."""
        position = {"cursor": listing.cursor} if listing.cursor else {}
        answer = await self._client.get("users.list", limit=str(PAGE), **position)
        for account in answer.get("members", []):
            listing.accounts[str(account["id"])] = _slim(account)
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
        self.accounts: dict[str, Account] = {}


_KEPT: Final = (
    *("id", "name", "real_name", "tz", "deleted", "is_bot", "is_workflow_bot"),
    *("is_restricted", "is_ultra_restricted", "is_stranger"),
)
"""What is kept of an account in the list: a workspace may have a hundred thousand."""


def _slim(account: Account) -> Account:
    profile = account.get("profile") or {}
    kept = {name: account[name] for name in _KEPT if account.get(name)}
    return {**kept, "profile": {name: profile[name] for name in ("real_name", "email") if profile.get(name)}}


def _is_about(user: str, key: tuple[str, str], answer: Any) -> bool:
    """Return whether a kept answer is about this account."""
    return key == ("user", user) or (key[0] == "email" and answer is not None and answer.get("id") == user)


def to_address(account: Account) -> str | None:
    """Return the email address of an account, if the app may see it."""
    email = (account.get("profile") or {}).get("email")
    return email.lower() if isinstance(email, str) and email else None
