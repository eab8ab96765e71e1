"""Deciding a request: the ruling is pure, the write is conditional."""

from __future__ import annotations

from collections.abc import Mapping

from engine import json_values, requests, timestamps
from engine.audit import Entry
from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import Decide, Decided, NoLongerApprover, NotAllowed, NotFound, Refusal, Verdict
from engine.errors import Conflict, Tampered
from engine.json_values import Value
from engine.requests import Request, Ruling
from engine.service import assurance, eligibility
from engine.service.assurance import Proof
from engine.service.context import CommandContext
from engine.store import deliveries, request_model, request_rows
from engine.store.transaction import Tx
from engine.worker.advance import wake


def decide(context: CommandContext, tx: Tx, command: Decide, resolved: Resolved) -> Decided | Refusal:
    """The unit of `Engine.decide`."""
    loaded = load(context, tx, command.request, resolved)
    if loaded is None:
        return NotFound(what="request", name=command.request)
    asked, labels = loaded
    if command.actor.kind == "email" and assurance.vouched(command):
        Recipients(tx, context.advancer.directory, resolved).actor(asked.workspace, command.actor)
    proof = assurance.prove(tx, asked, command)
    if isinstance(proof, Refusal):
        return proof
    return decide_as(context, tx, asked, labels, command, proof, resolved)


def load(context: CommandContext, tx: Tx, request: str, resolved: Resolved) -> tuple[Request, tuple[str, str]] | None:
    """The request, with its people as the directory has just said that they are."""
    loaded = request_model.load_asked(tx, request)
    if (
        loaded is None
        or not resolved
        or not Recipients(tx, context.advancer.directory, resolved).learn(loaded[0].workspace)
    ):
        return loaded
    return request_model.load_asked(tx, request)


def rule(context: CommandContext, tx: Tx, asked: Request, command: Decide, proof: Proof) -> Ruling | Refusal:
    """Return what would become of the command. Nothing is written."""
    kind = context.advancer.kinds.get(asked.subject.uses)
    if kind is None:
        return NotAllowed(
            why=f"This server has no step type {asked.subject.uses} any more; its operator must install it again."
        )
    try:
        return requests.decide(asked, assurance.as_proven(command, proof), kind=kind, person=proof.person, now=tx.now)
    except Tampered as error:
        return NotAllowed(why=str(error))


def decide_as(
    context: CommandContext,
    tx: Tx,
    asked: Request,
    labels: tuple[str, str],
    command: Decide,
    proof: Proof,
    resolved: Resolved,
) -> Decided | Refusal:
    """Decide as whoever was proven to give the command, if the gate still means them."""
    command = assurance.as_proven(command, proof)
    ruling = rule(context, tx, asked, command, proof)
    if isinstance(ruling, Refusal):
        return ruling
    who = Recipients(tx, context.advancer.directory, resolved)
    found = eligibility.check(who, asked, ruling.approver, command.actor)
    changed = json_values.replace_all(asked.content.value, {edit.path: edit.after for edit in ruling.edits})
    who.introduce(asked.workspace, requests.mentioned(changed, asked.editable, ()) if ruling.edits else ())
    if found.excluded is not None:
        eligibility.exclude(context.advancer, tx, asked, ruling.approver, found.excluded)
        return NoLongerApprover(why=found.excluded)
    record = _record(asked, command, ruling, labels, proof)
    if found.unchecked:
        record["unchecked"] = list[Value](found.unchecked)
    decision = request_rows.try_decide(tx, asked, command, ruling, record)
    if decision is None:
        raise Conflict(f"request {asked.id} was decided by somebody else")
    deliveries.mark_outdated(tx, asked.subject.run, asked.id)
    wake(tx, asked.subject.run)
    tx.audit(asked.workspace, _decision_entry(asked, command, ruling, decision, record))
    return Decided(
        request=asked.id,
        run=asked.subject.run,
        decision=decision,
        state=ruling.state,
        edited=tuple(json_values.show_path(edit.path) for edit in ruling.edits),
    )


def _record(asked: Request, command: Decide, ruling: Ruling, labels: tuple[str, str], proof: Proof) -> dict[str, Value]:
    """What a decision says beside its columns: enough to read it when nothing else is left."""
    approve, reject = labels
    person = ruling.approver.person
    record: dict[str, Value] = {
        "verdict": approve if command.verdict is Verdict.APPROVE else reject,
        "person": {"id": person.id, "name": person.label, "addresses": [str(one) for one in person.addresses]},
        "rule": ruling.approver.rule,
        "acted_as": proof.held or str(command.actor),
        "surface": command.origin.surface,
        "opened_at": timestamps.iso(asked.deadlines.opened_at),
    }
    if command.origin.place:
        record["place"] = dict(command.origin.place)
    if asked.deadlines.first_shown_at is not None:
        record["shown_at"] = timestamps.iso(asked.deadlines.first_shown_at)
    return record


def _decision_entry(
    asked: Request, command: Decide, ruling: Ruling, decision: str, record: Mapping[str, Value]
) -> Entry:
    content: dict[str, Value] = {
        **record,
        "decision": decision,
        "workflow": asked.subject.workflow,
        "workflow_hash": asked.subject.hash,
        "visit": asked.subject.visit,
        "content_version": asked.content_version,
        "shown_digest": asked.digest,
        "assurance": command.assurance,
        "policy": "any",
    }
    if ruling.approved_digest is not None:
        content["approved_digest"] = ruling.approved_digest
    if ruling.reason is not None:
        content["reason"] = ruling.reason
    if ruling.edits:
        # What stood there before is in the entry that opened the request, under the digest that was shown.
        content["edits"] = [{"path": list(one.path), "label": one.label, "after": one.after} for one in ruling.edits]
    return entry(
        EntryKind(f"request.{ruling.state}"),
        run=asked.subject.run,
        request=asked.id,
        step=asked.subject.step,
        actor=ruling.approver.person.id,
        content=content,
    )
