"""A workflow whose file was read and checked. It is frozen and compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from msgspec import Struct

from engine.domain import (
    EVERY_WAY,
    AloneReason,
    Assurance,
    Missed,
    OnError,
    OnExpiry,
    Overlap,
    PolicyKind,
    QuestionRule,
    ReasonRequired,
    RequesterRule,
    RequestState,
    ReviewPoint,
    RunStatus,
    TriggerKind,
    Ways,
)
from engine.expressions import CompiledValue, Template
from engine.fields import Field
from engine.identifiers import in_words
from engine.json_values import Value
from engine.oversight.risk import RiskLevel, RiskRow
from engine.retry import RetryPolicy
from engine.schedules import Schedule
from engine.workflowfile.autonomy import Autonomy
from engine.workflowfile.declarations import NO_DECLARATIONS, Declarations
from engine.workflowfile.route import GateRoute
from engine.workflowfile.rule import Rule
from engine.workflowfile.step_kinds import StepKind

FALLBACK_AFTER: Final = timedelta(minutes=15)
"""Time after which people who were asked in Slack are asked by email too, unless the gate sets another."""


QUESTIONS: Final = QuestionRule.RUN
"""What a gate allows that does not say whether approvers may ask questions."""


TRY_AGAIN: Final = "Try again"
SKIP: Final = "Skip"
STOP: Final = "Stop"
"""The words on the buttons of a request that asks what to do about a step that failed."""


REVISE_LIMIT: Final = 3
"""How often changes can be asked for in one run, unless the gate sets another number."""


class Remind(Struct, frozen=True, kw_only=True):
    """When approvers are reminded: first after `after`, then every `every`, `times` times in all.

    Without `after`, at parts of the time until the expiry.
    """

    after: timedelta | None = None
    every: timedelta | None = None
    times: int = 1


class Clocks(Struct, frozen=True, kw_only=True):
    """The deadlines of a gate beside its expiry.

    `escalate_to`: the backups, who are asked as well if there is no decision in time. `hours`: whether all deadlines
    count working hours of the approvers.
    """

    remind: Remind | None = None
    escalate_after: timedelta | None = None
    escalate_to: tuple[Template, ...] = ()
    hours: bool = False


NO_CLOCKS: Final = Clocks()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownItem:
    """One line of `show`: additional information for the approvers."""

    label: str
    value: Template


CONTEXT_KEYS: Final = ("reasoning", "data", "impact", "confidence")
"""What a gate may say about a proposal, in the order in which people read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePolicy:
    """How many approvers have to agree. `quorum`: of `approvers`. `chain`: the groups that are asked in order."""

    kind: PolicyKind = PolicyKind.ANY
    quorum: int = 1
    chain: tuple[tuple[Template, ...], ...] = ()


ANY_ONE: Final = GatePolicy()


class GateRisk(Struct, frozen=True, kw_only=True):
    """How a gate tells the level of risk, and what it asks then.

    `gates`: the gate of each level, or None where none opens. `counts_claim`: whether the risk that a program names
    itself can raise the level.
    """

    parts: Mapping[str, Template]
    rows: tuple[RiskRow, ...]
    gates: Mapping[RiskLevel, Gate | None]
    counts_claim: bool = False


