"""The story on the screen: who did what, what they saw, and whether each claim holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.presentation import characters

T = TypeVar("T")

_STYLES: Final = {
    "cleo": "magenta",
    "ada": "cyan",
    "ben": "blue",
    "gus": "yellow",
    "mia": "green",
    "kim": "yellow",
    "ada, ben": "cyan",
}
_LOOK_SECONDS: Final = 0.005


class Broken(Exception):
    """A claim of the story that does not hold. `instead`: what was seen."""

    def __init__(self, claim: str, instead: str) -> None:
        self.claim, self.instead = claim, instead
        super().__init__(f"{claim}; instead: {instead}")


class Teller:
    """Prints lines, and counts the claims that held. `patience`: seconds that a claim may take to come true."""

    def __init__(self, console: Console, *, patience: float) -> None:
        self._console, self._patience = console, patience
        self.held = 0
        self._chapters = 0

    # -- lines --

    def chapter(self, title: str) -> None:
        """A new part of the story."""
        self._chapters += 1
        self._console.print()
        self._console.print(f"{self._chapters}. {title}", style="bold")

    def line(self, who: str, said: str) -> None:
        """Who did or says what."""
        self._row(Text(who, style=_STYLES.get(who, "dim")), Text(characters.visible(said)))

    def plain(self, said: str, *, style: str = "") -> None:
        """A line of the story itself."""
        self._console.print(characters.visible(said), style=style)

    def _row(self, first: Text, second: Text) -> None:
        row = Table.grid(padding=(0, 1))
        row.add_column(width=2)
        row.add_column(width=8, no_wrap=True)
        row.add_column(overflow="fold")
        row.add_row(Text(), first, second)
        self._console.print(row)

    # -- claims --

    def claim(self, claim: str, holds: object, *, instead: object = "it is not so") -> None:
        """Something that must be so now. Raises `Broken`."""
        if not holds:
            raise Broken(claim, str(instead))
        self.held += 1
        self._row(Text("✓".rjust(8), style="bold green"), Text(characters.visible(claim), style="green"))

    async def comes(
        self, claim: str, look: Callable[[], T | None], *, instead: Callable[[], object] = lambda: "nothing came"
    ) -> T:
        """A claim that must come true soon; what `look` then found. Raises `Broken`."""
        found = await self.awaits(claim, look, instead=instead)
        self.claim(claim, holds=True)
        return found

    async def awaits(
        self, claim: str, look: Callable[[], T | None], *, instead: Callable[[], object] = lambda: "nothing came"
    ) -> T:
        """The same without a line of its own, for what the next line tells."""
        try:
            async with asyncio.timeout(self._patience):
                while not (found := look()):  # noqa: ASYNC110 what is looked at has no bell
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            raise Broken(claim, f"after {self._patience:g} s, {instead()}") from None
        return found

    def broke(self, broken: Broken) -> None:
        """The end of a story whose claim did not hold."""
        self._row(Text("✗".rjust(8), style="bold red"), Text(characters.visible(broken.claim), style="bold red"))
        self.line("instead", broken.instead)
        self._console.print()
        self._console.print("The story broke off: this claim does not hold.", style="bold red")
