"""The backups of a request: the people who are asked as well if there is no decision in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from engine.delivery.recipients import Recipients, references_of
from engine.domain import Approver, RequesterRule
from engine.domain.people import ESCALATION
from engine.references import OWNER, Reference
from engine.requests import Circle, Opening
from engine.store.run_rows import LoadedRun

NO_ONE: Final = "No one else can be asked if there is no decision in time."


def backups_of(
    recipients: Recipients, run: LoadedRun, opening: Opening, circle: Circle
) -> tuple[list[Approver], list[str]]:
    """Return the backups that the gate names, without those who are asked already, and notes about the others.

    They are written down when the request opens, like its approvers. If there is no one, the owner is named.
    """
    if not opening.backups:
        return [], []
    named, notes = recipients.approvers(run, [opening.backups])
    named, without = recipients.with_accounts(named, needs_account=opening.needs_account)
    backups = _others(named, run, opening, circle)
    if not backups:
        owner, _ = recipients.approvers(run, [[Reference(OWNER, OWNER, "owner, because no one else can be asked")]])
        owner, _ = recipients.with_accounts(owner, needs_account=opening.needs_account)
        backups = _others(owner, run, opening, circle)
    return [_with_rule(backup) for backup in backups], [*notes, *without, *([] if backups else [NO_ONE])]


def _others(named: Sequence[Approver], run: LoadedRun, opening: Opening, circle: Circle) -> list[Approver]:
    """Return the people who are not asked yet. Others are asked, so the requester is left out unless allowed."""
    asked = {approver.person.id for approver in circle.approvers}
    if opening.separation.requester is not RequesterRule.ALLOWED:
        asked |= {run.requester}
    return [backup for backup in named if backup.person.id not in asked]


def _with_rule(backup: Approver) -> Approver:
    named_by = backup.named_by or tuple((reference.kind, reference.value) for reference in references_of(backup))
    return replace(backup, rule=f"{ESCALATION}{backup.rule}", named_by=named_by)