class Gate(Struct, frozen=True, kw_only=True):
    """The gate of a step: when people are asked, who is asked, and what they may change."""

    at: ReviewPoint = ReviewPoint.BEFORE
    when: Template | None = None
    condition_warning: str = ""
    """The reason not to trust a `when` that is false, or an empty text. It is set for a file that was registered before
    conditions with this mistake were refused."""
    reason: Template | None = None
    title: Template | None = None
    show: tuple[ShownItem, ...] = ()
    context: Mapping[str, Template] = {}
    """What it says about the proposal, by the keys of `CONTEXT_KEYS`."""
    edit: Mapping[str, Field | None] | None = None
    """The fields that people may edit, or None for the fields that the step marks as content. A field without a type
    has the type of its declaration or its value."""
    declarations: Declarations = NO_DECLARATIONS
    approve_label: str = "Approve"
    reject_label: str = "Reject"
    approvers: tuple[Template, ...] = ()
    """The approvers. If there are none, the owner is asked."""
    approver_inputs: Mapping[str, tuple[str, ...]] = {}
    """The inputs that an approver's expression reads, by the source of the expression. Through these inputs the
    requester names the approver."""
    route: GateRoute | None = None
    """The rules that choose the approvers, if the gate names a route."""
    policy: GatePolicy = ANY_ONE
    """The policy, or the strictest one if an expression chooses."""
    policy_choice: Template | None = None
    policies: Mapping[str, GatePolicy] = {}
    """The policies that `policy_choice` chooses from, by the JSON of the value that the file writes."""
    requester_rule: RequesterRule = RequesterRule.LAST
    """Whether the requester may decide. Only with `allowed` may data name them as an approver."""
    excludes_editor: bool = False
    questions: QuestionRule = QUESTIONS
    """Whether approvers may ask before they decide, and what the deadlines do meanwhile."""
    expires: timedelta | None = None
    on_expiry: OnExpiry = OnExpiry.STOP
    clocks: Clocks = NO_CLOCKS
    confirm: Template | None = None
    reason_required: ReasonRequired = ReasonRequired.REJECT
    ways: Ways = EVERY_WAY
    fallback_after: timedelta = FALLBACK_AFTER
    assurance: Assurance = Assurance.CODE
    """The identification that a decision on the review page needs."""
    confirm_with: Assurance | None = None
    """What has to confirm each decision anew, on every surface: a code or a sign-in."""
    feedback: bool = False
    """Whether those who decide are asked for a rating and a comment."""
    alone: AloneReason | None = None
    """Why requests of this gate are never decided together with others, if the file says so."""
    revise: str | None = None
    """The step that runs again when an approver asks for changes, if the gate offers that."""
    revise_limit: int = REVISE_LIMIT
    """How often changes can be asked for in one run."""
    hold: timedelta | None = None
    """How long the run waits after an approval, which can be undone until then."""
    on_reject: str | None = None
    """The later step with which the run goes on after a rejection, or None if the run ends."""
    autonomy: Autonomy | None = None
    """What may go through without review, once people agree."""
    amount: Template | None = None
    """The amount that the limits of approvers are compared with, if the gate has one."""
    risk: GateRisk | None = None
    """How the level of risk is told, if it chooses what the gate asks."""

    @property
    def variants(self) -> tuple[Gate, ...]:
        """The gate as it is at each level of risk, and as it is without one."""
        by_level = self.risk.gates.values() if self.risk is not None else ()
        return (*{id(gate): gate for gate in (self, *by_level) if gate is not None}.values(),)

    @property
    def people(self) -> tuple[Template, ...]:
        """Every reference to an approver."""
        policies = (self.policy, *self.policies.values())
        in_chains = (person for policy in policies for group in policy.chain for person in group)
        routed = self.route.people if self.route is not None else ()
        return (*self.approvers, *routed, *in_chains, *self.clocks.escalate_to)

    @property
    def needs_account(self) -> bool:
        """Whether a person can decide only with an account."""
        return Assurance.SSO in (self.assurance, self.confirm_with)

    @property
    def shown(self) -> tuple[Template, ...]:
        """The texts of the gate that people read on a card, besides the content."""
        texts = (self.reason, self.title, *self.context.values(), *(item.value for item in self.show))
        return tuple(template for template in texts if template is not None)

    @property
    def templates(self) -> tuple[Template, ...]:
        """Every text of the gate that is evaluated."""
        about = self.context.values()
        plan = (self.autonomy.only_when, self.autonomy.class_) if self.autonomy is not None else ()
        parts = self.risk.parts.values() if self.risk is not None else ()
        texts = (self.when, self.reason, self.title, self.confirm, self.policy_choice, *self.people, *about)
        routed = self.route.templates if self.route is not None else ()
        more = (self.amount, *routed, *plan, *parts, *(item.value for item in self.show))
        return tuple(template for template in (*texts, *more) if template is not None)


def label_of(step: str, title: str) -> str:
    """Return the text by which people know a step: its title, or its id in words."""
    return title or in_words(step)


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchPath:
    """A path of a branch. `when`: its condition, or None if it is taken in all other cases.

    `steps`: the indexes of its steps, those inside other steps included.
    """

    name: str
    when: Template | None
    steps: range
    rule: Rule | None = None
    """The rule that the path stands for: the path is taken only if the names of the ask match, too."""

    @property
    def label(self) -> str:
        """The rule, or the name of the path in words."""
        return in_words(self.name) if self.rule is None else f"Rule {self.rule.number}: {self.rule.label}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a workflow."""

    id: str
    index: int
    kind: StepKind
    params: CompiledValue
    title: str = ""
    when: Template | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeout: timedelta | None = None
    idempotent: bool | None = None
    """Whether repeating the step is harmless, or None if the file leaves that to the kind of the step."""
    on_error: OnError = OnError.STOP
    gate: Gate | None = None
    failure_gate: Gate | None = None
    """The gate that opens when the step has failed, if it says `on_error: ask`."""
    following: int
    """The index of the step that comes after this one, or the number of all steps."""
    paths: tuple[BranchPath, ...] = ()
    """The paths of a branch, in the order in which their conditions are asked."""
    body: range | None = None
    """The indexes of the steps that a foreach repeats, those inside other steps included."""
    rule: Rule | None = None
    """The rule that the step stands for, in a file with rules."""

    @property
    def inner(self) -> range:
        """The indexes of the steps inside this one."""
        if self.body is not None:
            return self.body
        return range(self.index + 1, self.paths[-1].steps.stop if self.paths else self.index + 1)

    @property
    def label(self) -> str:
        """The title of the step, or its id in words."""
        return label_of(self.id, self.title)

    @property
    def place(self) -> str:
        """Where it stands in the file, for builders: its id, or the rule that it stands for."""
        return f"step {self.id}" if self.rule is None else self.rule.words

    @property
    def gates(self) -> tuple[Gate, ...]:
        """Its own gate at each level of risk, and the one that opens when it has failed, as far as it has them."""
        own = self.gate.variants if self.gate is not None else ()
        return (*own, *((self.failure_gate,) if self.failure_gate is not None else ()))

    @property
    def templates(self) -> tuple[Template, ...]:
        """Every text of the step that is evaluated."""
        params = tuple(template for _, template in self.params.templates)
        conditions = (self.when, *(path.when for path in self.paths))
        asked = tuple(condition for condition in conditions if condition is not None)
        return (*asked, *params, *(template for gate in self.gates for template in gate.templates))


