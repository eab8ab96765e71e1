"""The directory that adds email to another directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.email.directory import DirectoryWithEmail
from bot.terminal.directory import TerminalDirectory
from engine.domain import Address, Origin, Person
from engine.ports import DirectoryPerson, Resolution, Route
from engine.references import Reference, parse

EMAIL = Address("email", "sam@example.com")
SAM = Person("p1", "Sam", (EMAIL,))
ANN = Person("p2", "Ann", (Address("slack", "U0ANN"), Address("email", "ann@example.com")))
LOGIN = Person("p3", "root", (Address("terminal", "root"),))


class SlackLikeDirectory:
    """A directory that reaches people by their account, and resolves no reference."""

    def asks(self, reference: Reference) -> bool:
        return True

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        return {reference: Resolution((), "Not known there.", unknown=True) for reference in references}

    def reach(self, person: Person) -> Sequence[Route]:
        return [Route("slack", address.value) for address in person.addresses if address.kind == "slack"]

    def back(self, origin: Origin, person: Person) -> Route | None:
        return Route("slack", "C1")

    def place(self, name: str) -> Route | None:
        return None


def reference(text: str) -> Reference:
    parsed = parse(text)
    assert parsed is not None
    return parsed


def test_email_is_another_route_after_those_of_the_other_directory() -> None:
    directory = DirectoryWithEmail(SlackLikeDirectory())
    assert directory.reach(ANN) == [Route("slack", "U0ANN"), Route("email", "ann@example.com")]
    assert directory.reach(SAM) == [Route("email", "sam@example.com")]


def test_email_replaces_the_terminal_only_for_people_with_an_email_address() -> None:
    directory = DirectoryWithEmail(TerminalDirectory())
    assert directory.reach(SAM) == [Route("email", "sam@example.com")]
    assert directory.reach(LOGIN) == [Route("terminal", LOGIN.label)]


async def test_an_address_that_the_other_directory_does_not_know_is_its_own_person() -> None:
    directory = DirectoryWithEmail(SlackLikeDirectory())
    email, group = reference("sam@example.com"), reference("group:support")
    resolutions = await directory.resolve([email, group])
    assert resolutions[email].people == (DirectoryPerson("", (EMAIL,), unlisted=True),)
    assert resolutions[email].unknown
    assert resolutions[group] == Resolution((), "Not known there.", unknown=True)


def test_the_other_directory_decides_about_lookups_and_the_route_back() -> None:
    directory = DirectoryWithEmail(SlackLikeDirectory())
    assert directory.asks(reference("sam@example.com"))
    assert directory.back(Origin(surface="slack"), ANN) == Route("slack", "C1")


def test_the_outcome_of_a_run_that_an_email_started_goes_to_its_sender() -> None:
    directory = DirectoryWithEmail(SlackLikeDirectory())
    origin = Origin(surface="email", place={"from": "ann@example.com"})
    assert directory.back(origin, ANN) == Route("email", "ann@example.com")
    assert directory.back(Origin(surface="slack", place={"from": "x"}), ANN) == Route("slack", "C1")
