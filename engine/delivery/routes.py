"""Routes: which of its rules chooses the people of a request that opens, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from engine.delivery.recipients import Recipients
from engine.domain import Approver, Person
from engine.ports import Directory, KnowsDepartments
from engine.requests import NOTE_LENGTH, Opening, RouteTrial, clip
from engine.requests.working_hours import WorkingHours
from engine.store import approver_load, people
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun


@dataclass(frozen=True, slots=True)
class Router:
    """What the choice of people depends on beside the run. `directory`: knows departments."""

    tx: Tx
    recipients: Recipients
    directory: Directory
    hours: WorkingHours

    def choose(self, run: LoadedRun, opening: Opening) -> tuple[Opening, list[Approver], list[str]]:
        """Return the people of a request that opens, notes about others, and the request with why they are asked."""
        if opening.route is None:
            return (opening, *self.recipients.approvers(run, opening.groups))
        requester = people.load_people_cached(self.tx, [run.requester])[run.requester]
        passed: list[str] = []
        for trial in opening.route.trials:
            why = trial.refused or self._other_department(trial, requester)
            if not why:
                named, notes = self.recipients.approvers(run, [trial.references])
                chosen, reasons = self._chosen(trial, named)
                if chosen:
                    return self._routed(opening, trial, reasons), chosen, notes
                why = " ".join(notes) or "no one of its people works now" if trial.working else " ".join(notes)
            passed.append(f"rule {trial.number}: {why or 'it names no one'}")
        because = clip(f"No rule of the route {opening.route.name} applies ({'; '.join(passed)})", NOTE_LENGTH)
        owner, notes = self.recipients.approvers(run, opening.groups)
        return replace(opening, because=because), owner, notes

    def _other_department(self, trial: RouteTrial, requester: Person) -> str:
        own = self.directory.department(requester) if isinstance(self.directory, KnowsDepartments) else None
        if not trial.department or (own is not None and own.casefold() in trial.department):
            return ""
        return f"the department is {own}" if own else "the department of the requester is not known"

    def _chosen(self, trial: RouteTrial, named: Sequence[Approver]) -> tuple[list[Approver], list[str]]:
        """Return who of these people is asked by the rule, and what of it chose them."""
        chosen, reasons = [*named], [trial.because] if trial.because else []
        if trial.department:
            reasons.append("the department of the requester")
        if trial.working:
            chosen = [row for row in chosen if works(self.hours, self.tx.now, row.person.zone)]
            reasons.append("working hours")
        if trial.least_loaded is not None and chosen:
            loads = approver_load.open_requests(self.tx.connection, [row.person.id for row in chosen])
            chosen = least_loaded(chosen, loads)[: trial.least_loaded]
            reasons.append("the fewest open requests")
        if trial.doubt:
            reasons.append(trial.doubt)
        return chosen, reasons

    def _routed(self, opening: Opening, trial: RouteTrial, reasons: Sequence[str]) -> Opening:
        assert opening.route is not None
        why = f" ({', '.join(reasons)})" if reasons else ""
        clocks, backups = opening.clocks, opening.backups
        if trial.escalates:
            clocks, backups = replace(clocks, escalate_after=trial.escalate_after), trial.backups
        return replace(
            opening,
            clocks=clocks,
            backups=backups,
            expires_after=trial.expires or opening.expires_after,
            because=clip(f"Rule {trial.number} of the route {opening.route.name} applies{why}", NOTE_LENGTH),
        )


def works(hours: WorkingHours, now: datetime, zone: str | None) -> bool:
    """Return whether it is working hours in a time zone."""
    return hours.next_open(now, zone) <= now


def least_loaded(approvers: Sequence[Approver], loads: Mapping[str, int]) -> list[Approver]:
    """Return the approvers, those with the fewest open requests first; of several, in the order of the file."""
    return sorted(approvers, key=lambda row: loads.get(row.person.id, 0))
