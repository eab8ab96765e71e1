"""Who decides: what the surface vouches for, or what a link and a remembered browser prove."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from msgspec import Struct

from engine.domain import Address, Assurance, Decide, LinkState, NoLink, Person, Refusal, RememberedBrowser
from engine.requests import Request
from engine.store import browsers, links, people
from engine.store.transaction import Tx

_HELD: Final = frozenset({Assurance.LINK, Assurance.CODE, Assurance.SSO})
"""What a person has to show; what else there is, a surface vouches for."""


class Proof(Struct, frozen=True):
    """Who it is, and what says so.

    `address`: the mail that they read, and `held`: how the record puts it; None where the surface vouches for them.
    """

    person: Person | None
    assurance: Assurance
    address: str | None = None
    held: str | None = None


def vouched(command: Decide) -> bool:
    """Whether the surface says who gives the command, and not what they hold."""
    return command.assurance not in _HELD


def prove(tx: Tx, asked: Request, command: Decide) -> Proof | Refusal:
    """Who gives this command. A claim of `link` or more is worth what the command holds, and nothing else."""
    if vouched(command):
        known = people.known_by((one.person for one in asked.approvers), command.actor)
        return Proof(known or people.known_person(tx, asked.workspace, command.actor), command.assurance)
    link, browser = _holder(tx, asked, command), _reader(tx, command)
    if browser is None:
        return link
    asks = any(browser.person == one.person for one in asked.approvers)
    # Somebody may open the link of a colleague: they decide as themselves, if they may, and never as the other.
    return browser if asks or isinstance(link, Refusal) else link


def _holder(tx: Tx, asked: Request, command: Decide) -> Proof | Refusal:
    """Whoever has the link."""
    link = links.load_link(tx.connection, command.link, tx.now) if command.link else None
    if link is None or link.request != asked.id:
        return NoLink()
    if link.state is not LinkState.LIVE:
        return NoLink(state=link.state)
    return Proof(link.person, Assurance.LINK, link.address, f"holder of the link sent to {link.address}")


def _reader(tx: Tx, command: Decide) -> Proof | None:
    """Whoever proved in this browser that they read the mail of an address."""
    browser = browsers.load_browser(tx.connection, command.browser, tx.now) if command.browser else None
    return None if browser is None else of_browser(browser)


def of_browser(browser: RememberedBrowser) -> Proof:
    """Who uses a remembered browser."""
    return Proof(browser.person, Assurance.CODE, browser.address, f"browser remembered for {browser.address}")


def by_code(tx: Tx, person: str, address: str) -> Proof | None:
    """Who typed the code that was sent to the address; None: the address is not theirs any more."""
    found = people.load_people(tx.connection, [person])[person]
    if Address("email", address) not in found.addresses:
        return None
    return Proof(found, Assurance.CODE, address, f"reader of a code sent to {address}")


def as_proven(command: Decide, proof: Proof) -> Decide:
    """The command with the address and the assurance that it really has."""
    if proof.address is None and proof.assurance is command.assurance:
        return command
    actor = Address("email", proof.address) if proof.address else command.actor
    return replace(command, actor=actor, assurance=proof.assurance)
