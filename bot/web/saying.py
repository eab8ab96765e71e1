"""Pages that only say what happened and what to do, pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Way:
    """A link to where it goes on."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """`title`: what happened. `lines`: why, and what to do. `tone`: only for the sign beside the title."""

    status: int
    title: str
    lines: tuple[str, ...]
    ways: tuple[Way, ...] = ()


def broken(sentence: str) -> Said:
    """`sentence`: with the number of the incident."""
    return Said(status=500, title="Something broke", lines=(sentence,))


NOT_FOUND = Said(
    status=404,
    title="There is no such page",
    lines=("The address may be cut off. Open the link in the mail again, all of it.",),
)
WRONG_METHOD = Said(
    status=405,
    title="That does not work at this address",
    lines=("Go back to the page that you came from, and use its buttons.",),
)
TOO_LARGE = Said(
    status=413,
    title="That is too much text",
    lines=("What you sent is larger than 2 MB; nothing was done. Go back, and shorten it.",),
)
FOREIGN = Said(
    status=403,
    title="This form was sent from somewhere else",
    lines=(
        "Nothing was done. Forms are only taken from our own pages, so that no other website can act for you.",
        "Open the link in the mail again, and decide there.",
    ),
)
UNREADABLE = Said(
    status=400,
    title="That form cannot be read",
    lines=("Nothing was done. Open the link in the mail again, and decide there.",),
)
