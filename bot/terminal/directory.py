"""The directory of a server without Slack: people are reached at the terminal of this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from engine.domain import Origin, Person, accounts
from engine.ports import Resolution, Route
from engine.references import GROUP, MEMBERS, Reference

_ONLY_IN_SLACK: Final = frozenset({GROUP, MEMBERS}) | accounts.NAMES
"""Kinds of references that only Slack can resolve."""


class TerminalDirectory:
    """Port Directory. Routes every copy to this machine's terminal, where the operator passes it on."""

    def asks(self, reference: Reference) -> bool:
        """Return whether the reference is to a Slack account or usergroup; the tables resolve all others."""
        return reference.kind in _ONLY_IN_SLACK

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        """Return no people for each reference, and the reason: only Slack could name them."""
        return {
            reference: Resolution((), f"{reference.rule} cannot be asked: Slack is not set up on this server.")
            for reference in references
        }

    def reach(self, person: Person) -> Sequence[Route]:
        """Return the terminal, under the name that the person is known by."""
        return [Route("terminal", person.label)]

    def back(self, origin: Origin, person: Person) -> Route | None:  # noqa: ARG002 the port's shape
        """Return None: a person who started a run at a terminal follows it there."""
        return None

    def place(self, name: str) -> Route | None:  # noqa: ARG002 the port's shape
        """Return None: no place that many people read is at a terminal."""
        return None
