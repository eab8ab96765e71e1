"""`message`: posts to a person or a channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Self

import pydantic
from pydantic import BaseModel, ConfigDict

from engine.errors import StepError
from engine.fields import Field, FieldType
from engine.json_values import Value
from engine.ports import KnowsPlaces, Sender, StepContext, StepServices, StepType

OUTPUT: Final = frozenset({"channel", "ts"})


class MessageParams(BaseModel):
    """`to`: a channel, a person's account or email address. Nothing in `text` is markup."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    to: str = pydantic.Field(min_length=1)
    text: str = pydantic.Field(min_length=1)


class MessageStep(StepType[MessageParams]):
    """Posts a message. Output: `channel` and `ts` of the message."""

    name: ClassVar[str] = "message"
    Params: ClassVar[type[BaseModel]] = MessageParams

    def __init__(self, sender: Sender | None = None) -> None:
        self._sender = sender

    @classmethod
    def create(cls, services: StepServices) -> Self:
        """Return the step type that sends with the sender of these services."""
        return cls(services.sender)

    def outputs(self, params: Mapping[str, Value]) -> frozenset[str]:  # noqa: ARG002
        return OUTPUT

    def content(self, params: Mapping[str, Value]) -> Mapping[str, Field | None]:  # noqa: ARG002
        return {"text": Field(type=FieldType.LONG_TEXT)}

    async def doubts(self, params: Mapping[str, Value]) -> Sequence[str]:
        to = params.get("to")
        if not isinstance(to, str) or not isinstance(self._sender, KnowsPlaces):
            return ()
        doubt = await self._sender.doubt(to)
        return () if doubt is None else (doubt,)

    async def run(self, params: MessageParams, context: StepContext) -> Mapping[str, object]:
        if self._sender is None:
            raise StepError("Messages cannot be sent: this server is not connected to Slack.")
        source = f"the workflow {context.workflow}, run {context.run}"
        return await self._sender.send(to=params.to, text=params.text, source=source, key=context.idempotency_key)
