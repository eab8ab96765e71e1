"""The rows, as SQLModel classes. Only the store and the migrations know them.

Ids are text that sorts by time (see `engine.system`). Times are UTC, written with microseconds. JSON is text written by
`engine.json_values`, so that numbers stay exact on every database. A row that belongs to a workspace names it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index, LargeBinary, false, text
from sqlmodel import Field, SQLModel

from engine.store.columns import text_column, utc


class WorkspaceRow(SQLModel, table=True):
    """One tenant: a Slack workspace, or the single one of an installation without Slack."""

    __tablename__ = "workspace"
    id: str = Field(primary_key=True)
    name: str
    created_at: datetime = utc(nullable=False)
    key_fingerprint: str | None = None
    """Of the key of the server that started last, on PostgreSQL: all need the same. It does not tell the key."""
    marks: str | None = None
    """Where the database was when it was used last (see `engine.store.server_marks`); null in a file."""


class WorkflowRow(SQLModel, table=True):
    __tablename__ = "workflow"
    __table_args__ = (Index("workflow_name", "workspace", "name", unique=True),)
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    name: str
    title: str
    owner: str = Field(foreign_key="person.id")
    version: int
    created_at: datetime = utc(nullable=False)
    updated_at: datetime = utc(nullable=False)
    state: str = Field(default="active", sa_column_kwargs={"server_default": "active"})
    """A `WorkflowState`. `state_by`, `state_at`: who changed it last, and when."""
    state_by: str | None = None
    state_at: datetime | None = utc()
    owner_rule: str | None = None
    """The role or group that owns it; `owner` is its contact then. Null: the person owns it."""
    owner_left_at: datetime | None = utc()
    """When the account of `owner` was deactivated."""


class WorkflowVersionRow(SQLModel, table=True):
    """The bytes of one version as they were written; a run pins the version it started with."""

    __tablename__ = "workflow_version"
    workflow: str = Field(primary_key=True, foreign_key="workflow.id")
    version: int = Field(primary_key=True)
    source: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    hash: str
    registered_by: str = Field(foreign_key="person.id")
    registered_at: datetime = utc(nullable=False)


class RunRow(SQLModel, table=True):
    """`ready_at`: when the run wants to be advanced; null: it waits for people or has ended."""

    __tablename__ = "run"
    __table_args__ = (
        Index(
            "run_ready",
            "ready_at",
            sqlite_where=text("ready_at IS NOT NULL"),
        ),
        Index("run_workspace", "workspace", "id"),
        Index("run_requester", "requester", "id"),
        Index("run_workflow", "workflow", "id", "requester"),
        Index("run_parent", "parent", "id", sqlite_where=text("parent IS NOT NULL")),
        Index("run_trigger", "trigger", "id", sqlite_where=text("ended_at IS NULL")),
        Index("run_requester_open", "requester", "id", sqlite_where=text("ended_at IS NULL")),
        Index(
            "run_open",
            "workspace",
            "id",
            sqlite_where=text("ended_at IS NULL"),
        ),
        Index(
            "run_with_contents",
            "workspace",
            "ended_at",
            sqlite_where=text("ended_at IS NOT NULL AND (erased_at IS NULL OR erased_at < ended_at)"),
        ),
        Index(
            "run_attention",
            "workspace",
            "id",
            sqlite_where=text("status = 'needs_attention'"),
        ),
        Index(
            "run_key",
            "workspace",
            "key",
            unique=True,
            sqlite_where=text("key IS NOT NULL"),
        ),
    )
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    workflow: str
    version: int
    requester: str = Field(foreign_key="person.id")
    requester_label: str
    """How the requester was printed when the run started: `run.requester` in expressions."""
    origin: str = text_column(nullable=False)
    key: str | None = None
    status: str
    cursor: int
    inputs: str = text_column(nullable=False)
    rev: int = 1
    wakes: int = 0
    ready_at: datetime | None = utc()
    lease_until: datetime | None = utc()
    cancel: str | None = text_column()
    error: str | None = text_column()
    started_at: datetime = utc(nullable=False)
    ended_at: datetime | None = utc()
    erased_at: datetime | None = utc()
    """When the contents of the run were erased for good."""
    trigger: str | None = None
    """The trigger that started it, which may be gone by now."""
    queued: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Whether it begins when the earlier runs of its trigger have ended."""
    parent: str | None = None
    """The run whose step started it."""
    parent_step: str | None = None
    parent_visit: int | None = None
    output: str | None = text_column()
    """What it returned when it succeeded, as JSON, if its workflow declares that."""
    lane: int | None = None
    """The number of the lane, if the run works on the items of a foreach of its parent."""
    item: int | None = None
    """The item that a lane works on."""
    item_since: int | None = None
    """The number from which the visits of a lane belong to that item."""


