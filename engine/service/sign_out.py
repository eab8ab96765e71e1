"""The commands that forget browsers: a person signs out theirs, and an admin those of another person."""

from __future__ import annotations

from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import DEFAULT_WORKSPACE, NotAllowed, NotFound, Person, Refusal, SignedOut, SignOut
from engine.service.context import CommandContext
from engine.store import browsers, person_queries
from engine.store.port import Tx


def forget(tx: Tx, secret: str, browser: str) -> bool:
    """Forget a browser of the person who uses the one with this secret. Return False if it is not theirs."""
    current = browsers.load_browser(tx.connection, secret, tx.now)
    if current is None or not browsers.revoke(tx, browser, of=current.person.id):
        return False
    _record(tx, current.person, current.person, 1, surface="web")
    return True


def forget_others(tx: Tx, secret: str) -> int:
    """Forget all browsers of the person who uses the one with this secret, except that one."""
    current = browsers.load_browser(tx.connection, secret, tx.now)
    if current is None:
        return 0
    count = browsers.revoke_all(tx, of=current.person.id, but=current.id)
    if count:
        _record(tx, current.person, current.person, count, surface="web")
    return count


def sign_out(context: CommandContext, tx: Tx, command: SignOut, resolved: Resolved) -> SignedOut | Refusal:
    """Forget all browsers of a person: the unit of `Identity.sign_out`."""
    actor = Recipients(tx, context.advancer.directory, resolved).actor(command.workspace, command.actor)
    if not context.may(actor, command.actor):
        return NotAllowed(why="Only an admin can sign out another person.")
    found = person_queries.find(tx.connection, command.workspace, command.person)
    if found is None:
        return NotFound(what="person", name=command.person)
    count = browsers.revoke_all(tx, of=found.person.id)
    if count:
        _record(tx, actor, found.person, count, surface=command.origin.surface)
    return SignedOut(person=found.person, browsers=count)


def _record(tx: Tx, actor: Person, person: Person, count: int, *, surface: str) -> None:
    kind = EntryKind.BROWSERS_REVOKED
    tx.audit(DEFAULT_WORKSPACE, entry(kind, actor=actor, person=person.id, browsers=count, surface=surface))
