"""The proof of who decides: by the surface that vouches for them, a link, a remembered browser or a code."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from msgspec import Struct

from engine.domain import Address, Assurance, Decide, LinkState, NoLink, Person, Refusal, RememberedBrowser
from engine.requests import Request
from engine.store import browsers, links, people
from engine.store.port import Tx

_NEEDS_PROOF: Final = frozenset({Assurance.LINK, Assurance.CODE, Assurance.SSO})
"""Assurances that the command has to prove. For the others the surface vouches."""


class Proof(Struct, frozen=True):
    """The person who gives a command, and how they were identified.

    `address` is the email address that they read, and `acted_as` describes the proof in the audit log. Both are None if
    the surface vouches for the person.
    """

    person: Person | None
    assurance: Assurance
    address: str | None = None
    acted_as: str | None = None


def vouched(command: Decide) -> bool:
    """Return whether the surface vouches for the person who gives the command."""
    return command.assurance not in _NEEDS_PROOF


def prove(tx: Tx, request: Request, command: Decide) -> Proof | Refusal:
    """Return the proof of who gives this command. `link` or more is proven by the tokens in the command only."""
    if vouched(command):
        person = people.find_by_address((approver.person for approver in request.approvers), command.actor)
        return Proof(person or people.find_person_cached(tx, request.workspace, command.actor), command.assurance)
    link, browser = _link_proof(tx, request, command), _browser_proof(tx, command)
    if browser is None:
        return link
    is_approver = any(browser.person == approver.person for approver in request.approvers)
    # A person may open the link of a colleague. They decide as themselves if they may, and never as the colleague.
    return browser if is_approver or isinstance(link, Refusal) else link


def _link_proof(tx: Tx, request: Request, command: Decide) -> Proof | Refusal:
    link = links.load_link(tx.connection, command.link, tx.now) if command.link else None
    if link is None or link.request != request.id:
        return NoLink()
    if link.state is not LinkState.LIVE:
        return NoLink(state=link.state)
    return Proof(link.person, Assurance.LINK, link.address, f"holder of the link sent to {link.address}")


def _browser_proof(tx: Tx, command: Decide) -> Proof | None:
    browser = browsers.load_browser(tx.connection, command.browser, tx.now) if command.browser else None
    return None if browser is None else of_browser(browser)


def of_browser(browser: RememberedBrowser) -> Proof:
    """Return the proof that a remembered browser gives."""
    return Proof(browser.person, Assurance.CODE, browser.address, f"browser remembered for {browser.address}")


def by_code(tx: Tx, person: str, address: str) -> Proof | None:
    """Return the proof that the code sent to an address gives, or None if the person no longer has the address."""
    reader = people.load_people(tx.connection, [person])[person]
    if Address("email", address) not in reader.addresses:
        return None
    return Proof(reader, Assurance.CODE, address, f"reader of a code sent to {address}")


def as_proven(command: Decide, proof: Proof) -> Decide:
    """Return the command with the address and the assurance that were proven."""
    if proof.address is None and proof.assurance is command.assurance:
        return command
    actor = Address("email", proof.address) if proof.address else command.actor
    return replace(command, actor=actor, assurance=proof.assurance)
