"""Who may see what: the one place that pages, Slack, the terminal and the API ask. Pure.

An approver sees the requests that they were asked about. A requester sees what they started, an owner all of their
workflows. Admins and auditors see everything; an auditor changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.domain import Person
from engine.domain.oversight import OversightPurpose
from engine.read_models import RequestView, RunView, WorkflowName, WorkflowView


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A person with what this server lets them read. Admins and auditors are named in the settings.

    `owns_with`: roles and groups that own workflows and of which this person is a member, once looked up.
    """

    person: Person
    is_admin: bool = False
    is_auditor: bool = False
    owns_with: frozenset[str] = frozenset()

    @property
    def reads_everything(self) -> bool:
        return self.is_admin or self.is_auditor


def is_asked(person: Person, request: RequestView) -> bool:
    """Return whether this person is an approver of a request, also one who can no longer decide."""
    return any(approver.person.id == person.id for approver in request.approvers)


def takes_part(person: Person, request: RequestView) -> bool:
    """Return whether this person is asked to decide a request, or was asked a question about it."""
    return is_asked(person, request) or any(question.asked_to.id == person.id for question in request.model.questions)


def may_pass_on(person: Person, request: RequestView) -> bool:
    """Return whether this person may let another one decide: an approver, or the owner of the workflow."""
    return is_asked(person, request) or person.id == request.owner


def may_see_request(reader: Reader, request: RequestView) -> bool:
    """Return whether this person may see a request: its content, its decisions and its copies."""
    if reader.reads_everything:
        return True
    if _is_told_to_another(reader.person, request):
        return False
    return reader.person.id in (request.requester.id, request.owner) or takes_part(reader.person, request)


def _is_told_to_another(person: Person, request: RequestView) -> bool:
    """Return whether a request was a test of another person's attention: what they did is told to them alone."""
    is_test = request.oversight is not None and request.oversight.purpose is OversightPurpose.SEEDED
    return is_test and (request.decision is None or request.decision.person.id != person.id)


def may_see_run(reader: Reader, run: RunView, requests: tuple[RequestView, ...] = ()) -> bool:
    """Return whether this person may see a run. `requests`: those of the run, whose approvers see it too."""
    if reader.reads_everything or reader.person.id in (run.requester.id, run.owner.id):
        return True
    return any(may_see_request(reader, request) for request in requests)


def owns_or_reads(reader: Reader, workflow: WorkflowName) -> bool:
    """Return whether this person sees all requests of a workflow, and may export the decisions about them."""
    return reader.reads_everything or reader.person.id == workflow.owner


def may_see_workflow(reader: Reader, workflow: WorkflowView) -> bool:
    """Return whether this person may read the file of a workflow and its versions."""
    return reader.reads_everything or _owns(reader, workflow)


def may_build_workflow(reader: Reader, workflow: WorkflowView) -> bool:
    """Return whether this person may change a workflow: its owner, a member of its owner, or an admin."""
    return reader.is_admin or _owns(reader, workflow)


def _owns(reader: Reader, workflow: WorkflowView) -> bool:
    return reader.person.id == workflow.owner.id or workflow.owner_rule in reader.owns_with


def may_export(reader: Reader, workflows: Iterable[WorkflowName]) -> bool:
    """Return whether this person may export decisions, if these are the workflows that there are."""
    return reader.reads_everything or any(owns_or_reads(reader, workflow) for workflow in workflows)


def may_act_for(reader: Reader, *persons: str) -> bool:
    """Return whether this person is one of those whose right it is, or an admin. An auditor has no right of others."""
    return reader.is_admin or reader.person.id in persons


def may_change_run(reader: Reader, run: RunView) -> bool:
    """Return whether this person may cancel a run, try it again after it failed, and send its copies once more."""
    return may_act_for(reader, run.requester.id, run.owner.id)


def may_repair_run(reader: Reader, run: RunView) -> bool:
    """Return whether this person may answer for a step of unknown outcome."""
    return may_act_for(reader, run.owner.id)
