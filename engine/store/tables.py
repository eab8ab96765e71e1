"""The rows, as SQLModel classes. Only the store and the migrations know them.

Ids are text that sorts by time (see `engine.system`). Times are UTC, written with microseconds. JSON is text written by
`engine.json_values`, so that numbers stay exact on every database. A row that belongs to a workspace names it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Dialect, Index, LargeBinary, Text, TypeDecorator, text
from sqlmodel import Field, SQLModel


class Utc(TypeDecorator[datetime]):
    """A moment in UTC. A naive datetime is refused, because nobody knows what it means."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone reached the store")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def _utc(*, nullable: bool = True) -> Any:
    return Field(default=None, sa_column=Column(Utc, nullable=nullable))


def _text(*, nullable: bool = True) -> Any:
    return Field(default=None, sa_column=Column(Text, nullable=nullable))


class WorkspaceRow(SQLModel, table=True):
    """One tenant: a Slack workspace, or the single one of an installation without Slack."""

    __tablename__ = "workspace"
    id: str = Field(primary_key=True)
    name: str
    created_at: datetime = _utc(nullable=False)


class PersonRow(SQLModel, table=True):
    __tablename__ = "person"
    __table_args__ = (Index("person_workspace", "workspace"),)
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    name: str = ""
    created_at: datetime = _utc(nullable=False)
    split_from: str | None = Field(default=None, foreign_key="person.id")
    """The person that an older version took for the same one, until their accounts were separated."""


class AddressRow(SQLModel, table=True):
    """One of a person's addresses; an address belongs to one person of the workspace."""

    __tablename__ = "address"
    __table_args__ = (Index("address_person", "person"),)
    workspace: str = Field(primary_key=True, foreign_key="workspace.id")
    kind: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    person: str = Field(foreign_key="person.id")
    added_at: datetime = _utc(nullable=False)
    refused_at: datetime | None = _utc()
    """When its server last said that it will never take a message."""
    refused_why: str | None = _text()


class AddressPeriodRow(SQLModel, table=True):
    """From when until when an address belonged to a person, and what said so. `until` null: it still does."""

    __tablename__ = "address_period"
    __table_args__ = (
        Index("address_period_address", "workspace", "kind", "value"),
        Index("address_period_person", "person"),
    )
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    kind: str
    value: str
    person: str = Field(foreign_key="person.id")
    since: datetime = _utc(nullable=False)
    until: datetime | None = _utc()
    evidence: str = _text(nullable=False)
    """A sentence: what said that the address is theirs."""
    ended: str | None = _text()
    """A sentence: what said that it is not theirs any more."""
    moved: str | None = _text()
    """What came to this person together with the address, as JSON: ids of requests, workflows and runs."""


class WorkflowRow(SQLModel, table=True):
    __tablename__ = "workflow"
    __table_args__ = (Index("workflow_name", "workspace", "name", unique=True),)
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    name: str
    title: str
    owner: str = Field(foreign_key="person.id")
    version: int
    created_at: datetime = _utc(nullable=False)
    updated_at: datetime = _utc(nullable=False)


class WorkflowVersionRow(SQLModel, table=True):
    """The bytes of one version as they were written; a run pins the version it started with."""

    __tablename__ = "workflow_version"
    workflow: str = Field(primary_key=True, foreign_key="workflow.id")
    version: int = Field(primary_key=True)
    source: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    hash: str
    registered_by: str = Field(foreign_key="person.id")
    registered_at: datetime = _utc(nullable=False)


class RunRow(SQLModel, table=True):
    """`ready_at`: when the run wants to be advanced; null: it waits for people or has ended."""

    __tablename__ = "run"
    __table_args__ = (
        Index(
            "run_ready",
            "ready_at",
            sqlite_where=text("ready_at IS NOT NULL"),
            postgresql_where=text("ready_at IS NOT NULL"),
        ),
        Index("run_workspace", "workspace", "id"),
        Index(
            "run_open",
            "workspace",
            "id",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "run_key",
            "workspace",
            "key",
            unique=True,
            sqlite_where=text("key IS NOT NULL"),
            postgresql_where=text("key IS NOT NULL"),
        ),
    )
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    workflow: str
    version: int
    requester: str = Field(foreign_key="person.id")
    requester_label: str
    """How the requester was printed when the run started: `run.requester` in expressions."""
    origin: str = _text(nullable=False)
    key: str | None = None
    status: str
    cursor: int
    inputs: str = _text(nullable=False)
    rev: int = 1
    wakes: int = 0
    ready_at: datetime | None = _utc()
    lease_until: datetime | None = _utc()
    cancel: str | None = _text()
    error: str | None = _text()
    started_at: datetime = _utc(nullable=False)
    ended_at: datetime | None = _utc()