class Webhook(Struct, frozen=True):
    """How the sender of a call proves itself: by a signature, or with the secret in a header."""

    secret: str
    header: str | None = None


class Reaction(Struct, frozen=True):
    """The emoji that people add to a message of a channel. `channel`: its id or `#name`, as the file has it."""

    emoji: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """What starts runs besides the command of a person. `inputs`: a mapping, whose expressions read `trigger`."""

    index: int
    kind: TriggerKind
    inputs: CompiledValue
    overlap: Overlap = Overlap.ALLOW
    schedule: Schedule | None = None
    missed: Missed = Missed.ONCE
    webhook: Webhook | None = None
    reaction: Reaction | None = None

    @property
    def identity(self) -> str:
        """What a new version of the file leaves alone if the trigger stays the same, as when it is due next."""
        if self.reaction is not None:
            return reaction_identity(self.reaction.emoji, self.reaction.channel)
        return f"{self.kind} {self.schedule or self.webhook}"


def reaction_identity(emoji: str, channel: str = "") -> str:
    """Return the identity of a reaction in a channel, or what all identities of this emoji begin with."""
    return f"{TriggerKind.REACTION} {emoji} {channel}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleAnswer:
    """The answer of approvers in an example. `edits`: new values by dotted path; `reason`: also what should change.

    `about_failure`: it answers what to do about a step that failed.
    """

    state: RequestState = RequestState.APPROVED
    edits: Mapping[str, Value] = field(default_factory=dict)
    reason: str | None = None
    about_failure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A run as its author expects it. `outputs`: what steps return; `failures`: the errors of their first calls;
    `answers`: of approvers, by step and round.

    `asks`: who is asked, by step, each None if anyone; `calls`: the steps that call something, in order. What is None
    is not compared.
    """

    name: str
    inputs: Mapping[str, Value] = field(default_factory=dict)
    ask: Mapping[str, Value] = field(default_factory=dict)
    """What a program asks, in a workflow that decides about that."""
    outputs: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    failures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    answers: Mapping[str, tuple[ExampleAnswer, ...]] = field(default_factory=dict)
    asks: Mapping[str, tuple[str, ...] | None] | None = None
    calls: tuple[str, ...] | None = None
    ends: RunStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A workflow. Every run keeps the source and the hash of the workflow that it was started with."""

    name: str
    title: str
    description: str = ""
    owner: str | None = None
    inputs: Mapping[str, Field] = field(default_factory=dict)
    may_run: tuple[str, ...] = ()
    seeded: int | None = None
    """Of how many requests to a person at most one is seeded, if the owner wants that."""
    protected: bool = False
    """Whether another person approves each change to it."""
    triggers: tuple[Trigger, ...] = ()
    steps: tuple[Step, ...]
    output: CompiledValue | None = None
    """What a run returns to the run that started it, by name."""
    source: bytes = b""
    """The bytes of the file."""
    hash: str = ""
    """The SHA-256 of the source, in hexadecimal."""
    examples: tuple[Example, ...] = ()
    reads_decisions: bool = False
    """Whether one of its expressions reads a decision about a step."""
    reads_approved: bool = False
    """Whether one of its expressions reads what an earlier step was called with."""
    can_revise: bool = False
    """Whether an approver can ask for changes at one of its gates."""
    is_asked: bool = False
    """Whether only an ask starts it, because its first step is an ask."""
    asks_about_failures: bool = False
    """Whether people are asked what to do when one of its steps has failed."""
    has_plans: bool = False
    """Whether one of its gates has a sampling plan."""
    has_drafts: bool = False
    """Whether a language model writes the output of one of its steps."""

    @property
    def plan_meanings(self) -> tuple[str, ...]:
        """A sentence for each gate with a sampling plan: what goes through without review, and its worst case."""
        plans = ((step.label, step.gate.autonomy) for step in self.steps if step.gate is not None)
        return tuple(f"“{label}”: {of.meaning}" for label, of in plans if of is not None)

    def step(self, name: str) -> Step:
        """Return the step with this id. Raises `KeyError` if there is none."""
        for step in self.steps:
            if step.id == name:
                return step
        raise KeyError(name)
