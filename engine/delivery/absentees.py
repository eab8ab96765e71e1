"""The people of a request that opens who are away, and who is asked in their place."""

from __future__ import annotations

from engine import requests
from engine.delivery.recipients import Recipients
from engine.domain import Approver
from engine.requests import Opening, Replacement
from engine.store import absences
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun


def replace_absent(
    tx: Tx, recipients: Recipients, run: LoadedRun, opening: Opening, named: list[Approver]
) -> tuple[list[Approver], list[str], bool]:
    """Return the approvers with stand-ins for those who are away, notes about them, and whether only absent are asked.

    Absences are remembered between units, so that a request costs no statement while no one is away.
    """
    away = absences.load_current(tx, run.workspace)
    if not away or not any(approver.person.id in away for approver in named):
        return named, [], False
    backups = recipients.approvers(run, [opening.backups])[0] if opening.backups else []
    asked, replacements = requests.replaced(
        named,
        away,
        backups,
        policy=opening.policy,
        separation=opening.separation,
        requester=run.requester,
        needs_account=opening.needs_account,
    )
    notes = [_note(one, requests.away_until(away[one.absent.person.id])) for one in replacements]
    return asked, notes, all(approver.person.id in away for approver in asked)


def _note(replacement: Replacement, away: str) -> str:
    stand_in = replacement.stand_in
    return f"{away}." if stand_in is None else f"{away}. {stand_in.label} decides in their place."
