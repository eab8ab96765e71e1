"""The account kinds: how each messenger writes the ids of people and channels. Pure.

This is the only place that knows what such an id looks like. A further messenger is one more entry of `KINDS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct


class AccountKind(Struct, frozen=True, kw_only=True):
    """The formats of the ids and mentions of one messenger.

    `name` is the name of its channel and the kind of its addresses. `label` and `example` show people what an id is;
    `person_label` stands before the id of a person whose name is not known.
    `person` and `channel` match a whole text, with the id in the group `bare` or, of a mention, `mentioned`; `in_text`
    finds ids in sentences.
    """

    name: str
    label: str
    person_label: str
    example: str
    person: re.Pattern[str]
    """An id or a mention of a person."""
    at_start: re.Pattern[str]
    """A mention of a person at the start of a text: the `id`, the `name` if there is one, and the space after it."""
    in_text: re.Pattern[str]
    channel: re.Pattern[str]
    """An id or a mention of a channel."""
    channel_name: re.Pattern[str]
    mention_prefix: str
    person_starts: tuple[str, ...]
    channel_starts: tuple[str, ...]
    """The first letters of the ids of people and of channels, which tell apart ids that the messenger itself sent."""

    def person_id(self, text: str) -> str | None:
        """Return the id of the person that a text is an id or a mention of, or None if it is neither."""
        return _id(self.person, text)

    def channel_id(self, text: str) -> str | None:
        """Return the id of the channel that a text is an id or a mention of, or None if it is neither."""
        return _id(self.channel, text)

    def is_channel_name(self, text: str) -> bool:
        """Return whether a text is the name of a channel."""
        return self.channel_name.fullmatch(text) is not None


def _id(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.fullmatch(text)
    return None if match is None else match["bare"] or match["mentioned"]


# Slack documents the first letter of an id and no length, so a short id counts too: only Slack knows its accounts. In
# a sentence an id needs a digit and the usual length of Slack's ids, or words would count as ids.
SLACK: Final = AccountKind(
    name="slack",
    label="Slack user id",
    person_label="Slack user",
    example="U012AB3CD",
    person=re.compile(r"<@(?P<mentioned>[UW][A-Z0-9]{2,30})(?:\|[^<>]*)?>|(?P<bare>[UW][A-Z0-9]{2,30})"),
    at_start=re.compile(r"<@(?P<id>[UW][A-Z0-9]{2,30})(?:\|(?P<name>[^<>]*))?>\s*"),
    in_text=re.compile(r"(?<![A-Za-z0-9_@.])[UW](?=[A-Z]*[0-9])[A-Z0-9]{8,14}(?![A-Za-z0-9_])"),
    channel=re.compile(r"<#(?P<mentioned>[CG][A-Z0-9]{2,30})(?:\|[^<>]*)?>|(?P<bare>[CG][A-Z0-9]{2,30})"),
    channel_name=re.compile(r"#[^\s#,<>]{1,80}"),
    mention_prefix="<@",
    person_starts=("U", "W"),
    channel_starts=("C", "G"),
)
KINDS: Final = (SLACK,)

NAMES: Final = frozenset(kind.name for kind in KINDS)
MENTION_PREFIXES: Final = tuple(kind.mention_prefix for kind in KINDS)
LABELS: Final = " or ".join(kind.label for kind in KINDS)
ONE: Final = " or ".join(f"a {kind.label}" for kind in KINDS)
SEVERAL: Final = ", ".join(f"{kind.label}s" for kind in KINDS)
EXAMPLES: Final = " or ".join(f"a {kind.label} like {kind.example}" for kind in KINDS)


class Account(Struct, frozen=True):
    """An account of a person. `kind`: the name of its account kind. `value`: its id."""

    kind: str
    value: str


def parse_account(text: str) -> Account | None:
    """Return the account that a text is an id or a mention of, or None if it is neither."""
    for kind in KINDS:
        if (account_id := kind.person_id(text)) is not None:
            return Account(kind.name, account_id)
    return None


def is_account_id(text: str) -> bool:
    """Return whether a text is the id of an account, and not a mention of it."""
    account = parse_account(text)
    return account is not None and account.value == text


def person_label(kind: str, account_id: str) -> str:
    """Return the text that is shown for a person if only their account is known."""
    label = next((account_kind.person_label for account_kind in KINDS if account_kind.name == kind), kind)
    return f"{label} {account_id}"


def ids_in(text: str) -> list[str]:
    """Return the ids of accounts that stand in a text."""
    return [account_id for kind in KINDS for account_id in kind.in_text.findall(text)]


def replace_ids(text: str, label: Callable[[str], str]) -> str:
    """Return the text with each id of an account replaced by the label for it."""
    for kind in KINDS:
        text = kind.in_text.sub(lambda match: label(match[0]), text)
    return text
