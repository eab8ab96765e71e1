"""Who may see what: the one place that pages, Slack, the terminal and the API ask. Pure.

An approver sees the requests that they were asked about. A requester sees what they started, an owner all of their
workflows. Admins and auditors see everything; an auditor changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.domain import Person
from engine.read_models import RequestView, RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A person with what this server lets them read. Admins and auditors are named in the settings."""

    person: Person
    is_admin: bool = False
    is_auditor: bool = False

    @property
    def reads_everything(self) -> bool:
        return self.is_admin or self.is_auditor


def may_see_request(reader: Reader, request: RequestView) -> bool:
    """Return whether this person may see a request: its content, its decisions and its copies."""
    person = reader.person.id
    if reader.reads_everything or person in (request.requester.id, request.owner):
        return True
    if any(approver.person.id == person for approver in request.approvers):
        return True
    return any(question.asked_to.id == person for question in request.model.questions)


def may_see_run(reader: Reader, run: RunView, requests: tuple[RequestView, ...] = ()) -> bool:
    """Return whether this person may see a run. `requests`: those of the run, whose approvers see it too."""
    if reader.reads_everything or reader.person.id in (run.requester.id, run.owner.id):
        return True
    return any(may_see_request(reader, request) for request in requests)


def may_change_run(reader: Reader, run: RunView) -> bool:
    """Return whether this person may cancel a run, try it again after it failed, and send its copies once more."""
    return reader.is_admin or reader.person.id in (run.requester.id, run.owner.id)


def may_repair_run(reader: Reader, run: RunView) -> bool:
    """Return whether this person may answer for a step of unknown outcome."""
    return reader.is_admin or reader.person.id == run.owner.id
