"""The command that rates what a request asked about, after it was decided."""

from __future__ import annotations

from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import GiveRating, NotFound, Person, Rated, Refusal
from engine.requests import Request
from engine.requests import ratings as rules
from engine.service import assurance, decide
from engine.service.assurance import Proof
from engine.service.context import CommandContext
from engine.store import people, ratings, request_rows
from engine.store.port import Tx


def rate(context: CommandContext, tx: Tx, command: GiveRating, resolved: Resolved) -> Rated | Refusal:
    """Save the rating of a person who decided or voted: the unit of `Engine.rate`."""
    request_rows.lock(tx, command.request)
    loaded = decide.load(context, tx, command.request, resolved)
    if loaded is None:
        return NotFound(what="request", name=command.request)
    request, _ = loaded
    if command.actor.kind == "email" and assurance.vouched(command):
        Recipients(tx, context.advancer.directory, resolved).actor(request.workspace, command.actor)
    deciders = ratings.load_deciders(tx.connection, request.id) if request.feedback else frozenset[str]()
    persons = [*people.load_people_cached(tx, sorted(deciders)).values()]
    proof = assurance.prove(tx, request, command, persons=persons)
    if isinstance(proof, Refusal):
        return proof
    refusal = rules.check(request, assurance.identified(command, proof), proof.person, deciders)
    if refusal is not None:
        return refusal
    assert proof.person is not None
    _save(tx, request, command, proof, proof.person)
    return Rated(request=request.id, run=request.subject.run, rating=command.rating)


def _save(tx: Tx, request: Request, command: GiveRating, proof: Proof, person: Person) -> None:
    comment = rules.cleaned(command.comment)
    ratings.save(tx, request.id, person.id, command.rating, comment)
    record = entry(
        EntryKind.REQUEST_RATED,
        run=request.subject.run,
        request=request.id,
        step=request.subject.step,
        actor=person,
        content={"rating": command.rating, "comment": comment},
        assurance=proof.assurance,
        acted_as=proof.acted_as or str(command.actor),
        surface=command.origin.surface,
    )
    tx.audit(request.workspace, record)
