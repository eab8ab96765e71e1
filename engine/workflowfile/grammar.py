"""The whole grammar of a workflow file, as pydantic models: also what `not_yet` refuses so far.

Models read one part of a file each; `reading` puts them together, so that a mistake in one part hides no other.
What needs more than one value to judge stands in `checks`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Tag, field_validator, model_validator
from pydantic import Field as Key

from engine.json_values import clean
from engine.workflowfile.phrases import describe
from engine.workflowfile.scalars import (
    Channel,
    Condition,
    Cron,
    Description,
    Duration,
    Label,
    Owner,
    People,
    Person,
    SecretRef,
    ShortDuration,
    Starters,
    StepId,
    TemplateText,
    Title,
    WorkflowName,
    Zone,
    refuse,
)

MAX_STEPS: Final = 100
MAX_INPUTS: Final = 100
MAX_FIELDS: Final = 40
"""Of a form, which is sent as a whole: a modal of Slack has room for 100 blocks, and an amount takes two."""
UNBUILT_KINDS: Final = ("ai", "run")
"""Names that `uses` takes although no kind of that name is there yet."""


class FilePart(BaseModel):
    """Strict, because YAML has said already what is a number and what is text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def _shape(given: object) -> str:
    """Which half of a union is meant: then errors speak of that half only."""
    return "mapping" if isinstance(given, dict | BaseModel) else "word"


# -- the gate -----------------------------------------------------------------------------------------------


class PolicyFile(FilePart):
    quorum: Annotated[int, Key(ge=1)] | None = None
    chain: Annotated[list[Annotated[list[Person], Key(min_length=1)]], Key(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> PolicyFile:
        if (self.quorum is None) == (self.chain is None):
            raise refuse("A policy is `any`, `all`, {quorum: 2} or {chain: [[…], […]]}; write one of them.")
        return self


class EscalateFile(FilePart):
    after: Duration
    to: Annotated[People, Key(min_length=1)]


class RemindFile(FilePart):
    after: Duration
    every: Duration | None = None
    times: Annotated[int, Key(ge=1, le=100)] | None = None


class PostToFile(FilePart):
    post_to: Channel


class ShowFile(FilePart):
    """`label` may be left out where `value` is one reference."""

    label: Label | None = None
    value: TemplateText

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: object) -> object:
        return {"value": given} if isinstance(given, str) else given


Policy = Annotated[
    Annotated[Literal["any", "all"], Tag("word")] | Annotated[PolicyFile, Tag("mapping")], Discriminator(_shape)
]
ChannelName = Annotated[
    Annotated[Literal["slack", "email"], Tag("word")] | Annotated[PostToFile, Tag("mapping")], Discriminator(_shape)
]


class GateFile(FilePart):
    """`edit` is raw: `reading.read_edit` reads each of its fields by itself."""

    at: Literal["before", "after"] = "before"
    when: Condition | None = None
    reason: TemplateText | None = None
    title: TemplateText | None = None
    show: list[ShowFile] = []
    edit: Any = None
    approve_label: Label = "Approve"
    reject_label: Label = "Reject"
    approvers: People = []
    policy: Policy = "any"
    exclude: list[Literal["requester", "editor"]] = []
    expires: Duration | None = None
    on_expiry: Literal["stop", "continue", "reject", "escalate"] = "stop"
    escalate: EscalateFile | None = None
    remind: RemindFile | None = None
    hours: bool = False
    channels: Annotated[list[ChannelName], Key(min_length=1)] | None = None
    email: Literal["fallback", "always", "never"] | None = None
    fallback_after: Duration | None = None
    assurance: Literal["link", "code", "sso"] | None = None
    reason_required: Literal["reject", "always", "never"] = "reject"
    feedback: bool = False
    revise: StepId | None = None
    revise_limit: Annotated[int, Key(ge=1, le=100)] | None = None
    confirm: TemplateText | None = None
    hold: Duration | None = None

    @field_validator("edit")
    @classmethod
    def _fields(cls, given: object) -> object:
        if not isinstance(given, list | dict):
            raise refuse("This must be a list of fields, like [subject, body], or a mapping of fields to their types.")
        return given


# -- the step -----------------------------------------------------------------------------------------------


class RetryFile(FilePart):
    attempts: Annotated[int, Key(ge=1, le=20)]
    wait: ShortDuration | None = None

    @model_validator(mode="before")
    @classmethod
    def _mapping(cls, given: object) -> object:
        if not isinstance(given, dict):
            attempts = given if isinstance(given, int) and given > 1 else 3
            raise refuse(f"This must be a mapping, not {describe(clean(given))}.", f"Write {{attempts: {attempts}}}.")
        return given


class StepFile(FilePart):
    """`gate` is raw: `reading` reads it by itself, and checks the `id`, so that a wrong one hides nothing else."""

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
    """Only with `on_error: ask` (who answers) or in a form (who fills it in)."""
    gate: Any = None


class FormStepFile(GateFile, StepFile):
    """A form is a request of its own: the gate's keys stand on the step. `fields` are read one by one."""

    title: TemplateText | None = None
    approve_label: Label = "Submit"
    fields: Annotated[dict[str, Any], Key(min_length=1)]

    @field_validator("gate")
    @classmethod
    def _no_gate(cls, given: object) -> object:
        if given is not None:
            raise refuse("A form asks people anyway; write the keys of its gate on the step itself.")
        return given


# -- the workflow -------------------------------------------------------------------------------------------


class WebhookFile(FilePart):
    secret: SecretRef


class TriggerFile(FilePart):
    schedule: Cron | None = None
    timezone: Zone | None = None
    missed: Literal["skip", "once", "all"] | None = None
    webhook: WebhookFile | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> TriggerFile:
        if (self.schedule is None) == (self.webhook is None):
            raise refuse("A trigger has either `schedule` or `webhook`.")
        if self.webhook and (self.timezone or self.missed):
            raise refuse("`timezone` and `missed` are for a schedule; delete them here.")
        return self


class WorkflowFile(FilePart):
    """`inputs` and `steps` are read one by one."""

    name: WorkflowName
    title: Title | None = None
    description: Description = ""
    owner: Owner | None = None
    inputs: dict[str, Any] = {}
    may_run: Starters | None = None
    triggers: list[TriggerFile] = []
    steps: Annotated[list[Any], Key(min_length=1)]
