"""`set`: names values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from engine.fields import Field
from engine.json_values import Value
from engine.ports import StepContext, StepType
from engine.workflowfile.step_kinds import Nature


class SetParams(BaseModel):
    """Any mapping: the builder chooses the names."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)


class SetStep(StepType[SetParams]):
    """Returns its parameters as output: it names values once, and lets people edit them."""

    name: ClassVar[str] = "set"
    Params: ClassVar[type[BaseModel]] = SetParams
    nature: ClassVar[Nature] = Nature.INLINE

    def outputs(self, params: Mapping[str, Value]) -> frozenset[str]:
        return frozenset(params)

    def content(self, params: Mapping[str, Value]) -> Mapping[str, Field | None]:
        return dict.fromkeys(params)

    def idempotent(self, params: Mapping[str, Value]) -> bool:  # noqa: ARG002
        return True

    def produce(self, params: Mapping[str, Value]) -> dict[str, Value]:
        return dict(params)

    async def run(self, params: SetParams, context: StepContext) -> Mapping[str, object]:  # noqa: ARG002
        return dict(params.model_extra or {})
