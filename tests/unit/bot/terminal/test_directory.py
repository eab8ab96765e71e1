"""The directory of a server without Slack."""

from __future__ import annotations

from bot.terminal.directory import TerminalDirectory
from engine.domain import Address, Origin, Person
from engine.ports import Route
from engine.references import parse

SAM = Person("p1", "Sam", (Address("email", "sam@example.com"),))


def test_every_person_is_reached_at_the_terminal_and_follows_runs_there() -> None:
    directory = TerminalDirectory()
    assert directory.reach(SAM) == [Route("terminal", SAM.label)]
    assert directory.back(Origin(surface="terminal"), SAM) is None


async def test_references_that_only_slack_knows_resolve_to_no_people_with_a_reason() -> None:
    directory = TerminalDirectory()
    group, email = parse("group:support"), parse("sam@example.com")
    assert group is not None
    assert email is not None
    assert (directory.asks(group), directory.asks(email)) == (True, False)
    resolution = (await directory.resolve([group]))[group]
    assert resolution.people == ()
    assert resolution.why == f"{group.rule} cannot be asked: Slack is not set up on this server."
