"""Recommended changes of gates: people are asked for one, and with their approval it becomes a new version.

What is approved is the change that the card shows: its file is known by its hash, and fits one version only.
"""

from __future__ import annotations

import difflib
import hashlib
from typing import Final, TypeAlias

from engine.delivery.recipients import Recipients, Resolved
from engine.domain import NotAllowed, NotFound, Origin, Person, Refusal, Register, RequestState
from engine.domain.gate_change_commands import GateChangeOpened, OpenGateChange
from engine.domain.oversight import OVERSIGHT_WORKFLOW, About, OversightPurpose
from engine.errors import Conflict, DefinitionError
from engine.insights import Insights
from engine.json_values import Value
from engine.oversight import plan_sentences
from engine.oversight.sampling_plan import SamplingPlan
from engine.recommendations import PLAN, Recommendation, RecommendationKind, recommend
from engine.requests import Request, Ruling
from engine.requests.oversight_request import EndedOversightRequest, OversightRequest
from engine.service import new_versions, oversight_requests, owners, register
from engine.service.context import CommandContext
from engine.service.oversight_requests import Deciders
from engine.store import oversight_rows, workflows
from engine.store.oversight_rows import OversightRow
from engine.store.port import Tx
from engine.store.workflows import NewVersion
from engine.worker.oversight_requests import open_oversight_request, withdraw
from engine.workflowfile import text_edits

Pairs: TypeAlias = tuple[tuple[str, str], ...]

_NOT_YOURS: Final = "Only the owner of the workflow or an admin can ask for this change."
_NOT_NOW: Final = NotAllowed(why="Signoff does not recommend this any more. Look at the insights again.")
_BY_HAND: Final = NotAllowed(
    why="Signoff cannot change the text of this workflow file safely. Change the gate by hand and register the file."
)
_OUTDATED: Final = NotAllowed(
    why="The workflow has a newer version now, so this change does not fit it. Nothing was changed. "
    "Open the insights and ask for the change again."
)
_SINCE: Final = "since this version was registered or people last said no"
_SUPERSEDED: Final = "The workflow has a newer version, and the change was asked for anew."


def open_change(
    context: CommandContext, tx: Tx, command: OpenGateChange, counted: Insights, resolved: Resolved
) -> GateChangeOpened | Refusal:
    """Ask the people who decide about the workflow for a change: the unit of `Engine.open_gate_change`."""
    workflows.take_turn(tx, command.workspace)
    current = workflows.load_workflow(tx.connection, command.workspace, command.workflow)
    if current is None:
        return NotFound(what="workflow", name=command.workflow)
    recipients = Recipients(tx, context.advancer.directory, resolved)
    actor = recipients.actor(command.workspace, command.actor)
    if not owners.may(context, recipients, actor, command.actor, current.owner, rule=current.owner_rule):
        return NotAllowed(why=_NOT_YOURS)
    if not workflows.hold_version(tx, current.id, current.version):
        raise Conflict(f"workflow {current.name} was replaced by another command")
    waiting = [row for row in _open_rows(tx, command, current) if row.facts.get("kind") == command.kind]
    for row in waiting:
        if row.about.version == current.version:
            return GateChangeOpened(run=row.run, was_open=True)
        withdraw(tx, row.run, reason=_SUPERSEDED)
    one = _recommended(tx, command, counted)
    changed = None if one is None else _changed(context, current.source, one.gate.step, one.kind)
    if one is None or changed is None:
        return _NOT_NOW if one is None else _BY_HAND
    who = _deciders(context, recipients, tx, current, actor)
    if who is None:
        return NotAllowed(why=new_versions.no_one(current.name))
    asked = _asked(command.workspace, current, one, changed, who)
    run = open_oversight_request(context.advancer, tx, asked, resolved)
    return GateChangeOpened(run=run, was_open=False)


def _open_rows(tx: Tx, command: OpenGateChange, current: NewVersion) -> list[OversightRow]:
    purpose = OversightPurpose.CHANGE_GATE
    rows = oversight_rows.load_open(tx.connection, command.workspace, purpose=purpose, workflow=current.id)
    return [row for row in rows if row.about.step == command.step]


def _recommended(tx: Tx, command: OpenGateChange, counted: Insights) -> Recommendation | None:
    """Return the recommendation as the counts have it, unless people said no to it lately."""
    answered = oversight_rows.load_gate_changes(tx.connection, command.workspace, tx.now)
    named = (one for one in recommend(counted) if (one.gate.name, one.gate.step) == (command.workflow, command.step))
    return next((one for one in named if one.kind == command.kind and not answered.is_declined(one.key)), None)


def _changed(context: CommandContext, source: bytes, step: str, kind: RecommendationKind) -> bytes | None:
    """Return the changed file, or None if its text cannot be changed or what comes out is no valid workflow."""
    place = text_edits.find_step(source, step)
    if place is None:
        return None
    if kind is RecommendationKind.SAMPLE:
        changed = text_edits.set_value(source, (*place, "gate", "autonomy"), _written(PLAN))
    else:
        changed = text_edits.remove_value(source, (*place, "gate", "remind"))
    if changed is None:
        return None
    try:
        context.advancer.compiled(changed)
    except DefinitionError:
        return None
    return changed


def _written(plan: SamplingPlan) -> Value:
    return {"clean": plan.clean, "sample": f"{float(plan.share):.0%}", "only_when": True}


# -- the card -------------------------------------------------------------------------------------------------