class StepRunRow(SQLModel, table=True):
    """One visit of a run to a step. `item`: the item that it belongs to, in a lane of a foreach."""

    __tablename__ = "step_run"
    __table_args__ = (Index("step_run_item", "run", "item", sqlite_where=text("item IS NOT NULL")),)
    run: str = Field(primary_key=True, foreign_key="run.id")
    step: str = Field(primary_key=True)
    visit: int = Field(primary_key=True)
    position: int
    status: str
    attempt: int = 0
    params: str | None = text_column()
    digest: str | None = None
    output: str | None = text_column()
    error: str | None = text_column()
    wakes_at: datetime | None = utc()
    started_at: datetime | None = utc()
    ended_at: datetime | None = utc()
    item: int | None = None


class StepAnswerRow(SQLModel, table=True):
    """The answer of a person about a call of unknown outcome."""

    __tablename__ = "step_answer"
    run: str = Field(primary_key=True, foreign_key="run.id")
    step: str = Field(primary_key=True)
    visit: int = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    answer: str
    person: str = Field(foreign_key="person.id")
    assurance: str
    answered_at: datetime = utc(nullable=False)


class ModelCallRow(SQLModel, table=True):
    """One call of a language model in a visit to a step. `answered_at` null: there was no answer, or none is known.

    `cost`: in US dollars, as an exact number.
    """

    __tablename__ = "model_call"
    run: str = Field(primary_key=True, foreign_key="run.id")
    step: str = Field(primary_key=True)
    visit: int = Field(primary_key=True)
    number: int = Field(primary_key=True)
    attempt: int
    model: str
    max_tokens: int
    asked_at: datetime = utc(nullable=False)
    answered_at: datetime | None = utc()
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: str | None = None
    problem: str | None = text_column()


class RequestRow(SQLModel, table=True):
    """An opened gate. `content_version`: of the content. `rev`: of the row. `check_at`: the next deadline."""

    __tablename__ = "request"
    __table_args__ = (
        Index("request_run", "run", "id"),
        Index("request_workspace", "workspace", "id"),
        Index(
            "request_check",
            "check_at",
            sqlite_where=text("check_at IS NOT NULL"),
        ),
        Index("request_rejected", "workspace", "id", sqlite_where=text("state = 'rejected'")),
        Index("request_changes_requested", "workspace", "id", sqlite_where=text("state = 'changes_requested'")),
        Index("request_skipped", "workspace", "id", sqlite_where=text("state = 'skipped'")),
        Index("request_undone", "workspace", "id", sqlite_where=text("state = 'undone'")),
        Index("request_expired", "workspace", "id", sqlite_where=text("state = 'expired'")),
        Index("request_cancelled", "workspace", "id", sqlite_where=text("state = 'cancelled'")),
        Index(
            "request_pending",
            "workspace",
            "id",
            sqlite_where=text("state = 'pending'"),
        ),
    )
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    run: str = Field(foreign_key="run.id")
    step: str
    visit: int
    at: str
    state: str
    rev: int = 1
    content_version: int = 1
    title: str = text_column(nullable=False)
    details: str = text_column(nullable=False)
    """The fixed parts of this request as JSON: reason, context, notes, labels, confirmation, editable fields."""
    content: str = text_column(nullable=False)
    digest: str
    policy: str = "any"
    """The kind of the policy and the number of approvals that it needs, like `quorum:2`; `any` is written alone."""
    reason_required: str
    expires_after: int | None = Field(default=None, sa_column=Column(BigInteger))
    """Microseconds."""
    on_expiry: str
    opened_at: datetime = utc(nullable=False)
    first_shown_at: datetime | None = utc()
    told_unseen: bool = False
    expires_at: datetime | None = utc()
    fall_back_at: datetime | None = utc()
    clocks: str | None = text_column()
    """Reminders, escalation and working hours as JSON; null for a request without them."""
    check_at: datetime | None = utc()
    closed_at: datetime | None = utc()
    closed_by: str | None = Field(default=None, foreign_key="person.id")


class ApproverRow(SQLModel, table=True):
    """A person who may decide a request, and the reference. `pending` makes the inbox of a person one index read."""

    __tablename__ = "approver"
    __table_args__ = (
        Index(
            "approver_inbox",
            "person",
            "request",
            sqlite_where=text("pending = 1"),  # the same words as in the queries, or SQLite does not use the index
        ),
        {"sqlite_with_rowid": False},  # a row is little more than its key
    )
    request: str = Field(primary_key=True, foreign_key="request.id")
    person: str = Field(primary_key=True, foreign_key="person.id")
    position: int
    rule: str
    pending: bool = True
    named_by: str | None = text_column()
    """The references that name this person, as JSON, where `rule` alone does not tell."""
    excluded: str | None = text_column()
    """Why this person can no longer decide, if a check at their decision found it."""
    chain_groups: str | None = text_column()
    """The numbers of their groups in a chain, as JSON; null: the first group alone."""
    handed_to: str | None = text_column()
    """The name of the person who decides in their place since then."""


