"""The line of a shared copy that mentions the people who can decide, so that Slack notifies them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bot.slack import rich_text, text_objects
from bot.slack.text_objects import Block, Element
from engine.domain import Card

MOST_MENTIONS: Final = 20
"""Maximum number of people who are mentioned. Of more, the rest is a number, so that no message notifies hundreds."""


def block(card: Card) -> Block:
    """Return who can decide, each person with an account as a mention: never a group, and never a whole channel."""
    return rich_text.paragraphs([rich_text.section(_elements(card))])


def asked_this(card: Card) -> Block:
    """Return who asked the question whose answer this is, as a mention."""
    askers = [_mention(account) for account in card.mentions if account is not None]
    return rich_text.paragraphs([rich_text.section([*askers, *rich_text.words(" asked this.")])])


def _elements(card: Card) -> Iterator[Element]:
    people = list(zip(card.approvers, card.mentions, strict=True))
    # One more person is as short as "1 more person".
    shown = people if len(people) <= MOST_MENTIONS + 1 else people[:MOST_MENTIONS]
    more = len(people) - len(shown)
    for index, (name, account) in enumerate(shown):
        is_last = index == len(shown) - 1 and not more
        yield from rich_text.words("" if index == 0 else " or " if is_last else ", ")
        yield from rich_text.words(text_objects.line(name)) if account is None else [_mention(account)]
    yield from rich_text.words(f" or {more} more people" if more else "")
    yield from rich_text.words(f" can {'answer' if card.is_form else 'decide'}.")


def _mention(account: str) -> Element:
    return {"type": "user", "user_id": account}
