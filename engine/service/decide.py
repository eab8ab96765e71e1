"""The command that decides a request. The ruling is pure; the write is conditional."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import structs

from engine import json_values, requests, timestamps
from engine.audit import Entry
from engine.audit_entries import EntryKind, entry
from engine.delivery import amount_limits
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import (
    Assurance,
    Decide,
    Decided,
    NoLongerApprover,
    NotAllowed,
    NotFound,
    OwnRequest,
    Refusal,
    RequestState,
)
from engine.errors import Conflict, Tampered
from engine.file_references import FileReference
from engine.json_values import Value
from engine.requests import Request, Ruling, Tally, ratings
from engine.service import (
    assurance,
    attachments,
    attention,
    autonomy,
    eligibility,
    gate_changes,
    hand_on,
    new_versions,
    oversight_requests,
)
from engine.service.assurance import Proof
from engine.service.context import CommandContext
from engine.service.eligibility import Eligibility
from engine.store import audit_log, deliveries, request_model, request_rows
from engine.store import ratings as rating_rows
from engine.store.port import Tx
from engine.worker.advance import wake


def decide(context: CommandContext, tx: Tx, command: Decide, resolved: Resolved) -> Decided | Refusal:
    """Decide a request: the unit of `Engine.decide`."""
    loaded = load(context, tx, command.request, resolved)
    if loaded is None:
        return NotFound(what="request", name=command.request)
    request, labels = loaded
    if command.actor.kind == "email" and assurance.vouched(command):
        Recipients(tx, context.advancer.directory, resolved).actor(request.workspace, command.actor)
    proof = assurance.prove(tx, request, command)
    if isinstance(proof, Refusal):
        return proof
    if context.is_trial:
        proof = structs.replace(proof, confirmed=Assurance.SSO)
    return decide_as(context, tx, request, labels, command, proof, resolved)


def load(
    context: CommandContext, tx: Tx, request_id: str, resolved: Resolved
) -> tuple[Request, tuple[str, str]] | None:
    """Return the request and the labels of its buttons, after its people and limits were updated."""
    loaded = request_model.load_request(tx, request_id)
    if loaded is None:
        return None
    recipients = Recipients(tx, context.advancer.directory, resolved)
    if resolved and recipients.learn(loaded[0].workspace):
        loaded = request_model.load_request(tx, request_id) or loaded
    return amount_limits.refreshed(recipients, context.advancer.directory, loaded[0]), loaded[1]


def rule(context: CommandContext, tx: Tx, request: Request, command: Decide, proof: Proof) -> Ruling | Refusal:
    """Return the ruling on the command, or its refusal. Nothing is written."""
    kind = context.advancer.kinds.get(request.subject.uses)
    if kind is None:
        return NotAllowed(
            why=f"This server no longer has the step type {request.subject.uses}. Its operator has to install it again."
        )
    try:
        ruling = requests.decide(
            request, assurance.as_proven(command, proof), kind=kind, person=proof.person, now=tx.now
        )
    except Tampered as error:
        return NotAllowed(why=str(error))
    files = {} if isinstance(ruling, Refusal) else _new_files(request, ruling)
    gone = attachments.unusable(tx, request.workspace, request.subject.run, files, requester="")
    return requests.invalid_edits(request, gone) if gone else ruling


def decide_as(
    context: CommandContext,
    tx: Tx,
    request: Request,
    labels: tuple[str, str],
    command: Decide,
    proof: Proof,
    resolved: Resolved,
) -> Decided | Refusal:
    """Decide as the person that the proof identifies, if the gate still names them."""
    command = assurance.as_proven(command, proof)
    ruling = _ruling(context, tx, request, command, proof, resolved)
    if isinstance(ruling, OwnRequest):
        _record_refused_requester(context, tx, request)
    if isinstance(ruling, Refusal):
        return ruling
    recipients = Recipients(tx, context.advancer.directory, resolved)
    checked = eligibility.check(recipients, request, ruling.approver, command.actor)
    if ruling.edits and ruling.approved is not None:
        recipients.introduce(request.workspace, requests.mentioned(ruling.approved.value, request.editable, ()))
    if checked.excluded is not None:
        eligibility.exclude(context.advancer, tx, request, ruling.approver, checked.excluded)
        return NoLongerApprover(why=checked.excluded)
    look = attention.measure(tx, request, command, ruling)
    record = _record(request, command, ruling, labels, proof) | _signature(tx, request, command, ruling, labels)
    record |= attention.facts(look) | _unchecked(checked)
    decision = _save(tx, request, command, ruling, record)
    attention.save(tx, request, ruling, look, decision)
    closes = ruling.state is not RequestState.PENDING
    deliveries.mark_outdated(tx, request.subject.run, request.id, closes=closes)
    tx.audit(request.workspace, _decision_entry(request, command, ruling, decision, record))
    autonomy.after_decision(context, tx, request, ruling)
    if ruling.state is RequestState.PENDING:
        hand_on.after_vote(context.advancer, tx, request, ruling)
    else:
        wake(tx, request.subject.run)
        oversight_requests.end_decided(context, tx, request, ruling, resolved)
    return Decided(
        request=request.id,
        run=request.subject.run,
        decision=decision,
        state=ruling.state,
        edited=tuple(json_values.show_path(edit.path) for edit in ruling.edits),
        waited=tx.now - request.deadlines.opened_at,
        step=request.subject.step,
        visit=request.subject.visit,
    )


def _ruling(
    context: CommandContext, tx: Tx, request: Request, command: Decide, proof: Proof, resolved: Resolved
) -> Ruling | Refusal:
    ruling = oversight_requests.barred(context, tx, request, proof.person) or rule(context, tx, request, command, proof)
    if isinstance(ruling, Refusal):
        return ruling
    checks = (gate_changes.why_not, new_versions.why_not)
    return next((no for check in checks if (no := check(context, tx, request, ruling, resolved))), ruling)


def _unchecked(checked: Eligibility) -> dict[str, Value]:
    return {"unchecked": list[Value](checked.unchecked)} if checked.unchecked else {}


def _new_files(request: Request, ruling: Ruling) -> dict[str, FileReference]:
    """Return the files that an edit brings in, by dotted path."""
    declared = {json_values.show_path(place.path): place.field for place in request.editable}
    return attachments.files_in(declared, {json_values.show_path(edit.path): edit.after for edit in ruling.edits})


def _save(tx: Tx, request: Request, command: Decide, ruling: Ruling, record: Mapping[str, Value]) -> str:
    """Write the decision and return its id. Raises `Conflict` if another person was faster."""
    is_vote = ruling.state is RequestState.PENDING
    write = request_rows.try_vote if is_vote else request_rows.try_decide
    decision = write(tx, request, command, ruling, record)
    if decision is None:
        raise Conflict(f"request {request.id} was decided by another person")
    attachments.use(tx, request.workspace, request.subject.run, _new_files(request, ruling), requester="")
    if command.rating is not None:
        comment = ratings.cleaned(command.comment)
        rating_rows.save(tx, request.id, ruling.approver.person.id, command.rating, comment)
    return decision


def _record(
    request: Request, command: Decide, ruling: Ruling, labels: tuple[str, str], proof: Proof
) -> dict[str, Value]:
    """Return the facts that are stored with a decision, so that it can be understood without any other row."""
    verdict = requests.label_of_verdict(command.verdict, *labels)
    person = ruling.approver.person
    record: dict[str, Value] = {
        "verdict": verdict,
        "person": {"id": person.id, "name": person.label, "addresses": [str(address) for address in person.addresses]},
        "rule": ruling.approver.rule,
        "acted_as": proof.acted_as or str(command.actor),
        "surface": command.origin.surface,
        **({"is_requester": True} if person.id == request.requester else {}),
        "opened_at": timestamps.iso(request.deadlines.opened_at),
    }
    if command.rating is not None:
        record |= {"rating": command.rating, "comment": ratings.cleaned(command.comment)}
    if command.origin.place:
        record["place"] = dict(command.origin.place)
    if request.deadlines.first_shown_at is not None:
        record["shown_at"] = timestamps.iso(request.deadlines.first_shown_at)
    return record


def _signature(tx: Tx, request: Request, command: Decide, ruling: Ruling, labels: tuple[str, str]) -> dict[str, Value]:
    """Return what 21 CFR 11 asks of an electronic signature: printed name, date and time, and what it means.

    Nothing, if the gate does not have each decision confirmed.
    """
    if request.confirm_with is None:
        return {}
    label = requests.label_of_verdict(command.verdict, *labels)
    meaning = requests.meaning(label, request_model.load_title(tx.connection, request.id))
    signature = {"name": ruling.approver.person.label, "at": timestamps.iso(tx.now), "meaning": meaning}
    return {"confirmed_with": command.confirmed, "signature": dict[str, Value](signature)}


def _entry_kind(ruling: Ruling) -> EntryKind:
    if ruling.state is not RequestState.PENDING:
        return EntryKind(f"request.{ruling.state}")
    return EntryKind.REQUEST_CHANGED if ruling.is_new_version else EntryKind.REQUEST_VOTED


def _votes(tally: Tally) -> dict[str, Value]:
    """Return how far the approvals have come, for the audit log."""
    return {"given": [vote.person.id for vote in tally.votes], "needed": tally.needed}


def _record_refused_requester(context: CommandContext, tx: Tx, request: Request) -> None:
    """Record that the requester tried to decide their own request, the first time that they do.

    If they are among its approvers, because the directory joined two persons meanwhile, they leave their place.
    """
    place = next((row for row in request.eligible if row.person.id == request.requester), None)
    if place is not None:
        eligibility.exclude(context.advancer, tx, request, place, eligibility.STARTED_IT)
    kind = EntryKind.REQUEST_REFUSED_REQUESTER
    if audit_log.has_entry(tx.connection, request.subject.run, request.id, kind):
        return
    record = entry(
        kind,
        run=request.subject.run,
        request=request.id,
        step=request.subject.step,
        actor=request.requester,
        content={"digest": request.digest},
    )
    tx.audit(request.workspace, record)


def _decision_entry(
    request: Request, command: Decide, ruling: Ruling, decision: str, record: Mapping[str, Value]
) -> Entry:
    content: dict[str, Value] = {
        **record,
        "decision": decision,
        "workflow": request.subject.workflow,
        "workflow_hash": request.subject.hash,
        "visit": request.subject.visit,
        "content_version": request.content_version,
        "shown_digest": request.digest,
        "assurance": command.assurance,
        "policy": request.policy.kind,
    }
    if ruling.tally is not None:
        content["votes"] = _votes(ruling.tally)
    if ruling.approved_digest is not None:
        content["approved_digest"] = ruling.approved_digest
    if ruling.reason is not None:
        content["reason"] = ruling.reason
    if ruling.edits:
        # The values before the edits are in the entry that opened the request, under the digest that was shown.
        content["edits"] = [
            {"path": list(edit.path), "label": edit.label, "after": edit.after} for edit in ruling.edits
        ]
    if ruling.is_new_version:
        content["voided"] = [vote.person.id for vote in request.votes]
    return entry(
        _entry_kind(ruling),
        run=request.subject.run,
        request=request.id,
        step=request.subject.step,
        actor=ruling.approver.person.id,
        content=content,
    )
