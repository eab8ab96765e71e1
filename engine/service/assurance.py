"""The proof of who decides: by the surface that vouches for them, a link, a remembered browser, a code or a sign-in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from msgspec import Struct

from engine.domain import Address, Assurance, Decide, GiveRating, LinkState, NoLink, Person, Refusal, RememberedBrowser
from engine.requests import Request
from engine.requests.identification import Identified
from engine.store import browsers, links, people
from engine.store.port import Tx

_NEEDS_PROOF: Final = frozenset({Assurance.LINK, Assurance.CODE, Assurance.SSO})
"""Assurances that the command has to prove. For the others the surface vouches."""


class Proof(Struct, frozen=True):
    """The person who gives a command, and how they were identified.

    `address` is the email address that they read, `account` the one with which they signed in, and `acted_as` describes
    the proof in the audit log. All are None if the surface vouches for the person. `confirmed`: what confirmed exactly
    this command.
    """

    person: Person | None
    assurance: Assurance
    address: str | None = None
    acted_as: str | None = None
    account: Address | None = None
    confirmed: Assurance | None = None

    def actor(self, otherwise: Address) -> Address:
        """Return the address from which the person acts."""
        if self.account is not None:
            return self.account
        return Address("email", self.address) if self.address else otherwise


def vouched(command: Identified) -> bool:
    """Return whether the surface vouches for the person who gives the command."""
    return command.assurance not in _NEEDS_PROOF


def prove(tx: Tx, request: Request, command: Identified, *, persons: Sequence[Person] | None = None) -> Proof | Refusal:
    """Return the proof of who gives this command. `link` or more is proven by the tokens in the command only.

    `persons`: who may give it; by default the approvers.
    """
    may_act = [approver.person for approver in request.approvers] if persons is None else persons
    if vouched(command):
        person = people.find_by_address(iter(may_act), command.actor)
        return Proof(person or people.find_person_cached(tx, request.workspace, command.actor), command.assurance)
    link, browser = _link_proof(tx, request, command), _browser_proof(tx, command)
    if browser is None:
        return link
    # A person may open the link of a colleague. They act as themselves if they may, and never as the colleague.
    return browser if browser.person in may_act or isinstance(link, Refusal) else link


def _link_proof(tx: Tx, request: Request, command: Identified) -> Proof | Refusal:
    link = links.load_link(tx.connection, command.link, tx.now) if command.link else None
    if link is None or link.request != request.id:
        return NoLink()
    if link.state is not LinkState.LIVE:
        return NoLink(state=link.state)
    return Proof(link.person, Assurance.LINK, link.address, f"holder of the link sent to {link.address}")


def _browser_proof(tx: Tx, command: Identified) -> Proof | None:
    browser = browsers.load_browser(tx.connection, command.browser, tx.now) if command.browser else None
    return None if browser is None else of_browser(browser)


def of_browser(browser: RememberedBrowser) -> Proof:
    """Return the proof that a remembered browser gives. A sign-in with an account is proof of it for some hours."""
    account = browser.account
    if account is None:
        return Proof(browser.person, Assurance.CODE, browser.address, f"browser remembered for {browser.address}")
    if browser.signed_in_until is not None:
        return Proof(browser.person, Assurance.SSO, acted_as=f"browser signed in as {account}", account=account)
    acted_as = f"browser remembered after a sign-in as {account}"
    return Proof(browser.person, Assurance.CODE, acted_as=acted_as, account=account)


def by_sign_in(person: Person, account: Address) -> Proof:
    """Return the proof that a sign-in with an account gives, for the command that waited for it."""
    acted_as = f"signed in as {account}"
    return Proof(person, Assurance.SSO, acted_as=acted_as, account=account, confirmed=Assurance.SSO)


def by_code_for(tx: Tx, command: Decide, person: str, address: str) -> Proof | None:
    """Return the proof that a code gives for the decision that waited for it.

    If the surface vouched for the person, it still does, and the code confirms the decision.
    """
    proof = by_code(tx, person, address)
    if proof is None or not vouched(command):
        return proof
    return Proof(proof.person, command.assurance, confirmed=Assurance.CODE)


def by_code(tx: Tx, person: str, address: str) -> Proof | None:
    """Return the proof that the code sent to an address gives, or None if the person no longer has the address."""
    reader = people.load_people(tx.connection, [person])[person]
    if Address("email", address) not in reader.addresses:
        return None
    acted_as = f"reader of a code sent to {address}"
    return Proof(reader, Assurance.CODE, address, acted_as, confirmed=Assurance.CODE)


def identified(command: GiveRating, proof: Proof) -> GiveRating:
    """Return the command with the address and the assurance that were proven."""
    return replace(command, actor=proof.actor(command.actor), assurance=proof.assurance)


def as_proven(command: Decide, proof: Proof) -> Decide:
    """Return the command with the address, the assurance and the confirmation that were proven."""
    actor = proof.actor(command.actor)
    if actor is command.actor and proof.assurance is command.assurance and proof.confirmed is command.confirmed:
        return command
    return replace(command, actor=actor, assurance=proof.assurance, confirmed=proof.confirmed)
