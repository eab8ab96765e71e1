"""`branch`: goes on with the first of its paths whose condition is true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from engine.json_values import Value
from engine.ports import StepContext, StepType
from engine.workflowfile.step_kinds import BRANCH, Nature


class BranchParams(BaseModel):
    """Nothing: the paths stand on the step."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class BranchStep(StepType[BranchParams]):
    """Its output is the name of the path. The state machine chooses the path: its conditions read the whole run."""

    name: ClassVar[str] = BRANCH
    Params: ClassVar[type[BaseModel]] = BranchParams
    nature: ClassVar[Nature] = Nature.INLINE

    def outputs(self, params: Mapping[str, Value]) -> frozenset[str]:  # noqa: ARG002
        return frozenset({"path"})

    def idempotent(self, params: Mapping[str, Value]) -> bool:  # noqa: ARG002
        return True

    async def run(self, params: BranchParams, context: StepContext) -> Mapping[str, object]:  # noqa: ARG002
        return {}