def _deciders(
    context: CommandContext, recipients: Recipients, tx: Tx, current: NewVersion, actor: Person
) -> Deciders | None:
    """Return who decides, or None if no one could. Who asks to change a protected workflow does not approve that."""
    if not new_versions.is_protected(context, tx, current):
        return oversight_requests.owner_or_admins(context, tx, current.id, current.version)
    who = oversight_requests.deciders(context, tx, owner=current.owner, author=actor.id, rule=current.owner_rule)
    return oversight_requests.askable(context, recipients, tx, who)


def _asked(
    workspace: str, current: NewVersion, one: Recommendation, changed: bytes, deciders: Deciders
) -> OversightRequest:
    title, reason = _sentences(one)
    return OversightRequest(
        workspace=workspace,
        purpose=OversightPurpose.CHANGE_GATE,
        title=title,
        reason=reason,
        approvers=deciders.approvers,
        barred=deciders.barred,
        owner=deciders.owner,
        about=About(workflow=current.id, version=current.version, step=one.gate.step),
        content={"change": difference(current.source, changed)},
        show=_evidence(one),
        approve_label="Change the gate",
        reject_label="Leave it as it is",
        facts={"kind": one.kind.value, "hash": hashlib.sha256(changed).hexdigest()},
    )


def difference(before: bytes, after: bytes) -> str:
    """Return the lines that differ, each with the one around it, and “…” for the lines between them."""
    old, new = (source.decode("utf-8-sig").splitlines() for source in (before, after))
    # The first lines name the files, which have none, and where the first difference is.
    lines = [*difflib.unified_diff(old, new, lineterm="", n=1)][3:]
    return "\n".join("…" if text.startswith("@@") else text for text in lines)


def _sentences(one: Recommendation) -> tuple[str, str]:
    """Return the title, and what changes in one sentence."""
    if one.kind is RecommendationKind.SAMPLE:
        return f"Give “{one.label}” a sampling plan?", plan_sentences.rule(PLAN)
    return f"Drop the reminders of “{one.label}”?", "No one is reminded any more of what waits at this gate."


def _evidence(one: Recommendation) -> Pairs:
    wrong = plan_sentences.percent(one.error)
    said = f"this would be recommended in at most {wrong} of cases, however often people look"
    if one.kind is RecommendationKind.SAMPLE:
        would = f"If people corrected {plan_sentences.percent(one.against)} or more"
        return (
            ("Evidence", f"Approved unchanged {one.hits:,} of {one.cases:,} times, {_SINCE}."),
            ("How sure", f"{would}, {said}."),
            *plan_sentences.worst_cases(PLAN),
            ("No cap", "The plan covers every request. Write a condition at only_when to have some always reviewed."),
        )
    return (
        ("Evidence", f"Of {one.cases:,} decisions close to a reminder, {one.hits:,} came after it, {_SINCE}."),
        (
            "How sure",
            f"If reminders doubled the decisions, {said}.",
        ),
    )


# -- the answer -----------------------------------------------------------------------------------------------


def why_not(context: CommandContext, tx: Tx, request: Request, ruling: Ruling, resolved: Resolved) -> Refusal | None:
    """Return why a change cannot be approved now, for the person who presses the button, or None."""
    if request.subject.workflow != OVERSIGHT_WORKFLOW or ruling.state is not RequestState.APPROVED:
        return None
    row = oversight_rows.find(tx.connection, request.subject.run)
    if row is None or row.purpose is not OversightPurpose.CHANGE_GATE:
        return None
    changed = _fitting(context, tx, row.workspace, row)
    if changed is None:
        return _OUTDATED
    person = ruling.approver.person
    command = _registration(row.workspace, changed, person)
    return register.why_not(context, tx, command, context.advancer.compiled(changed), resolved)


def follow(context: CommandContext, tx: Tx, ended: EndedOversightRequest, resolved: Resolved) -> None:
    """Register the change as the person who approved it: the follower of `OversightPurpose.CHANGE_GATE`."""
    if ended.state is not RequestState.APPROVED or ended.person is None:
        return
    row = oversight_rows.find(tx.connection, ended.run)
    changed = None if row is None else _fitting(context, tx, ended.workspace, row)
    if changed is None:
        raise Conflict(f"the workflow of {ended.run} was replaced by another command")
    command = _registration(ended.workspace, changed, ended.person)
    answer = register.register(context, tx, command, context.advancer.compiled(changed), resolved)
    if isinstance(answer, Refusal):
        raise Conflict(f"the change of {ended.run} cannot be registered any more")


def _fitting(context: CommandContext, tx: Tx, workspace: str, row: OversightRow) -> bytes | None:
    """Return the changed file that was shown, or None if the workflow has another version now."""
    about = row.about
    assert about.workflow is not None
    assert about.version is not None
    assert about.step is not None
    name = workflows.load_pinned_cached(tx, about.workflow, about.version).name
    current = workflows.load_workflow(tx.connection, workspace, name)
    if current is None or current.version != about.version or "kind" not in row.facts:
        return None
    changed = _changed(context, current.source, about.step, RecommendationKind(str(row.facts["kind"])))
    is_shown = changed is not None and hashlib.sha256(changed).hexdigest() == row.facts["hash"]
    return changed if is_shown else None


def _registration(workspace: str, changed: bytes, person: Person) -> Register:
    return Register(source=changed, actor=person.addresses[0], origin=Origin(surface="signoff"), workspace=workspace)
