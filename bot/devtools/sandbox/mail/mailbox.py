"""The received emails of a world: storing, finding and threading them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.devtools.sandbox.mail.records import ReceivedMail
from bot.devtools.sandbox.world import World

MOST: Final = 10_000
MOST_BYTES: Final = 32 * 1024 * 1024
"""Maximum number and total size of emails, in bytes. Beyond that the oldest are deleted."""


def add(world: World, mail: ReceivedMail) -> None:
    """Store an email and give it an id."""
    mail.id = str(world.count("mail"))
    world.mails.append(mail)
    size = sum(len(mail.raw) for mail in world.mails)
    while len(world.mails) > MOST or (size > MOST_BYTES and len(world.mails) > 1):
        size -= len(world.mails.pop(0).raw)


def find(world: World, *, to: str | None = None, subject: str = "") -> list[ReceivedMail]:
    """Return the emails to this address (None: all) whose subject contains this text, oldest first."""
    return [mail for mail in world.mails if (to is None or mail.is_for(to)) and subject in mail.subject]


def find_by_id(world: World, name: str) -> ReceivedMail | None:
    """Return the email with this id, or None."""
    return next((mail for mail in world.mails if mail.id == name), None)


def threads(mails: Sequence[ReceivedMail]) -> dict[str, str]:
    """Return the id of the first email of the conversation for the id of each email, by References and In-Reply-To.

    Two emails that reply to the same one belong together, even if that one is missing.
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
    """Return the addresses of all people, then other addresses that received email, in lower case."""
    owned = [person.email.lower() for person in world.users.values() if person.email and not person.deleted]
    outside = [person.email.lower() for person in world.outsiders]
    recipients = [address.lower() for mail in world.mails for address in mail.recipients]
    return list(dict.fromkeys([*owned, *outside, *recipients]))
