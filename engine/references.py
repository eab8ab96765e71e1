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

ADDRESSES: Final = frozenset({EMAIL}) | accounts.NAMES
"""Kinds of references that name one person by an address: the only ones that data may use."""
NOT_YET: Final = frozenset({ROLE})
"""Kinds that can be written in a file and are not supported yet."""
DATA_CANNOT_NAME: Final = (f"{GROUP}:", f"{ROLE}:", *accounts.MENTION_PREFIXES)
"""The beginnings of references that may not contain an expression."""

_KEYWORDS: Final = frozenset({OWNER, REQUESTER})
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
    def is_resolvable(self) -> bool:
        """Return whether the kind is supported, so that people can be asked by it."""
        return self.kind not in NOT_YET

    @property
    def as_members(self) -> Reference:
        """Return a reference to the members of a group; any other reference is returned as it is."""
        return replace(self, kind=MEMBERS) if self.kind == GROUP else self


def parse(name: Value, *, rule: str | None = None) -> Reference | None:
    """Return the reference that a value holds, or None if it holds none. `rule` is by default the text itself."""
    return _parse(name, name if rule is None else rule) if isinstance(name, str) else None


def parse_resolvable(name: Value, *, rule: str | None = None) -> Reference | None:
    """Return the reference that a value holds, or None if it names no one who can be asked."""
    reference = parse(name, rule=rule)
    return reference if reference is not None and reference.is_resolvable else None


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