class StepRunRow(SQLModel, table=True):
    """One visit of a run to a step."""

    __tablename__ = "step_run"
    run: str = Field(primary_key=True, foreign_key="run.id")
    step: str = Field(primary_key=True)
    visit: int = Field(primary_key=True)
    position: int
    status: str
    attempt: int = 0
    params: str | None = _text()
    digest: str | None = None
    output: str | None = _text()
    error: str | None = _text()
    wakes_at: datetime | None = _utc()
    started_at: datetime | None = _utc()
    ended_at: datetime | None = _utc()


class StepAnswerRow(SQLModel, table=True):
    """What a person said of a call whose outcome was unknown."""

    __tablename__ = "step_answer"
    run: str = Field(primary_key=True, foreign_key="run.id")
    step: str = Field(primary_key=True)
    visit: int = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    answer: str
    person: str = Field(foreign_key="person.id")
    assurance: str
    answered_at: datetime = _utc(nullable=False)


class RequestRow(SQLModel, table=True):
    """An opened gate. `content_version` changes with what is asked, `rev` with every write; `check_at`: look then."""

    __tablename__ = "request"
    __table_args__ = (
        Index("request_run", "run"),
        Index("request_workspace", "workspace", "id"),
        Index(
            "request_check",
            "check_at",
            sqlite_where=text("check_at IS NOT NULL"),
            postgresql_where=text("check_at IS NOT NULL"),
        ),
        Index(
            "request_pending",
            "workspace",
            "id",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
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
    title: str = _text(nullable=False)
    details: str = _text(nullable=False)
    """What is shown and fixed for this request: reason, context, notes, labels, confirmation, editable fields."""
    content: str = _text(nullable=False)
    digest: str
    policy: str = "any"
    reason_required: str
    expires_after: int | None = Field(default=None, sa_column=Column(BigInteger))
    """Microseconds."""
    on_expiry: str
    opened_at: datetime = _utc(nullable=False)
    first_shown_at: datetime | None = _utc()
    told_unseen: bool = False
    expires_at: datetime | None = _utc()
    fall_back_at: datetime | None = _utc()
    check_at: datetime | None = _utc()
    closed_at: datetime | None = _utc()
    closed_by: str | None = Field(default=None, foreign_key="person.id")


class ApproverRow(SQLModel, table=True):
    """Who may decide a request, and by which reference. `pending` makes a person's inbox one index read."""

    __tablename__ = "approver"
    __table_args__ = (
        Index(
            "approver_inbox",
            "person",
            "request",
            sqlite_where=text("pending = 1"),  # as queries put it, or SQLite does not see that the index serves them
            postgresql_where=text("pending"),
        ),
        {"sqlite_with_rowid": False},  # its key is most of it
    )
    request: str = Field(primary_key=True, foreign_key="request.id")
    person: str = Field(primary_key=True, foreign_key="person.id")
    position: int
    rule: str
    pending: bool = True
    named_by: str | None = _text()
    """The references that name this person, as JSON, where `rule` alone does not tell."""
    excluded: str | None = _text()
    """Why this person can no longer decide, if that was found out when they tried."""


class DecisionRow(SQLModel, table=True):
    """Append-only. `record` holds what the decision says beside the columns that queries need."""

    __tablename__ = "decision"
    __table_args__ = (Index("decision_once", "request", "content_version", "person", unique=True),)
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    request: str = Field(foreign_key="request.id")
    content_version: int
    person: str = Field(foreign_key="person.id")
    verdict: str
    reason: str | None = _text()
    edits: str | None = _text()
    shown_digest: str
    approved_digest: str | None = None
    assurance: str
    record: str = _text(nullable=False)
    decided_at: datetime = _utc(nullable=False)


class DeliveryRow(SQLModel, table=True):
    """One copy at one address: the outbox. `next_at` null: nothing to do."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index("delivery_run", "run"),
        Index(
            "delivery_next",
            "next_at",
            sqlite_where=text("next_at IS NOT NULL"),
            postgresql_where=text("next_at IS NOT NULL"),
        ),
    )
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    kind: str
    run: str | None = Field(default=None, foreign_key="run.id")
    """None: a code for somebody who signs in."""
    request: str | None = Field(default=None, foreign_key="request.id")
    topic: str | None = None
    person: str = Field(foreign_key="person.id")
    channel: str
    address: str
    state: str
    receipt: str | None = _text()
    wanted_version: int = 1
    shown_version: int = 0
    rev: int = 0
    lease_until: datetime | None = _utc()
    attempts: int = 0
    unknown: bool = False
    """The last post may have landed: look for it before posting again."""
    next_at: datetime | None = _utc()
    last_error: str | None = _text()
    created_at: datetime = _utc(nullable=False)
    shown_at: datetime | None = _utc()


class LinkRow(SQLModel, table=True):
    """A right to look at one request, for the person it was sent to. Only the SHA-256 of its token is kept."""

    __tablename__ = "link"
    __table_args__ = (Index("link_request", "request"),)
    hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    request: str = Field(foreign_key="request.id")
    person: str = Field(foreign_key="person.id")
    address: str
    delivery: str
    created_at: datetime = _utc(nullable=False)
    expires_at: datetime = _utc(nullable=False)
    revoked_at: datetime | None = _utc()


class AttentionLinkRow(SQLModel, table=True):
    """A right to look at one call whose outcome is unknown, for the owner it was sent to. The token is kept hashed."""

    __tablename__ = "attention_link"
    __table_args__ = (Index("attention_link_run", "run"),)
    hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    run: str = Field(foreign_key="run.id")
    step: str
    visit: int
    attempt: int
    person: str = Field(foreign_key="person.id")
    address: str
    delivery: str
    created_at: datetime = _utc(nullable=False)
    expires_at: datetime = _utc(nullable=False)
    revoked_at: datetime | None = _utc()


class BrowserRow(SQLModel, table=True):
    """A browser that is remembered for whoever reads the mail of `address`. Only the SHA-256 of its secret is kept."""

    __tablename__ = "browser"
    __table_args__ = (Index("browser_hash", "hash"), Index("browser_person", "person"))
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    person: str = Field(foreign_key="person.id")
    address: str
    label: str
    created_at: datetime = _utc(nullable=False)
    seen_at: datetime = _utc(nullable=False)
    expires_at: datetime = _utc(nullable=False)
    revoked_at: datetime | None = _utc()


class ChallengeRow(SQLModel, table=True):
    """A code that was sent because one browser asked, and the command that waits for it.

    `purpose` None: of an earlier version; its code is of no use any more.
    """

    __tablename__ = "challenge"
    __table_args__ = (
        Index("challenge_address", "workspace", "address", "created_at"),
        Index("challenge_age", "created_at"),
        Index("challenge_form", "holder", "form"),
    )
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    holder: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    form: str | None = None
    person: str | None = Field(default=None, foreign_key="person.id")
    address: str
    request: str | None = Field(default=None, foreign_key="request.id")
    decision: str | None = _text()
    """The command that waits, as JSON; dropped when the code is used or has run out."""
    mac: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    tries: int = 0
    created_at: datetime = _utc(nullable=False)
    expires_at: datetime = _utc(nullable=False)
    used_at: datetime | None = _utc()
    purpose: str | None = None
    label: str | None = None
    """What the browser that asked calls itself."""
    run: str | None = Field(default=None, foreign_key="run.id")
    """Of a code that confirms an answer about a step."""


class AuditRow(SQLModel, table=True):
    """One link of a workspace's chain. `salt` and `content` may be erased; the link stays verifiable."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_run", "run"),)
    workspace: str = Field(primary_key=True, foreign_key="workspace.id")
    seq: int = Field(primary_key=True)
    run: str | None = None
    leaf: str = _text(nullable=False)
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    salt: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    content: str | None = _text()


metadata = SQLModel.metadata
