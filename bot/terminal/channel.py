"""The terminal as a channel: what a server without another channel tells its operator."""

from __future__ import annotations

from rich.console import Console

from bot.terminal import screen
from engine.domain import Card, DeliveryKind, Receipt
from engine.errors import ChannelError


class TerminalChannel:
    """Prints each card once, and its outcome once it is closed. `console` None: the person is asked elsewhere."""

    name = "terminal"

    def __init__(self, console: Console | None) -> None:
        self._console = console
        self._last: object = None

    async def show(self, *, address: str, card: Card, receipt: Receipt | None, delivery: str) -> Receipt:
        """Print the card; an edited copy is one line. The receipt only says that it was printed."""
        if self._console is not None:
            try:
                self._print(self._console, address, card, edited=receipt is not None)
            except (OSError, ValueError) as error:
                # Whoever read the terminal has gone: a closed pipe, a closed window.
                raise ChannelError(f"The terminal cannot be written: {error}.") from error
        return Receipt({"printed": delivery})

    def _print(self, console: Console, address: str, card: Card, *, edited: bool) -> None:
        """Several people get copies of one card, and all of them stand at this one terminal."""
        what = (card.kind, card.request, card.run, card.state)
        again, self._last = what == self._last, what
        if edited and card.kind is DeliveryKind.REQUEST:
            if not again and card.state is not None:
                console.print(f"Request {card.request} ({card.title}): {card.state}")
            return
        if not again:
            console.print(screen.card_panel(card))
            console.print(next_step(card))
        console.print(f"For {address}.", style="dim")


def next_step(card: Card) -> str:
    """The command that answers this card."""
    if card.kind is DeliveryKind.ALERT:
        return f"See: signoff runs {card.run}"
    edit = ", or edit field=value" if any(field.editable for field in card.fields) else ""
    return f"Answer with: signoff decide {card.request} approve\n(or in the place of approve: reject --reason …{edit})"
