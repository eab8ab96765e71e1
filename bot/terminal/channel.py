"""The terminal as a channel, for servers without Slack and email."""

from __future__ import annotations

from rich.console import Console

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
        """Print a card once for all its copies, and the address of each copy below it."""
        printed = (card.kind, card.request, card.run, card.state)
        is_repeated = printed == self._last_printed
        if edited and card.kind is DeliveryKind.REQUEST:
            if not is_repeated and card.state is not None:
                console.print(f"Request {card.request} ({card.title}): {card.state}")
            self._last_printed = printed
            return
        if not is_repeated:
            console.print(render_card(card))
            console.print(answer_hint(card))
        console.print(f"For {address}.", style="dim")
        # Set only now, so that a copy that could not be written is written the next time.
        self._last_printed = printed


def answer_hint(card: Card) -> str:
    """Return a hint with the command that answers this card."""
    if card.kind is DeliveryKind.ALERT:
        return f"See: signoff runs {card.run}"
    edit = ", or edit field=value" if any(field.editable for field in card.fields) else ""
    return f"Answer with: signoff decide {card.request} approve\n(or in the place of approve: reject --reason …{edit})"
