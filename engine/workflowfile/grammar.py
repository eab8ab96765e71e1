"""The grammar of a workflow file as pydantic models, including the parts that `unsupported` refuses so far.

Each model reads one part of a file. `draft` puts the parts together, so that a mistake in one part hides none in
another. Checks that need more than one value are in `checks`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Tag, field_validator, model_validator
from pydantic import Field as Key

from engine.domain import TriggerKind
from engine.json_values import clean
from engine.workflowfile.phrases import describe
from engine.workflowfile.scalars import (
    Channel,
    Condition,
    Description,
    Duration,
    Emoji,
    Header,
    HoldDuration,
    Label,
    OneIn,
    Owner,
    People,
    Percent,
    Person,
    ScheduleText,
    SecretRef,
    ShortDuration,
    Starters,
    StepId,
    TemplateText,
    Title,
    WorkflowName,
    Zone,
    has_expression,
    refuse,
)

MAX_STEPS: Final = 100
"""Maximum number of steps in a workflow."""
MAX_INPUTS: Final = 100
"""Maximum number of inputs of a workflow."""
MAX_TRIGGERS: Final = 20
"""Maximum number of triggers of a workflow."""
MAX_FIELDS: Final = 40
"""Maximum number of fields in a form. A Slack modal has room for 100 blocks, and an amount of money takes two."""
OTHERWISE: Final = "otherwise"
"""The name of the path that a branch takes if no condition is true."""
MAX_DEPTH: Final = 5
"""How deep branches may lie inside each other."""
MAX_OUTPUTS: Final = 100
"""Maximum number of values that a workflow returns."""
UNBUILT_STEP_TYPES: Final[tuple[str, ...]] = ()
"""Kinds of steps that the grammar knows and that are not built yet."""


class FilePart(BaseModel):
    """A part of a file. It is strict, because the YAML parser has already distinguished numbers and texts."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def _union_tag(value: object) -> str:
    """Return the branch of a union that the value belongs to, so that errors are about this branch only."""
    return "mapping" if isinstance(value, dict | BaseModel) else "word"


# -- the gate -----------------------------------------------------------------------------------------------


class PolicyFile(FilePart):
    """`policy` of a gate, if it is a mapping."""

    quorum: Annotated[int, Key(ge=1)] | None = None
    chain: Annotated[list[Annotated[list[Person], Key(min_length=1)]], Key(min_length=1)] | None = None

    @model_validator(mode="after")
    def _check_one_key(self) -> PolicyFile:
        if (self.quorum is None) == (self.chain is None):
            raise refuse("A policy is `any`, `all`, {quorum: 2} or {chain: [[…], […]]}; write one of them.")
        return self


class EscalateFile(FilePart):
    """`escalate` of a gate. Without `after`, with `on_expiry: escalate`, at the end of `expires`."""

    after: Duration | None = None
    to: Annotated[People, Key(min_length=1)]


class RemindFile(FilePart):
    """`remind` of a gate."""

    after: Duration
    every: Duration | None = None
    times: Annotated[int, Key(ge=1, le=100)] | None = None


class PostToFile(FilePart):
    """An entry of `channels` that names a Slack channel."""

    post_to: Channel


class ShowFile(FilePart):
    """An entry of `show`. `label` may be left out if `value` is one reference."""

    label: Label | None = None
    value: TemplateText

    @model_validator(mode="before")
    @classmethod
    def _expand_text(cls, raw: object) -> object:
        return {"value": raw} if isinstance(raw, str) else raw


class ContextFile(FilePart):
    """`context` of a gate: what an agent or a step says of its proposal."""

    reasoning: TemplateText | None = None
    data: TemplateText | None = None
    impact: TemplateText | None = None
    confidence: TemplateText | None = None

    @model_validator(mode="after")
    def _check_not_empty(self) -> ContextFile:
        if not self.model_fields_set:
            raise refuse("A context has at least one of `reasoning`, `data`, `impact` and `confidence`.")
        return self


class AutonomyFile(FilePart):
    """`autonomy` of a gate. `only_when`: the author's cap, beyond which everything is reviewed."""

    clean: Annotated[int, Key(ge=1, le=100_000)]
    sample: Percent
    review_after: Percent | None = None
    only_when: Condition
    class_: Annotated[TemplateText | None, Key(alias="class")] = None
    minor: list[str] = []


def _policy_tag(value: object) -> str:
    return "expression" if isinstance(value, str) and has_expression(value) else _union_tag(value)


