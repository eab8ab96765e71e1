"""The rows of people, and of what identifies them outside of a messenger: links, browsers, codes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Index, LargeBinary
from sqlmodel import Field, SQLModel

from engine.store.columns import text_column, utc


class PersonRow(SQLModel, table=True):
    __tablename__ = "person"
    __table_args__ = (Index("person_workspace", "workspace"),)
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    name: str = ""
    created_at: datetime = utc(nullable=False)
    split_from: str | None = Field(default=None, foreign_key="person.id")
    """The person that an older version took for the same one, until their accounts were separated."""
    zone: str | None = None
    """The IANA name of their time zone, as the directory knows it."""
    preferences: str | None = text_column()
    """When they want to be told of what waits for them, as JSON. Null for nearly all: at once. It stands here, and not
    in a table of its own, so that it is read with the person, and opening a request costs no statement more."""
    joined_into: str | None = None
    """The person that this one turned out to be, because an address of this one is theirs. Approvals count for them.
    It is no foreign key: rows are moved to another database in the order of their ids, and that person may be newer."""


class AddressRow(SQLModel, table=True):
    """One of a person's addresses; an address belongs to one person of the workspace."""

    __tablename__ = "address"
    __table_args__ = (Index("address_person", "person"),)
    workspace: str = Field(primary_key=True, foreign_key="workspace.id")
    kind: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    person: str = Field(foreign_key="person.id")
    added_at: datetime = utc(nullable=False)
    refused_at: datetime | None = utc()
    """When its server last said that it will never take a message."""
    refused_why: str | None = text_column()


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
    since: datetime = utc(nullable=False)
    until: datetime | None = utc()
    evidence: str = text_column(nullable=False)
    """A sentence: what said that the address is theirs."""
    ended: str | None = text_column()
    """A sentence: what said that it is not theirs any more."""
    moved: str | None = text_column()
    """The ids of requests, workflows and runs that moved to this person with the address, as JSON."""


class AbsenceRow(SQLModel, table=True):
    """The time for which a person is away. `ended_at`: when it was ended early or replaced.

    `moves_at`: when what waits for them is passed on, or null once that is done; `moved_up_to`: the last request of it.
    Shortly after its beginning an absence is looked at once more.
    """

    __tablename__ = "absence"
    __table_args__ = (Index("absence_workspace", "workspace", "ends_at"), Index("absence_moves", "moves_at"))
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    person: str = Field(foreign_key="person.id")
    starts_at: datetime = utc(nullable=False)
    ends_at: datetime = utc(nullable=False)
    delegate: str | None = Field(default=None, foreign_key="person.id")
    set_by: str = Field(foreign_key="person.id")
    set_at: datetime = utc(nullable=False)
    ended_at: datetime | None = utc()
    moves_at: datetime | None = utc()
    moved_up_to: str = ""


class LinkRow(SQLModel, table=True):
    """A right to look at one request, for the person it was sent to. Only the SHA-256 of its token is kept."""

    __tablename__ = "link"
    __table_args__ = (Index("link_request", "request"),)
    hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    request: str = Field(foreign_key="request.id")
    person: str = Field(foreign_key="person.id")
    address: str
    delivery: str
    created_at: datetime = utc(nullable=False)
    expires_at: datetime = utc(nullable=False)
    revoked_at: datetime | None = utc()


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
    created_at: datetime = utc(nullable=False)
    expires_at: datetime = utc(nullable=False)
    revoked_at: datetime | None = utc()


class BrowserRow(SQLModel, table=True):
    """A browser that is remembered for the reader of `address`, or for the owner of `account`.

    Only the SHA-256 of its secret is stored.
    """

    __tablename__ = "browser"
    __table_args__ = (Index("browser_hash", "hash"), Index("browser_person", "person"))
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    person: str = Field(foreign_key="person.id")
    address: str
    label: str
    created_at: datetime = utc(nullable=False)
    seen_at: datetime = utc(nullable=False)
    expires_at: datetime = utc(nullable=False)
    revoked_at: datetime | None = utc()
    account: str | None = None
    """The account with which the person signed in, or null for one who gave a code."""
    signed_in_until: datetime | None = utc()


class ChallengeRow(SQLModel, table=True):
    """A code that was sent because one browser asked, and the command that waits for it.

    Rows of an earlier version have no `purpose`, and their codes are no longer accepted.
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
    decision: str | None = text_column()
    """The command that waits, as JSON; dropped when the code is used or has run out."""
    mac: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    tries: int = 0
    created_at: datetime = utc(nullable=False)
    expires_at: datetime = utc(nullable=False)
    used_at: datetime | None = utc()
    purpose: str | None = None
    label: str | None = None
    """The name of the browser that asked, from its user agent."""
    run: str | None = Field(default=None, foreign_key="run.id")
    """The run of a code that confirms an answer about a step."""


class AskedCodeRow(SQLModel, table=True):
    """A client asked for a code to sign in. A row that is older than the limit of codes means nothing, and is deleted.

    `client`: a digest of its address by the key of the server, so that no row tells the address.
    """

    __tablename__ = "asked_code"
    __table_args__ = (
        Index("asked_code_client", "workspace", "client", "asked_at"),
        Index("asked_code_age", "asked_at"),
    )
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    client: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    asked_at: datetime = utc(nullable=False)


class FormDraftRow(SQLModel, table=True):
    """A form as it was typed in a browser, while its person fetches a code. Only the SHA-256 of `holder` is kept."""

    __tablename__ = "form_draft"
    __table_args__ = (
        Index("form_draft_about", "about", "kept_at"),
        Index("form_draft_run", "run"),
        Index("form_draft_age", "kept_at"),
    )
    holder: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    about: str = Field(primary_key=True)
    """The id of the request, or of the run whose step is asked about."""
    run: str = Field(foreign_key="run.id")
    digest: str
    """What tells the content that the form was based on."""
    typed: str = text_column(nullable=False)
    """The values of the inputs by name, as JSON."""
    size: int
    kept_at: datetime = utc(nullable=False)


class KeptFormRow(SQLModel, table=True):
    """A form of a messenger as a person left it. `holder`: the SHA-256 of their account. It is deleted after a day."""

    __tablename__ = "kept_form"
    __table_args__ = (Index("kept_form_age", "kept_at"),)
    holder: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    form: str = Field(primary_key=True)
    """Which form it is, with the version of what it is about."""
    entries: str = text_column(nullable=False)
    """What its inputs hold, as the messenger sent it, as JSON."""
    kept_at: datetime = utc(nullable=False)


class SignInRow(SQLModel, table=True):
    """A sign-in with an account that was begun, and the decision that waits for it.

    `state` is the SHA-256 of what the identity provider was sent; null before, and another hash once it came back.
    `holder` is null until a browser begins. The key of the server derives the other secrets from the state.
    """

    __tablename__ = "sign_in"
    __table_args__ = (
        Index("sign_in_state", "state"),
        Index("sign_in_age", "created_at"),
        Index("sign_in_form", "holder", "form"),
        Index("sign_in_request", "request"),
    )
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    state: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    holder: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    form: str | None = None
    person: str | None = Field(default=None, foreign_key="person.id")
    """The person who has to sign in, if they are known already."""
    request: str | None = Field(default=None, foreign_key="request.id")
    decision: str | None = text_column()
    """The decision that waits, as JSON; dropped when it was carried out or has run out."""
    attempts: int = 0
    """How often a browser was sent to the identity provider."""
    created_at: datetime = utc(nullable=False)
    expires_at: datetime = utc(nullable=False)
    used_at: datetime | None = utc()
