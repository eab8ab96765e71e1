"""Workflow files of one step or gate, and functions that return the workflow of a file or its problems."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

import pytest
from pydantic import BaseModel

from engine.errors import DefinitionError, Problem
from engine.ports import StepContext, StepType
from engine.steps.registry import builtin
from engine.workflowfile import StepKind, Workflow, load

FILES: Final = Path(__file__).parents[1] / "data" / "workflows"


class PageParams(BaseModel):
    """Parameters whose model would ignore unknown keys."""

    to: str
    level: int | None = None


class Page(StepType[PageParams]):
    """A step type that another distribution could provide."""

    name: ClassVar[str] = "page"
    Params: ClassVar[type[BaseModel]] = PageParams

    async def run(self, params: PageParams, context: StepContext) -> Mapping[str, object]:
        return {}


KINDS: Final[dict[str, StepKind]] = {**builtin(), "page": Page()}


def load_workflow(source: str | bytes, *, kinds: Mapping[str, StepKind] = KINDS) -> Workflow:
    """Return the workflow of a file without problems."""
    return load(source.encode() if isinstance(source, str) else source, kinds=kinds)


def problems_of(source: str | bytes, *, kinds: Mapping[str, StepKind] = KINDS) -> tuple[Problem, ...]:
    """Return the problems of a file that has some."""
    with pytest.raises(DefinitionError) as caught:
        load_workflow(source, kinds=kinds)
    return caught.value.problems


def problems_or_none(source: bytes) -> tuple[Problem, ...] | None:
    """Return the problems of a file, or None if it has none."""
    try:
        load(source, kinds=KINDS)
    except DefinitionError as error:
        return error.problems
    return None


def gate_file(keys: str) -> str:
    """Return a workflow file whose first step has a gate with these keys, from line 7 on and in column 7."""
    lines = "".join(f"      {line}\n" for line in keys.splitlines())
    return f"name: a\nsteps:\n  - id: one\n    uses: set\n    with: {{x: 1, text: hello}}\n    gate:\n{lines}"


def step_file(keys: str) -> str:
    """Return a workflow file whose only step has these keys, from line 3 on and in column 5."""
    first, *rest = keys.splitlines()
    return f"name: a\nsteps:\n  - {first}\n" + "".join(f"    {line}\n" for line in rest)
