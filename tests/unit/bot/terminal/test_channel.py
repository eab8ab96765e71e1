"""One terminal for all approvers prints a card once for those who are asked together."""

from __future__ import annotations

import io

from rich.console import Console

from bot.presentation import request_card
from bot.terminal.channel import TerminalChannel
from engine.domain import Person, Receipt
from engine.read_models import RequestView
from tests.support.samples import CHAIN, KIM, LEE, MIA, QUORUM, counted


class Terminal:
    """A terminal that prints the copies of these people."""

    def __init__(self) -> None:
        self._console = Console(file=io.StringIO(), width=200)
        self._channel = TerminalChannel(self._console)

    async def show(self, request: RequestView, *readers: Person, edited: bool = False) -> str:
        """Show the copies of these readers, and return what is printed for them."""
        assert isinstance(self._console.file, io.StringIO)
        self._console.file.seek(0)
        self._console.file.truncate()
        for reader in readers:
            await self._channel.show(
                address=reader.label,
                card=request_card.request_card(request, reader),
                receipt=Receipt({"printed": "d1"}) if edited else None,
                delivery="d1",
            )
        return self._console.file.getvalue()


async def test_the_card_of_people_who_are_asked_together_is_printed_once() -> None:
    printed = await Terminal().show(counted(QUORUM), LEE, KIM, MIA)
    assert printed.count("2 of 3 have to approve.") == 1
    assert "This is for" not in printed


async def test_the_next_group_of_a_chain_gets_a_card_that_says_for_whom_it_is() -> None:
    terminal = Terminal()
    first = await terminal.show(counted(CHAIN), LEE, KIM)
    assert first.count("First you or Kim, then Mia.") == 1
    assert [line for line in first.splitlines() if line.startswith("This is for")] == [
        "This is for Lee.",
        "This is for Kim.",
    ]
    assert await terminal.show(counted(CHAIN, LEE), LEE, KIM, edited=True) == ""
    second = await terminal.show(counted(CHAIN, LEE), MIA)
    assert "1 of 2: Lee approved, " in second
    assert "Waiting for you." in second
    assert "This is for Mia." in second
