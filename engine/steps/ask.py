"""`ask`: lets people decide what a program asks. The program then reads the answer, or acts on it once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from pydantic import BaseModel

from engine import durations
from engine.errors import InvalidValue
from engine.fields import Field
from engine.json_values import Value
from engine.ports import StepContext, StepType
from engine.steps.set import SetParams
from engine.workflowfile.phrases import cite, list_names
from engine.workflowfile.step_kinds import ASK, Nature, ParamProblem

_DURATIONS: Final = ("valid_for", "outcome_within")
_KEYS: Final = (*_DURATIONS, "refuse")


class AskStep(StepType[SetParams]):
    """Its parameters are the arguments of the ask, which are not in the file. The keys of `with` say what follows.

    Its output is the approved arguments, and `result`, what the program reported, if it acted on them.
    """

    name: ClassVar[str] = ASK
    Params: ClassVar[type[BaseModel]] = SetParams
    nature: ClassVar[Nature] = Nature.GRANT
    literal_params: ClassVar[frozenset[str]] = frozenset(_DURATIONS)

    def content(self, params: Mapping[str, Value]) -> Mapping[str, Field | None]:
        return dict.fromkeys(params)

    def find_problems(self, params: Mapping[str, Value]) -> Iterable[ParamProblem]:
        """Yield the keys of `with` that an ask does not have, and durations that are none."""
        for name, value in params.items():
            if name not in _KEYS:
                hint = "The program that asks brings the content."
                message = f"An ask has no `{cite(name)}`; under `with` it has {list_names(_KEYS, 'and')}."
                yield ParamProblem((name,), message, hint)
            elif not isinstance(value, str):
                yield ParamProblem((name,), "This must be a text.")
            elif name in _DURATIONS:
                try:
                    durations.parse(value)
                except InvalidValue as error:
                    yield ParamProblem((name,), f"Here {error}.")

    async def run(self, params: SetParams, context: StepContext) -> Mapping[str, object]:
        raise TypeError(f"{self.name} is run by the engine itself; {context.step} was given {params}")