PlainPolicy = Annotated[
    Annotated[Literal["any", "all"], Tag("word")] | Annotated[PolicyFile, Tag("mapping")], Discriminator(_union_tag)
]
Policy = Annotated[
    Annotated[Literal["any", "all"], Tag("word")]
    | Annotated[PolicyFile, Tag("mapping")]
    | Annotated[TemplateText, Tag("expression")],
    Discriminator(_policy_tag),
]
Reminders = Annotated[Annotated[bool, Tag("word")] | Annotated[RemindFile, Tag("mapping")], Discriminator(_union_tag)]
ChannelName = Annotated[
    Annotated[Literal["slack", "email"], Tag("word")] | Annotated[PostToFile, Tag("mapping")], Discriminator(_union_tag)
]


class GateFile(FilePart):
    """A gate. `edit` and `risk` stay raw: `draft` and `risk_compiler` read each of their parts by itself."""

    at: Literal["before", "after"] = "before"
    when: Condition | None = None
    reason: TemplateText | None = None
    title: TemplateText | None = None
    show: list[ShowFile] = []
    context: ContextFile | None = None
    edit: Any = None
    approve_label: Label = "Approve"
    reject_label: Label = "Reject"
    approvers: People = []
    policy: Policy = "any"
    exclude: list[Literal["requester", "editor"]] | None = None
    questions: Literal["run", "pause", "off"] | None = None
    expires: Duration | None = None
    on_expiry: Literal["stop", "continue", "reject", "escalate"] = "stop"
    escalate: EscalateFile | None = None
    remind: Reminders = False
    hours: bool = False
    channels: Annotated[list[ChannelName], Key(min_length=1)] | None = None
    email: Literal["fallback", "always", "never"] | None = None
    fallback_after: Duration | None = None
    assurance: Literal["link", "code", "sso"] | None = None
    confirm_with: Literal["code", "sso"] | None = None
    reason_required: Literal["reject", "always", "never"] = "reject"
    batch: bool = True
    irreversible: bool = False
    feedback: bool = False
    revise: StepId | None = None
    revise_limit: Annotated[int, Key(ge=1, le=100)] | None = None
    on_reject: StepId | None = None
    confirm: TemplateText | None = None
    hold: HoldDuration | None = None
    autonomy: AutonomyFile | None = None
    risk: Any = None
    amount: TemplateText | None = None

    @field_validator("edit")
    @classmethod
    def _check_edit(cls, raw: object) -> object:
        if not isinstance(raw, list | dict):
            raise refuse("This must be a list of fields, like [subject, body], or a mapping of fields to their types.")
        return raw


# -- the step -----------------------------------------------------------------------------------------------


class RetryFile(FilePart):
    """`retry` of a step."""

    attempts: Annotated[int, Key(ge=1, le=20)]
    wait: ShortDuration | None = None

    @model_validator(mode="before")
    @classmethod
    def _check_mapping(cls, raw: object) -> object:
        if not isinstance(raw, dict):
            attempts = raw if isinstance(raw, int) and raw > 1 else 3
            raise refuse(f"This must be a mapping, not {describe(clean(raw))}.", f"Write {{attempts: {attempts}}}.")
        return raw


class StepFile(FilePart):
    """A step. `gate` stays raw and `id` unchecked: `draft` reads them, so that a mistake in them hides no other."""

    id: str
    uses: Annotated[str, Key(min_length=1)]
    with_: Annotated[dict[str, Any], Key(alias="with")] = {}
    title: Title | None = None
    when: Condition | None = None
    retry: RetryFile | None = None
    timeout: ShortDuration | None = None
    idempotent: bool | None = None
    on_error: Literal["stop", "continue", "ask"] = "stop"
    approvers: People = []
    """The people who answer on `on_error: ask`, or who fill in a form. Other steps have no approvers."""
    gate: Any = None


class FormStepFile(GateFile, StepFile):
    """A form. It is a request itself, so it has the keys of a gate. `fields` stays raw: `draft` reads each field."""

    title: TemplateText | None = None
    approve_label: Label = "Submit"
    fields: Annotated[dict[str, Any], Key(min_length=1)]

    @field_validator("gate")
    @classmethod
    def _refuse_gate(cls, raw: object) -> object:
        if raw is not None:
            raise refuse("A form asks people anyway; write the keys of its gate on the step itself.")
        return raw


class PathFile(FilePart):
    """A path of a branch. `steps` stays raw: `draft` reads each of them by itself."""

    when: Condition
    steps: Annotated[list[Any], Key(min_length=1)]


class BranchStepFile(StepFile):
    """A branch. `paths` and `otherwise` stay raw: `draft` reads each path by itself."""

    paths: Annotated[dict[str, Any], Key(min_length=1)]
    otherwise: Annotated[list[Any], Key(min_length=1)] | None = None

    @field_validator("paths")
    @classmethod
    def _check_names(cls, raw: dict[str, Any]) -> dict[str, Any]:
        if OTHERWISE in raw:
            raise refuse("`otherwise` is no path with a condition; write it beside `paths`, with its steps.")
        return raw


class ForeachStepFile(StepFile):
    """A foreach. `steps` stays raw: `step_reader` reads each of them by itself."""

    steps: Annotated[list[Any], Key(min_length=1)]


