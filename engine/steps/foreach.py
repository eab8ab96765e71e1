"""`foreach`: repeats its own steps for each item of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

import pydantic
from pydantic import BaseModel, ConfigDict, StrictInt

from engine.json_values import Value
from engine.ports import StepContext, StepType
from engine.workflowfile.step_kinds import FOREACH, ITEMS_FINGERPRINT, Nature

MAX_ITEMS: Final = 10_000
"""Maximum number of items of one foreach."""
MAX_PARALLEL: Final = 50
"""Maximum number of items that one foreach works on at the same time."""


class ForeachParams(BaseModel):
    """The list, and how many of its items are worked on at the same time."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    over: Annotated[list[Any], pydantic.Field(max_length=MAX_ITEMS)]
    parallel: Annotated[StrictInt, pydantic.Field(ge=1, le=MAX_PARALLEL)] = 1


class ForeachStep(StepType[ForeachParams]):
    """Its output is a list with the output of the last step of each item, and how many items ended how."""

    name: ClassVar[str] = FOREACH
    Params: ClassVar[type[BaseModel]] = ForeachParams
    nature: ClassVar[Nature] = Nature.RUNS
    technical_names: ClassVar[frozenset[str]] = frozenset({ITEMS_FINGERPRINT})

    def outputs(self, params: Mapping[str, Value]) -> frozenset[str]:  # noqa: ARG002
        return frozenset({"outputs", "succeeded", "failed", "rejected", "skipped"})

    async def run(self, params: ForeachParams, context: StepContext) -> Mapping[str, object]:
        raise TypeError(f"{self.name} is run by the engine itself; {context.step} was given {len(params.over)} items")
