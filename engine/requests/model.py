"""What a request asks about, and how it stands when somebody acts on it."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Final

from msgspec import Struct
from pydantic import BaseModel, ValidationError

from engine import json_values
from engine.domain import (
    Approver,
    Assurance,
    EmailPolicy,
    Params,
    Person,
    ReasonRequired,
    RequestState,
    ReviewPoint,
)
from engine.errors import Tampered
from engine.fields import Field
from engine.json_values import Path
from engine.requests.deadlines import Deadlines
from engine.workflowfile.schema_errors import in_words
from engine.workflowfile.step_kinds import FORM, StepKind

REASON_LENGTH: Final = 3000
"""Characters of a reason, asked or given."""


class Subject(Struct, frozen=True, kw_only=True):
    """What is asked about: with the content, all that the digest covers."""

    workflow: str
    hash: str
    run: str
    step: str
    visit: int
    uses: str
    at: ReviewPoint

    @property
    def is_form(self) -> bool:
        """Whether people are asked for the content, and not about it."""
        return self.uses == FORM

    def digest(self, content: Params) -> str:
        """SHA-256 over subject and content: the same for what was shown, approved and passed to the step."""
        return json_values.digest(
            {
                "workflow": self.workflow,
                "hash": self.hash,
                "run": self.run,
                "step": self.step,
                "visit": self.visit,
                "uses": self.uses,
                "at": self.at,
                "content": content.as_value(),
            }
        )

    def check(self, content: Params, digest: str) -> None:
        """Raises `Tampered` if `content` is not what `digest` was taken of."""
        if self.digest(content) != digest:
            raise Tampered(f"What step {self.step} is about to run is not what was approved; nothing was run.")


class Editable(Struct, frozen=True):
    """A place in the content that a reviewer may change, and what it takes."""

    path: Path
    field: Field


class Request(Struct, frozen=True, kw_only=True):
    """A request as it stands when somebody acts on it."""

    id: str
    workspace: str
    requester: str | None = None
    """The id of the person who started the run."""
    subject: Subject
    state: RequestState
    rev: int
    content_version: int
    content: Params
    editable: tuple[Editable, ...]
    declared: tuple[Editable, ...] = ()
    """Places that nobody may change here, with the declaration that says how they are called and shown."""
    digest: str
    approvers: tuple[Approver, ...]
    reason_required: ReasonRequired
    deadlines: Deadlines
    email: EmailPolicy = EmailPolicy.FALLBACK
    assurance: Assurance = Assurance.CODE
    closed_at: datetime | None = None
    closed_by: Person | None = None

    @property
    def eligible(self) -> tuple[Approver, ...]:
        """Those who may still decide, as far as that was looked up."""
        return tuple(one for one in self.approvers if one.excluded is None)


def clip(text: str, length: int) -> str:
    """The text, cut to `length` characters with an ellipsis that says so."""
    return text if len(text) <= length else text[: length - 1] + "…"


@lru_cache(256)
def _takes_anything(params: type[BaseModel]) -> bool:
    """Whether the builder chooses all names, as for `set`: then there is nothing to find wrong, each time again."""
    rules = params.__pydantic_decorators__
    ruled = rules.model_validators or rules.field_validators or rules.root_validators or rules.validators
    return not params.model_fields and params.model_config.get("extra") == "allow" and not ruled


def invalid_params(kind: StepKind, params: Params) -> dict[str, str]:
    """What the step would not take, one sentence by dotted path; empty if it takes all."""
    if _takes_anything(kind.Params):
        return {}
    try:
        kind.Params.model_validate(params.shown())
    except ValidationError as error:
        return {json_values.show_path(tuple(item["loc"])) or "with": in_words(item) for item in error.errors()}
    return {}
