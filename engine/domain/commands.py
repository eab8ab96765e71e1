"""What may be asked of the engine. Whatever holds a secret is a dataclass: a Struct would print it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as hidden
from typing import Final, Literal

from msgspec import Struct, field

from engine.domain.people import Address
from engine.domain.statuses import Assurance, ResumeAnswer, Verdict
from engine.json_values import Value

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """One answer to one request. `content_version` and `digest` say which content the decider saw.

    `edits`: new values by dotted path; only with `approve`. `assurance` is what the surface vouches for. Where that
    is `link`, the engine sees for itself what else the decider holds: the token of a `link` to this request, the secret
    of a remembered `browser`. `form`: the single-use key of the form that was filled in.
    """

    request: str
    verdict: Verdict
    actor: Address
    content_version: int
    digest: str
    origin: Origin
    assurance: Assurance
    edits: Mapping[str, Value] = hidden(default_factory=dict)
    reason: str | None = None
    link: str | None = hidden(default=None, repr=False)
    browser: str | None = hidden(default=None, repr=False)
    form: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskCode:
    """Have a code sent to the assigned address, to confirm this decision, which is kept until then.

    `holder`: a secret of the browser that asks; no other can use the code for this. `label`: what the browser calls
    itself, for the mail.
    """

    decide: Decide
    holder: str = hidden(repr=False)
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Have a code sent to this address, to see what waits for whoever reads its mail. `form`, `holder`: as above."""

    email: str
    holder: str = hidden(repr=False)
    form: str | None = None
    label: str = ""
    workspace: str = DEFAULT_WORKSPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveCode:
    """The code that came by mail. `label`: what the browser calls itself, for the list of remembered browsers."""

    challenge: str
    holder: str = hidden(repr=False)
    code: str = hidden(repr=False)
    label: str = ""


class Cancel(Struct, frozen=True, kw_only=True):
    run: str
    actor: Address
    origin: Origin
    reason: str | None = None


class ReturnAddress(Struct, frozen=True, kw_only=True):
    """Give an address back to the person who had it before."""

    address: Address
    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE


class Erase(Struct, frozen=True, kw_only=True):
    """Erase what the record and the tables hold of a run that has ended."""

    run: str
    reason: str
    actor: Address
    origin: Origin


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
    assurance: Assurance = Assurance.TERMINAL
    """What identified the person who answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAttention:
    """An answer for a run that `needs_attention`, by whoever holds something that identifies them.

    `resume` names the call; who gives the answer is seen from the token of a `link` to it and the secret of a
    remembered `browser`. `said`: the values that the answer comes with, labelled and as people read them, for the email
    with the code. `form`: as of a decision.
    """

    resume: Resume
    link: str | None = hidden(default=None, repr=False)
    browser: str | None = hidden(default=None, repr=False)
    form: str | None = None
    said: tuple[tuple[str, str], ...] = hidden(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAnswerCode:
    """Have a code sent to the owner's address, to confirm this answer. `holder` and `label`: as of `AskCode`."""

    answer: AnswerAttention
    holder: str = hidden(repr=False)
    label: str = ""
