"""The command that lets a person export decisions, and notes it in the audit log before anything is read."""

from __future__ import annotations

from dataclasses import replace

from engine import timestamps
from engine.access import may_export, owns_or_reads
from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import ExportDecisions, NotAllowed, NotFound, Refusal
from engine.read_models import DecisionExport, DecisionFilter
from engine.service.context import CommandContext
from engine.store import workflows
from engine.store.port import Tx

_WHO = "Decisions are exported by admins, auditors and the owners of workflows."


def export_decisions(
    context: CommandContext, tx: Tx, command: ExportDecisions, resolved: Resolved
) -> DecisionExport | Refusal:
    """Return the decisions that the actor may export: the unit of `Engine.export_decisions`.

    Owners export those about their own workflows. They are not told of the workflows of others.
    """
    actor = Recipients(tx, context.advancer.directory, resolved).actor(command.workspace, command.actor)
    reader = context.reader(actor, command.actor)
    known = workflows.workflow_names(tx.connection, command.workspace)
    if not may_export(reader, known):
        return NotAllowed(why=_WHO)
    readable = {workflow.name for workflow in known if owns_or_reads(reader, workflow)}
    if command.workflow is not None and command.workflow not in readable:
        return NotFound(what="workflow", name=command.workflow)
    wanted = DecisionFilter(since=command.since, until=command.until, workflow=command.workflow)
    record = entry(
        EntryKind.DECISIONS_EXPORTED,
        actor=actor,
        since=timestamps.iso(command.since),
        until=timestamps.iso(command.until) if command.until is not None else None,
        workflow=command.workflow,
        format=command.format,
        surface=command.origin.surface,
        all_workflows=reader.reads_everything,
    )
    tx.audit(command.workspace, record)
    return DecisionExport(decisions=wanted if reader.reads_everything else replace(wanted, owner=actor.id))