# -- the workflow -------------------------------------------------------------------------------------------


class WebhookFile(FilePart):
    """`webhook` of a trigger. `header`: what holds the secret, for a sender that cannot sign."""

    secret: SecretRef
    header: Header | None = None


class ReactionFile(FilePart):
    """`reaction` of a trigger: an emoji that people add to messages of a channel."""

    emoji: Emoji
    channel: Channel


class TriggerFile(FilePart):
    """An entry of `triggers`. `inputs` stays raw: `trigger_compiler` reads it by the inputs of the workflow."""

    schedule: ScheduleText | None = None
    timezone: Zone | None = None
    missed: Literal["skip", "once", "all"] | None = None
    overlap: Literal["skip", "queue", "allow"] = "allow"
    inputs: dict[str, Any] = {}
    webhook: WebhookFile | None = None
    message: bool | None = None
    reaction: ReactionFile | None = None
    email: bool | None = None

    @field_validator("message", "email")
    @classmethod
    def _check_true(cls, raw: object) -> object:
        if raw is False:
            raise refuse("A trigger that listens to nothing can be deleted.", "Write `true`, or delete the trigger.")
        return raw

    @property
    def kinds(self) -> list[TriggerKind]:
        """What it listens to: one kind if it is right."""
        return [kind for kind in TriggerKind if getattr(self, kind) is not None]

    @model_validator(mode="after")
    def _check_keys(self) -> TriggerFile:
        if len(self.kinds) != 1:
            listed = ", ".join(f"`{kind}`" for kind in [*TriggerKind][:-1])
            raise refuse(f"A trigger has one of {listed} and `{[*TriggerKind][-1]}`.")
        if self.schedule is None:
            if self.timezone is not None or self.missed is not None:
                raise refuse("`timezone` and `missed` are for a schedule; delete them here.")
            return self
        if self.timezone is not None and self.schedule.lower().startswith("every"):
            raise refuse("`every` counts minutes, which are the same in all time zones; delete `timezone`.")
        if self.missed == "all" and self.overlap == "skip":
            raise refuse(
                "With `missed: all` several runs start at once, and `overlap: skip` leaves out all but one of them.",
                "Write `overlap: queue`.",
            )
        return self


class ExampleAnswerFile(FilePart):
    """An answer in `answers` of an example, if it is a mapping."""

    edit: dict[str, Any] = {}
    reject: str | None = None
    revise: str | None = None
    retry: dict[str, Any] = {}

    @model_validator(mode="after")
    def _check_one_key(self) -> ExampleAnswerFile:
        if bool(self.edit) + bool(self.retry) + (self.reject is not None) + (self.revise is not None) != 1:
            raise refuse(
                "An answer is `approve`, `reject`, `expire`, {edit: …}, {reject: why} or {revise: what}; "
                "about a failure `retry`, {retry: …}, `skip` or `stop`."
            )
        return self


class ExpectFile(FilePart):
    """`expect` of an example. `asks`: who is asked, by step; `true` for anyone."""

    asks: dict[str, Literal[True] | list[str]] | None = None
    calls: list[str] | None = None
    ends: Literal["succeeded", "failed", "rejected", "expired"] | None = None


ExampleAnswerValue = Annotated[
    Annotated[Literal["approve", "reject", "expire", "retry", "skip", "stop"], Tag("word")]
    | Annotated[ExampleAnswerFile, Tag("mapping")],
    Discriminator(_union_tag),
]


class ExampleFile(FilePart):
    """An entry of `examples`."""

    name: Label
    inputs: dict[str, Any] = {}
    ask: dict[str, Any] = {}
    outputs: dict[str, dict[str, Any]] = {}
    failures: dict[str, list[str]] = {}
    answers: dict[str, list[ExampleAnswerValue]] = {}
    expect: ExpectFile

    @field_validator("answers", "failures", mode="before")
    @classmethod
    def _expand_lists(cls, raw: object) -> object:
        """Return the values by round, also where the file has one for all rounds."""
        if not isinstance(raw, dict):
            return raw
        return {step: value if isinstance(value, list) else [value] for step, value in raw.items()}


class WorkflowFile(FilePart):
    """A workflow. `inputs`, `triggers` and `steps` stay raw: `draft` reads each of them by itself."""

    name: WorkflowName
    title: Title | None = None
    description: Description = ""
    owner: Owner | None = None
    inputs: dict[str, Any] = {}
    may_run: Starters | None = None
    seeded: OneIn | None = None
    protected: bool = False
    triggers: list[Any] = []
    examples: list[ExampleFile] = []
    steps: Annotated[list[Any], Key(min_length=1)]
    output: Annotated[dict[str, Any], Key(min_length=1, max_length=MAX_OUTPUTS)] | None = None
    routes: Any = None
