"""A workflow after its file was read and checked: frozen, compiled, ready to be planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from engine.domain import Assurance, EmailPolicy, OnError, OnExpiry, ReasonRequired, ReviewPoint
from engine.expressions import CompiledValue, Template
from engine.fields import Field
from engine.retry import RetryPolicy
from engine.workflowfile.declarations import NOTHING, Declaration
from engine.workflowfile.step_kinds import StepKind

FALLBACK_AFTER: Final = timedelta(minutes=15)
"""How long nobody acts on what Slack showed before mails go out, unless the gate says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownItem:
    """One line of `show`: extra context for the people who decide."""

    label: str
    value: Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """`edit`: None means the fields that the step marks as content; a None type: that of `declared`, or of the value.

    `declared`: what holds for the values that are asked about, by where they come from.
    """

    at: ReviewPoint = ReviewPoint.BEFORE
    when: Template | None = None
    doubt: str = ""
    """Why a `when` that says no may be wrong: its file was registered before such conditions were refused."""
    reason: Template | None = None
    title: Template | None = None
    show: tuple[ShownItem, ...] = ()
    edit: Mapping[str, Field | None] | None = None
    declared: Declaration = NOTHING
    approve_label: str = "Approve"
    reject_label: str = "Reject"
    approvers: tuple[Template, ...] = ()
    """Empty: the owner."""
    approver_inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The inputs that an approver's expression reads, by its source: then whoever starts the run names the approver."""
    asks_requester: bool = False
    """Whether somebody who started the run may be named by data too: `exclude: []` says so."""
    expires: timedelta | None = None
    on_expiry: OnExpiry = OnExpiry.STOP
    confirm: Template | None = None
    reason_required: ReasonRequired = ReasonRequired.REJECT
    email: EmailPolicy = EmailPolicy.FALLBACK
    fallback_after: timedelta = FALLBACK_AFTER
    assurance: Assurance = Assurance.CODE
    """What identifies somebody who decides on the review page."""

    @property
    def templates(self) -> tuple[Template, ...]:
        """Every text of it that is evaluated."""
        given = (self.when, self.reason, self.title, self.confirm, *self.approvers, *(item.value for item in self.show))
        return tuple(template for template in given if template is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`idempotent`: None means what the kind says of itself."""

    id: str
    index: int
    kind: StepKind
    params: CompiledValue
    title: str = ""
    when: Template | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeout: timedelta | None = None
    idempotent: bool | None = None
    on_error: OnError = OnError.STOP
    gate: Gate | None = None

    @property
    def label(self) -> str:
        return self.title or self.id

    @property
    def templates(self) -> tuple[Template, ...]:
        """Every text of the step that is evaluated."""
        own = tuple(template for _, template in self.params.templates)
        return (*((self.when,) if self.when else ()), *own, *(self.gate.templates if self.gate else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """`source` are the bytes as written, `hash` their SHA-256 in hexadecimal: a run pins both."""

    name: str
    title: str
    description: str = ""
    owner: str | None = None
    inputs: Mapping[str, Field] = field(default_factory=dict)
    may_run: tuple[str, ...] = ()
    steps: tuple[Step, ...]
    source: bytes = b""
    hash: str = ""
    reads_decisions: bool = False
    """Whether an expression of it asks what was decided about a step."""

    def step(self, name: str) -> Step:
        """The step of that id. Raises `KeyError`."""
        for step in self.steps:
            if step.id == name:
                return step
        raise KeyError(name)
