"""Seeded requests, where the owner of a workflow wants them: made from a past request, opened beside a real one.

A seeded request is an oversight request: its run has no step that could have an effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine import fields, file_references, json_values
from engine.delivery.recipients import Resolved
from engine.domain import Approver
from engine.domain.oversight import About, OversightPurpose
from engine.errors import Conflict, InvalidValue
from engine.identifiers import end_in_words
from engine.json_values import Path, Value
from engine.oversight import seeded_change
from engine.oversight.seeded_change import ContentPlace, SeededChange
from engine.read_models import RequestView
from engine.references import ADDRESSES, GROUP, ROLE
from engine.requests import Circle, Opening
from engine.requests.oversight_request import OversightRequest
from engine.store import request_queries, run_queries, seeded_requests
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun
from engine.store.seeded_requests import Seeding
from engine.worker.oversight_requests import RunUnits, open_oversight_request
from engine.workflowfile.step_kinds import ASK, FOREACH

_KNOWN: Final = frozenset({*ADDRESSES, GROUP, ROLE})
"""Kinds of references that mean the same people in every run."""


def may_open(
    units: RunUnits, tx: Tx, run: LoadedRun, request: str, opening: Opening, circle: Circle, resolved: Resolved
) -> None:
    """Open a seeded request for the people of a real one, if the owner wants that and their time has come."""
    one_in = units.workflow(tx, run.workflow, run.version).seeded
    if one_in is None or not _can_imitate(run, opening, circle):
        return
    planned = [(approver, _planned(tx, run, approver, request, one_in)) for approver in circle.approvers]
    is_due = all(seeded_requests.was_asked(tx, run.workflow, one.person.id, seeding) for one, seeding in planned)
    asked = _made(tx, run, opening, circle) if is_due else None
    if asked is None:
        return
    seeded = open_oversight_request(units, tx, asked, resolved)
    for approver, seeding in planned:
        following = Seeding(seeded, _gap(tx, one_in))
        if not seeded_requests.try_go_on(tx, run.workflow, approver.person.id, seeding, following):
            raise Conflict(f"{approver.person.id} got a seeded request meanwhile")


def _can_imitate(run: LoadedRun, opening: Opening, circle: Circle) -> bool:
    """Return whether a seeded request can look like this one on every surface."""
    subject = opening.subject
    is_plain = not subject.is_form and not subject.is_failure and subject.uses not in (ASK, FOREACH)
    has_more = (opening.ask, opening.revision, opening.risk, opening.route, opening.ways.post_to, circle.left_out)
    return (
        is_plain
        and run.lane is None
        and opening.again is None
        and not any(part is not None for part in has_more)
        and not opening.policy.counts_votes
        and not opening.backups
        and opening.clocks.escalate_after is None
        and not opening.content.secrets
        and bool(circle.approvers)
        and not circle.with_owner
        and all(reference.kind in _KNOWN and not reference.not_requester for reference in opening.references)
    )


def _planned(tx: Tx, run: LoadedRun, approver: Approver, request: str, one_in: int) -> Seeding:
    """Return when the person may get the next one. It is planned with the first request that they get."""
    seeding = seeded_requests.load_seeding(tx, run.workflow, approver.person.id)
    if seeding is None:
        seeding = Seeding(request, _gap(tx, one_in))
        seeded_requests.begin(tx, run.workflow, approver.person.id, seeding)
    return seeding


def _gap(tx: Tx, one_in: int) -> int:
    """Return how many requests lie before the next seeded request: at least so many, at most twice, by chance."""
    return one_in + _drawn(tx) % one_in


def _drawn(tx: Tx) -> int:
    """Return a large random number, which no one can foresee."""
    return int.from_bytes(tx.ids.salt(), "big")


# -- what it asks -------------------------------------------------------------------------------------------


def _made(tx: Tx, run: LoadedRun, opening: Opening, circle: Circle) -> OversightRequest | None:
    """Return a past request of the same step with one value changed, or None if none can be made."""
    ids = seeded_requests.past_requests(tx.connection, run.workflow, run.version, opening.subject.step)
    views = request_queries.load_by_ids(tx.connection, ids)
    past = [view for view in views if _is_whole(view, circle) and _has_a_plain_past(tx, view)]
    for _ in range(len(past)):
        view = past.pop(_drawn(tx) % len(past))
        changes = seeded_change.possible_changes(_places(view, past), _texts(view), asked_on=tx.now.date())
        if changes:
            return _asked(run, opening, view, changes[_drawn(tx) % len(changes)])
    return None


def _is_whole(view: RequestView, circle: Circle) -> bool:
    """Return whether a past request was approved as it was asked, by another person than the one who started it."""
    model, asked = view.model, {approver.person.id for approver in circle.approvers}
    is_edited = bool(view.edits) or bool(model.changes)
    return not is_edited and not model.content.secrets and model.requester not in asked and model.ask is None


def _has_a_plain_past(tx: Tx, view: RequestView) -> bool:
    """Return whether all that the run of a request did before it asked can be shown as if another run had done it.

    Pages of other requests, runs and files would be those of the run that is imitated.
    """
    run = run_queries.run_view(tx.connection, view.run)
    if run is None or run.is_erased or run.parent is not None or run.children or run.items:
        return False
    if any(other.id < view.id for other in request_queries.requests_of_run(tx.connection, run.id)):
        return False
    values = [dict(run.inputs), *(dict(step.output or {}) for step in run.steps)]
    values += [step.params.value for step in run.steps if step.params is not None]
    has_files = any(True for value in values for _ in file_references.find_all(value))
    return not has_files and not any(step.answers for step in run.steps)


def _places(view: RequestView, past: Sequence[RequestView]) -> list[ContentPlace]:
    """Return the values of a past request that people read."""
    declared = {place.path: place for place in (*view.model.declared, *view.model.editable)}
    content = view.model.content.value
    paths = [*declared, *((name,) for name in content if not any(path[0] == name for path in declared))]
    places = []
    for path in paths:
        value = _at(content, path)
        if value is None or json_values.show_path(path) in view.technical or path[0] in view.technical:
            continue
        named = declared.get(path)
        label = named.label if named is not None else end_in_words(json_values.show_path(path))
        field = named.field if named is not None else fields.infer(value)
        found = (_at(other.model.content.value, path) for other in past)
        others = tuple(other for other in found if other is not None)
        places.append(ContentPlace(path=path, label=label, field=field, value=value, others=others))
    return places


def _at(content: Value, path: Path) -> Value:
    try:
        return json_values.look(content, path)
    except (KeyError, InvalidValue):
        return None


def _texts(view: RequestView) -> list[str]:
    """Return what the card says besides the values of the content."""
    return [view.title, view.reason or "", *(text for _, text in view.show), *view.model.content.context.values()]


def _asked(run: LoadedRun, opening: Opening, view: RequestView, change: SeededChange) -> OversightRequest:
    model = view.model
    return OversightRequest(
        workspace=run.workspace,
        purpose=OversightPurpose.SEEDED,
        title=view.title,
        reason=view.reason,
        approvers=opening.groups[0],
        about=About(
            run=view.run, request=view.id, workflow=run.workflow, version=run.version, step=opening.subject.step
        ),
        content=seeded_change.apply_change(model.content.value, change),
        context=model.content.context,
        editable=model.editable,
        declared=model.declared,
        technical=view.technical,
        show=view.show,
        approve_label=view.approve_label,
        reject_label=view.reject_label,
        reason_required=opening.reason_required,
        assurance=opening.assurance,
        confirm=view.confirm,
        confirm_with=opening.confirm_with,
        alone=opening.alone,
        ways=opening.ways,
        questions=opening.questions,
        expires_after=opening.expires_after,
        facts={
            "path": list[Value](change.path),
            "label": change.label,
            "kind": change.kind.value,
            "real": _at(model.content.value, change.path),
        },
        looks_like=view.id,
    )
