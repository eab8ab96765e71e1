"""References to people, as workflow files, settings and data write them: the one parser of them. Pure.

A reference is `owner`, `requester`, an email address, the id or a mention of an account (`engine.domain.accounts` has
the formats), `group:handle` or `role:name`. `check`, a run and the settings all read it here, so they agree.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine import fields
from engine.domain import Address, accounts
from engine.errors import InvalidValue
from engine.fields import Field, FieldType
from engine.json_values import Value

OWNER: Final = "owner"
REQUESTER: Final = "requester"
EMAIL: Final = "email"
GROUP: Final = "group"
ROLE: Final = "role"
MEMBERS: Final = "members"
"""The members of a group. No text is parsed to this; a directory is asked for it."""
ROLE_MEMBERS: Final = "role members"
"""The members of a role, like `MEMBERS`."""
ROLE_ENTRIES: Final = "role entries"
"""The entries of a role, without the members of its groups. A directory is asked why some cannot be asked."""
PLACE: Final = "place"
"""A place that many people read, such as a channel. No text is parsed to this; a directory is asked about it."""

ADDRESSES: Final = frozenset({EMAIL}) | accounts.NAMES
"""Kinds of references that name one person by an address: the only ones that data may use."""
DATA_CANNOT_NAME: Final = (f"{GROUP}:", f"{ROLE}:", *accounts.MENTION_PREFIXES)
"""The beginnings of references that may not contain an expression."""

_KEYWORDS: Final = frozenset({OWNER, REQUESTER})
_MEMBERS_OF: Final = {GROUP: MEMBERS, ROLE: ROLE_MEMBERS}
_CHECKED_AS: Final = {GROUP: MEMBERS, ROLE: ROLE_ENTRIES}
_PREFIXED: Final = re.compile(rf"({GROUP}|{ROLE}):@?(\w[\w.-]{{0,79}})")
_EMAIL: Final = Field(type=FieldType.EMAIL)


class Reference(Struct, frozen=True):
    """A parsed reference to people. `rule`: the text of it in the gate or the setting.

    `kind` is one of the constants of this module or the name of an account kind. `not_requester`: it does not mean the
    person who started the run.
    """

    kind: str
    value: str
    rule: str
    not_requester: bool = False

    @property
    def is_address(self) -> bool:
        """Return whether it names one person, by an email address or an account."""
        return self.kind in ADDRESSES

    @property
    def address(self) -> Address:
        """Return the address that it names a person by."""
        return Address(self.kind, self.value)

    @property
    def is_keyword(self) -> bool:
        """Return whether only a run says who it is: `owner` or `requester`."""
        return self.kind in _KEYWORDS

    @property
    def has_members(self) -> bool:
        """Return whether it names a group or a role."""
        return self.kind in _MEMBERS_OF

    @property
    def is_members(self) -> bool:
        """Return whether it is a reference to the members of a group or a role, made by `as_members`."""
        return self.kind in (MEMBERS, ROLE_MEMBERS)

    @property
    def as_members(self) -> Reference:
        """Return a reference to the members of a group or a role; any other reference is returned as it is."""
        return replace(self, kind=_MEMBERS_OF[self.kind]) if self.has_members else self

    @property
    def as_checked(self) -> Reference:
        """Return a reference that finds out quickly whether people can be asked by this one.

        The members of a group are not looked up, because a group can be large.
        """
        return replace(self, kind=_CHECKED_AS[self.kind]) if self.has_members else self


def parse(name: Value, *, rule: str | None = None) -> Reference | None:
    """Return the reference that a value holds, or None if it holds none. `rule` is by default the text itself."""
    return _parse(name, name if rule is None else rule) if isinstance(name, str) else None


def members_rule(owner: str | None) -> str | None:
    """Return the role or group that a text names as the owner of a workflow, or None if it names a person or no one."""
    reference = parse(owner)
    return owner if reference is not None and reference.has_members else None


@lru_cache(1024)
def _parse(text: str, rule: str) -> Reference | None:
    """Return the reference. The same few people are asked often, so recent results are cached."""
    if text in _KEYWORDS:
        return Reference(text, text, rule)
    if (account := accounts.parse_account(text)) is not None:
        return Reference(account.kind, account.value, rule)
    if match := _PREFIXED.fullmatch(text):
        return Reference(match[1], match[2].lower(), rule)
    email = _email(text)
    return None if email is None else Reference(EMAIL, email, rule)


def _email(text: str) -> str | None:
    try:
        return str(fields.validate(_EMAIL, text)).lower()
    except InvalidValue:
        return None
