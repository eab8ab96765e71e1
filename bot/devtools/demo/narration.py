"""The printed story: the actions of people, the messages that they see, and the claims that were checked."""

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
_POLL_SECONDS: Final = 0.005


class ClaimFailed(Exception):
    """A claim of the story that does not hold. `actual`: the state that was seen."""

    def __init__(self, claim: str, actual: str) -> None:
        self.claim, self.actual = claim, actual
        super().__init__(f"{claim}; instead: {actual}")


class Narrator:
    """Prints lines, and counts the claims that hold. `patience`: seconds that a claim may take to come true."""

    def __init__(self, console: Console, *, patience: float) -> None:
        self._console, self._patience = console, patience
        self.claims_held = 0
        self._chapters = 0

    # -- lines --

    def chapter(self, title: str) -> None:
        """Print the heading of a new chapter."""
        self._chapters += 1
        self._console.print()
        self._console.print(f"{self._chapters}. {title}", style="bold")

    def line(self, speaker: str, text: str) -> None:
        """Print an action or a message of a person or a server."""
        self._row(Text(speaker, style=_STYLES.get(speaker, "dim")), Text(characters.visible(text)))

    def text(self, text: str, *, style: str = "") -> None:
        """Print a line of the narrator."""
        self._console.print(characters.visible(text), style=style)

    def _row(self, first: Text, second: Text) -> None:
        row = Table.grid(padding=(0, 1))
        row.add_column(width=2)
        row.add_column(width=8, no_wrap=True)
        row.add_column(overflow="fold")
        row.add_row(Text(), first, second)
        self._console.print(row)

    # -- claims --

    def claim(self, claim: str, holds: object, *, actual: object = "it is not so") -> None:
        """Check and print a claim that must hold now. Raises `ClaimFailed`."""
        if not holds:
            raise ClaimFailed(claim, str(actual))
        self.claims_held += 1
        self._row(Text("✓".rjust(8), style="bold green"), Text(characters.visible(claim), style="green"))

    async def expect(
        self, claim: str, look: Callable[[], T | None], *, actual: Callable[[], object] = lambda: "nothing came"
    ) -> T:
        """Wait until `look` returns a value, print the claim, and return the value. Raises `ClaimFailed`."""
        value = await self.wait_for(claim, look, actual=actual)
        self.claim(claim, holds=True)
        return value

    async def wait_for(
        self, claim: str, look: Callable[[], T | None], *, actual: Callable[[], object] = lambda: "nothing came"
    ) -> T:
        """Wait until `look` returns a value, and return it without printing. Raises `ClaimFailed`."""
        try:
            async with asyncio.timeout(self._patience):
                while not (value := look()):  # noqa: ASYNC110 there is no event to wait for
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise ClaimFailed(claim, f"after {self._patience:g} s, {actual()}") from None
        return value

    def print_failure(self, failure: ClaimFailed) -> None:
        """Print a claim that did not hold, as the end of the story."""
        self._row(Text("✕".rjust(8), style="bold red"), Text(characters.visible(failure.claim), style="bold red"))
        self.line("instead", failure.actual)
        self._console.print()
        self._console.print("The story broke off: this claim does not hold.", style="bold red")
