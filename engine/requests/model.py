"""A request: its subject, its content and its state."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Final

from msgspec import Struct
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

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
from engine.errors import MISSING, Tampered
from engine.fields import Field
from engine.identifiers import end_in_words
from engine.json_values import Path
from engine.requests.deadlines import Deadlines
from engine.workflowfile.schema_errors import describe_error
from engine.workflowfile.step_kinds import FORM, StepKind

REASON_LENGTH: Final = 3000
"""Maximum length of a reason, of the gate or of a decision, in characters."""


class Subject(Struct, frozen=True, kw_only=True):
    """The step and visit that a request is about. The digest covers the subject and the content."""

    workflow: str
    hash: str
    run: str
    step: str
    visit: int
    uses: str
    at: ReviewPoint

    @property
    def is_form(self) -> bool:
        """Whether approvers fill in the content, instead of approving it."""
        return self.uses == FORM

    def digest(self, content: Params) -> str:
        """Return the SHA-256 of subject and content, which ties decision and effect to the content that was shown."""
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
        """Raise `Tampered` if `digest` is not the digest of `content`."""
        if self.digest(content) != digest:
            raise Tampered("What is about to run is not what was approved, so nothing was run.")


class Editable(Struct, frozen=True):
    """A place in the content that an approver may change, and its field."""

    path: Path
    field: Field

    @property
    def label(self) -> str:
        """The label of the field, or the end of its path in words."""
        return self.field.label or end_in_words(json_values.show_path(self.path))


class Request(Struct, frozen=True, kw_only=True):
    """A request as loaded for a decision or a deadline."""

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
    """Places that cannot be edited, with the declared field that gives their label and type."""
    digest: str
    approvers: tuple[Approver, ...]
    reason_required: ReasonRequired
    deadlines: Deadlines
    email: EmailPolicy = EmailPolicy.FALLBACK
    assurance: Assurance = Assurance.CODE
    confirm_with: Assurance | None = None
    """What has to confirm a decision anew: a code or a sign-in."""
    closed_at: datetime | None = None
    closed_by: Person | None = None

    @property
    def eligible(self) -> tuple[Approver, ...]:
        """The approvers who were not excluded since the request was opened."""
        return tuple(approver for approver in self.approvers if approver.excluded is None)


def clip(text: str, length: int) -> str:
    """Return the text, cut to `length` characters with an ellipsis at the end."""
    return text if len(text) <= length else text[: length - 1] + "…"


@lru_cache(256)
def _accepts_anything(params: type[BaseModel]) -> bool:
    """Return whether the model accepts any parameters, as for `set`: then validation is skipped."""
    rules = params.__pydantic_decorators__
    validators = rules.model_validators or rules.field_validators or rules.root_validators or rules.validators
    return not params.model_fields and params.model_config.get("extra") == "allow" and not validators


def invalid_params(kind: StepKind, params: Params) -> dict[str, str]:
    """Return a predicate for each parameter that the step refuses, by dotted path."""
    if _accepts_anything(kind.Params):
        return {}
    try:
        kind.Params.model_validate(params.shown())
    except ValidationError as error:
        return {json_values.show_path(tuple(item["loc"])) or "with": _predicate(item) for item in error.errors()}
    return {}


def _predicate(error: ErrorDetails) -> str:
    """Return an error so that it reads on after the name of the value, if its sentence allows that."""
    sentence = describe_error(error)
    reads_on = sentence.startswith("This must ")
    return MISSING if error["type"] == "missing" else sentence[5:].removesuffix(".") if reads_on else sentence
