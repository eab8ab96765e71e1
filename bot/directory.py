"""Who people are and where they can be reached, without any other channel than this machine's terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.gate import Reference
from engine.model import Origin, Person
from engine.ports import Resolution, Route


class TerminalDirectory:
    """Everybody is reached at the terminal of this machine: whoever stands there passes the word on."""

    def asks(self, reference: Reference) -> bool:
        """Only of Slack accounts and usergroups is there more to know than the tables hold."""
        return reference.kind in ("slack", "group", "members")

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        """Nobody: without Slack, nobody can say who these are."""
        return {
            one: Resolution((), f"{one.rule} cannot be asked: Slack is not set up on this server.")
            for one in references
        }

    def reach(self, person: Person) -> Sequence[Route]:
        """The terminal, under the name that the person is known by."""
        return [Route("terminal", person.label)]

    def back(self, origin: Origin, person: Person) -> Route | None:  # noqa: ARG002 the port's shape
        """Nowhere: whoever started a run at a terminal follows it there."""
        return None