class DecisionRow(SQLModel, table=True):
    """A decision; rows are only appended. `record` holds the facts for which there is no column."""

    __tablename__ = "decision"
    __table_args__ = (
        Index("decision_by_verdict", "request", "content_version", "person", "verdict", unique=True),
        Index("decision_person", "person", "id", "request"),
    )
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    request: str = Field(foreign_key="request.id")
    content_version: int
    person: str = Field(foreign_key="person.id")
    verdict: str
    reason: str | None = text_column()
    edits: str | None = text_column()
    shown_digest: str
    approved_digest: str | None = None
    assurance: str
    record: str = text_column(nullable=False)
    decided_at: datetime = utc(nullable=False)


class ContentChangeRow(SQLModel, table=True):
    """What a person changed in the content of a request while approvals of others were missing.

    `version`: of the content after it; `digest`: of that content. The request itself holds the newest content.
    """

    __tablename__ = "content_change"
    request: str = Field(primary_key=True, foreign_key="request.id")
    version: int = Field(primary_key=True)
    person: str = Field(foreign_key="person.id")
    edits: str = text_column(nullable=False)
    digest: str
    changed_at: datetime = utc(nullable=False)


class UndoRow(SQLModel, table=True):
    """Who took the approval of a request back before its hold ended."""

    __tablename__ = "undo"
    request: str = Field(primary_key=True, foreign_key="request.id")
    person: str = Field(foreign_key="person.id")
    undone_at: datetime = utc(nullable=False)


class QuestionRow(SQLModel, table=True):
    """A question of an approver before they decide, and its answer."""

    __tablename__ = "question"
    __table_args__ = (
        Index("question_request", "request"),
        Index(
            "question_open",
            "asked_to",
            sqlite_where=text("answered_at IS NULL"),
        ),
    )
    id: str = Field(primary_key=True)
    request: str = Field(foreign_key="request.id")
    asked_by: str = Field(foreign_key="person.id")
    asked_to: str = Field(foreign_key="person.id")
    text: str = text_column(nullable=False)
    asked_at: datetime = utc(nullable=False)
    answer: str | None = text_column()
    answered_by: str | None = Field(default=None, foreign_key="person.id")
    answered_at: datetime | None = utc()


class RatingRow(SQLModel, table=True):
    """How a person who decided a request rated what they were asked about. They may change it later."""

    __tablename__ = "rating"
    request: str = Field(primary_key=True, foreign_key="request.id")
    person: str = Field(primary_key=True, foreign_key="person.id")
    rating: int
    comment: str | None = text_column()
    rated_at: datetime = utc(nullable=False)


class DeliveryRow(SQLModel, table=True):
    """One copy at one address: the outbox. `next_at` null: nothing to do."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index("delivery_run", "run"),
        Index(
            "delivery_next",
            "next_at",
            sqlite_where=text("next_at IS NOT NULL"),
        ),
        Index(
            "delivery_shared",
            "receipt",
            sqlite_where=text("topic = 'shared'"),
            postgresql_where=text("topic = 'shared'"),
        ),
    )
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    kind: str
    run: str | None = Field(default=None, foreign_key="run.id")
    """The run, or None for a code to sign in."""
    request: str | None = Field(default=None, foreign_key="request.id")
    topic: str | None = None
    person: str = Field(foreign_key="person.id")
    channel: str
    address: str
    state: str
    receipt: str | None = text_column()
    wanted_version: int = 1
    shown_version: int = 0
    rev: int = 0
    lease_until: datetime | None = utc()
    attempts: int = 0
    unknown: bool = False
    """The last post may have landed: look for it before posting again."""
    next_at: datetime | None = utc()
    last_error: str | None = text_column()
    created_at: datetime = utc(nullable=False)
    shown_at: datetime | None = utc()


class AuditRow(SQLModel, table=True):
    """One link of a workspace's chain. `salt` and `content` may be erased; the link stays verifiable."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_run", "run"),)
    workspace: str = Field(primary_key=True, foreign_key="workspace.id")
    seq: int = Field(primary_key=True)
    run: str | None = None
    leaf: str = text_column(nullable=False)
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    salt: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    content: str | None = text_column()


class ReminderRow(SQLModel, table=True):
    """One request that a reminder to a person is about. `at`: when its message is sent, or was."""

    __tablename__ = "reminder"
    __table_args__ = (Index("reminder_person", "person", "at"),)
    delivery: str = Field(primary_key=True, foreign_key="delivery.id")
    request: str = Field(primary_key=True, foreign_key="request.id")
    person: str = Field(foreign_key="person.id")
    at: datetime = utc(nullable=False)
