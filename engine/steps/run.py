"""`run`: runs another workflow, waits for its end, and takes what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from engine.fields import Field
from engine.json_values import Value
from engine.ports import StepContext, StepType
from engine.workflowfile.scalars import WorkflowName
from engine.workflowfile.step_kinds import RUN, Nature


class RunParams(BaseModel):
    """The workflow by its name, and the inputs of its run."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    workflow: WorkflowName
    inputs: dict[str, Any] = {}


class RunStep(StepType[RunParams]):
    """Starts a run of another workflow. Output: what that run returns, with `run`, its id, and `status`."""

    name: ClassVar[str] = RUN
    Params: ClassVar[type[BaseModel]] = RunParams
    nature: ClassVar[Nature] = Nature.RUNS
    literal_params: ClassVar[frozenset[str]] = frozenset({"workflow"})

    def content(self, params: Mapping[str, Value]) -> Mapping[str, Field | None]:
        """Return the inputs of the run as editable."""
        inputs = params.get("inputs")
        return {f"inputs.{name}": None for name in inputs} if isinstance(inputs, dict) else {}

    async def run(self, params: RunParams, context: StepContext) -> Mapping[str, object]:
        raise TypeError(f"{self.name} is run by the engine itself; {context.step} was given {params.workflow}")
