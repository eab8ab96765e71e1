"""The places of people who are away or have left: they are handed on to a stand-in, if there is one."""

from __future__ import annotations

from engine import requests
from engine.domain import Absence, Approver
from engine.requests import Absences, Request
from engine.service import hand_on
from engine.store import deliveries, request_notes, run_rows
from engine.store.port import Tx
from engine.worker.advance import Advancer


def move(advancer: Advancer, tx: Tx, request: Request, absence: Absence, away: Absences) -> None:
    """Hand the place of a person who is away on. If no one stands in, the others read why no decision comes from them.

    If only absent people are asked, the owner is alerted, once.
    """
    approver = next((row for row in request.approvers if row.person.id == absence.person.id), None)
    why = requests.away_until(absence)
    if approver is not None and try_hand_on(advancer, tx, request, approver, away, why=why) is not None:
        return
    if requests.all_away(request, away):
        run_owner = run_rows.load_owner(tx.connection, request.subject.run)
        advancer.alert_once(tx, run_owner, topic="absent", request=request.id)
    elif approver in requests.open_places(request) and request_notes.try_add(tx, request, f"{why}."):
        deliveries.mark_outdated(tx, request.subject.run, request.id)


def try_hand_on(
    advancer: Advancer, tx: Tx, request: Request, approver: Approver, away: Absences, *, why: str
) -> Request | None:
    """Hand a place on to the stand-in, and return the request as it is then, or None if no one stands in."""
    to = requests.successor(request, approver, away)
    if to is None:
        return None
    return hand_on.hand_on(advancer, tx, request, approver, to, rule=requests.rule_for(approver), why=why)
