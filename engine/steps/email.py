"""`email`: sends a plain email to one address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

import pydantic
from pydantic import BaseModel, ConfigDict, field_validator

from engine import fields
from engine.errors import InvalidValue, StepError
from engine.fields import Field, FieldType
from engine.file_storage import StepFiles
from engine.json_values import Value
from engine.ports import Mailer, StepContext, StepServices, StepType
from engine.steps import step_files

OUTPUT: Final = frozenset({"message_id", "to"})
MAX_SUBJECT: Final = 250
MAX_BODY: Final = 200_000
"""Maximum length of the body, in characters. Larger contents belong behind a link."""
_ADDRESS: Final = Field(type=FieldType.EMAIL)


class EmailParams(BaseModel):
    """`to`, `reply_to`: one address each. `subject`: one line. `body` is sent as it is: plain text.

    `attachments`: files, such as `{{ inputs.invoice }}`. One that is none, because it was left empty, is left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    to: str
    subject: str = pydantic.Field(min_length=1, max_length=MAX_SUBJECT)
    body: str = pydantic.Field(min_length=1, max_length=MAX_BODY)
    reply_to: str | None = None
    attachments: tuple[Any, ...] = ()

    @field_validator("to", "reply_to")
    @classmethod
    def _check_address(cls, address: str | None) -> str | None:
        return None if address is None else str(fields.validate(_ADDRESS, address))

    @field_validator("attachments", mode="before")
    @classmethod
    def _check_attachments(cls, files: object) -> object:
        return step_files.checked(files)

    @field_validator("subject")
    @classmethod
    def _check_subject(cls, subject: str) -> str:
        if not subject.isprintable() or not subject.strip():
            raise InvalidValue("must be one line of text that can be seen")
        return subject


class EmailStep(StepType[EmailParams]):
    """Sends an email. Output: `message_id` and `to`."""

    name: ClassVar[str] = "email"
    Params: ClassVar[type[BaseModel]] = EmailParams

    def __init__(self, mailer: Mailer | None = None, files: StepFiles | None = None) -> None:
        self._mailer, self._files = mailer, files

    @classmethod
    def create(cls, services: StepServices) -> Self:
        """Return the step type that sends with the mailer of these services."""
        return cls(services.mailer, services.files)

    def outputs(self, params: Mapping[str, Value]) -> frozenset[str]:  # noqa: ARG002
        return OUTPUT

    def content(self, params: Mapping[str, Value]) -> Mapping[str, Field | None]:  # noqa: ARG002
        """Return the subject and body as editable, never the recipient."""
        return {"subject": Field(type=FieldType.TEXT), "body": Field(type=FieldType.LONG_TEXT)}

    async def run(self, params: EmailParams, context: StepContext) -> Mapping[str, object]:
        if self._mailer is None:
            raise StepError("Emails cannot be sent: this server has no mail server set up (SIGNOFF_SMTP_URL).")
        return await self._mailer.send(
            to=params.to,
            subject=params.subject,
            body=params.body,
            reply_to=params.reply_to,
            key=context.idempotency_key,
            attachments=await step_files.open_files(self._files, params.attachments, context),
        )
