"""The mails of the world: kept, found, and put into threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.devtools.sandbox.mail.records import ReceivedMail
from bot.devtools.sandbox.world import World

MOST: Final = 10_000
MOST_BYTES: Final = 32 * 1024 * 1024
"""The oldest mails go when there are more, or larger ones."""


def add(world: World, mail: ReceivedMail) -> None:
    """Keep a mail, under an id of its own."""
    mail.id = str(world.count("mail"))
    world.mails.append(mail)
    size = sum(len(one.raw) for one in world.mails)
    while len(world.mails) > MOST or (size > MOST_BYTES and len(world.mails) > 1):
        size -= len(world.mails.pop(0).raw)


def found(world: World, *, to: str | None = None, subject: str = "") -> list[ReceivedMail]:
    """The mails whose envelope names this address (None: all) and whose Subject has this in it, oldest first."""
    return [one for one in world.mails if (to is None or one.is_for(to)) and subject in one.subject]


def named(world: World, name: str) -> ReceivedMail | None:
    """The mail with this id."""
    return next((one for one in world.mails if one.id == name), None)


def threads(mails: Sequence[ReceivedMail]) -> dict[str, str]:
    """For each mail's id, that of the first mail of its conversation, by References and In-Reply-To.

    Two mails that answer the same one belong together, also where that one is not there.
    """
    roots: dict[str, str] = {}
    first: dict[str, str] = {}
    for mail in mails:
        names = [*mail.parsed.references, *([mail.parsed.message_id] if mail.parsed.message_id else [])]
        root = next((first[name] for name in names if name in first), mail.id)
        roots[mail.id] = root
        for name in names:
            first.setdefault(name, root)
    return roots


def addresses(world: World) -> list[str]:
    """Everybody who has an address, and every address that got mail, in lower case and in that order."""
    owned = [one.email.lower() for one in world.users.values() if one.email and not one.deleted]
    outside = [one.email.lower() for one in world.outsiders]
    got = [address.lower() for mail in world.mails for address in mail.recipients]
    return list(dict.fromkeys([*owned, *outside, *got]))
