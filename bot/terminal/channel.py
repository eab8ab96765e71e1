"""The terminal as a channel, for servers without Slack and email."""

from __future__ import annotations

import re

from rich.console import Console

from bot.presentation import dates, states
from bot.terminal import next_commands
from bot.terminal.output import local_time, print_commands
from bot.terminal.view import render_card
from engine.domain import Card, DeliveryKind, Receipt
from engine.errors import ChannelError


class TerminalChannel:
    """Port Channel. Prints each card once, and its outcome once it is closed.

    Without a console it prints nothing: the person is asked elsewhere.
    """

    name = "terminal"

    def __init__(self, console: Console | None) -> None:
        self._console = console
        self._last_printed: object = None

    async def show(self, *, address: str, card: Card, receipt: Receipt | None, delivery: str) -> Receipt:
        """Print the card, or one line for an edited copy. The receipt only says that it was printed."""
        if self._console is not None:
            try:
                self._print(self._console, address, card, edited=receipt is not None)
            except (OSError, ValueError) as error:
                # The reader has gone: the pipe or the window is closed.
                raise ChannelError(f"The terminal cannot be written: {error}.") from error
        return Receipt({"printed": delivery})

    def _print(self, console: Console, address: str, card: Card, *, edited: bool) -> None:
        """Print a card once for all its copies, and below it the address of each copy that the card does not name."""
        # Once other people are asked, the card is printed for them.
        outcome = card.outcome and card.outcome.line
        printed = (card.kind, card.topic, card.request, card.run, card.content_version, card.approvers, outcome)
        is_repeated = printed == self._last_printed
        if edited and card.kind is DeliveryKind.REQUEST:
            if not is_repeated and card.outcome is not None:
                line = dates.written(card.outcome.line, local_time)
                console.print(f"{states.ICONS[card.tone]} {card.title} {line}")
                self._last_printed = printed
            return
        if not is_repeated:
            console.print(render_card(card, local_time))
            print_commands(console, answer_commands(card))
        if address not in card.approvers or _speaks_to_one(card):
            console.print(f"This is for {address}.", style="dim")
        # Set only now, so that a copy that could not be written is written the next time.
        self._last_printed = printed


def _speaks_to_one(card: Card) -> bool:
    """Return whether the line of context says "you", which several people at one terminal could take for themselves."""
    words = " ".join(part for phrase in card.lead for part in phrase if isinstance(part, str)).lower()
    return "you" in re.findall(r"[a-z]+", words)


def answer_commands(card: Card) -> str:
    """Return the commands that answer this card, and the one that shows the rest of it."""
    if card.reminds:
        return "  All of them: signoff requests"
    if card.kind in (DeliveryKind.REQUEST, DeliveryKind.REMINDER):
        return next_commands.decide(card)
    if card.question_id is not None:
        return next_commands.answer(str(card.request), card.question_id)
    if card.topic == "needs_attention" and card.outcome is None:
        return next_commands.resume(str(card.run), card.answers)
    if card.run is None:
        return "  Details: signoff workflows"
    return f"  Details: signoff runs {card.run}"
