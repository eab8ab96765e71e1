"""What may be asked of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct, field

from engine.data import Value
from engine.model.people import Address
from engine.model.statuses import Assurance, ResumeAnswer, Verdict

DEFAULT_WORKSPACE: Final = "default"


class Origin(Struct, frozen=True, kw_only=True):
    """Where somebody acted: the surface and what leads back there (ids only), kept on the record."""

    surface: Literal["terminal", "slack", "web", "email", "schedule", "webhook", "api"]
    place: Mapping[str, str] = field(default_factory=dict)


class Register(Struct, frozen=True, kw_only=True):
    """`source`: the bytes of the file as written. `actor` registers; the file may name another owner."""

    source: bytes
    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE


class Start(Struct, frozen=True, kw_only=True):
    """`key`: the caller's own id for this start; the same key again answers with the same run."""

    workflow: str
    inputs: Mapping[str, Value]
    actor: Address
    origin: Origin
    key: str | None = None
    workspace: str = DEFAULT_WORKSPACE


class Decide(Struct, frozen=True, kw_only=True):
    """One answer to one request. `content_version` and `digest` say which content the decider saw.

    `edits`: new values by dotted path; only with `approve`.
    """

    request: str
    verdict: Verdict
    actor: Address
    content_version: int
    digest: str
    origin: Origin
    assurance: Assurance
    edits: Mapping[str, Value] = field(default_factory=dict)
    reason: str | None = None


class Cancel(Struct, frozen=True, kw_only=True):
    run: str
    actor: Address
    origin: Origin
    reason: str | None = None


class Resume(Struct, frozen=True, kw_only=True):
    """The answer for a run that `needs_attention`. `output`: with `done`, what the step produced, if known.

    `step`, `visit` and `attempt`: the call that was asked about, where the surface knows; an answer to an older
    question is none.
    """

    run: str
    answer: ResumeAnswer
    actor: Address
    origin: Origin
    output: Mapping[str, Value] = field(default_factory=dict)
    step: str | None = None
    visit: int | None = None
    attempt: int | None = None
