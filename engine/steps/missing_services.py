"""What the steps of a workflow need of a server: what is not set up there, and the files that they use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from engine.errors import StepError
from engine.file_storage import NO_PLACE, OpenFile, StepFiles
from engine.json_values import Value
from engine.media_types import size_in_words
from engine.ports import StepContext, StepType
from engine.workflowfile import Step, StepKind, Workflow

MAX_TOGETHER: Final = 25_000_000
"""Maximum size of the files that one step sends together, in bytes: most mail servers take no more."""


async def open_files(files: StepFiles | None, values: Sequence[Value], context: StepContext) -> tuple[OpenFile, ...]:
    """Return the files that parameters refer to, checked against their digests. Raises `StepError`."""
    if not values:
        return ()
    if files is None:
        raise StepError(NO_PLACE)
    opened: list[OpenFile] = []
    for value in values:
        opened.append(await files.open(value, run=context.run))
        total = sum(len(file.data) for file in opened)
        if total > MAX_TOGETHER:
            limit = size_in_words(MAX_TOGETHER)
            raise StepError(f"The files have more than {limit} together, so nothing was sent.")
    return tuple(opened)


def find_missing(workflow: Workflow, kinds: Mapping[str, StepKind]) -> list[str]:
    """Return a sentence for each step that cannot run, because something is not set up."""
    found: list[str] = []
    for step in workflow.steps:
        kind = kinds.get(step.kind.name)
        missing = kind.missing(literals(step)) if isinstance(kind, StepType) else None
        if missing is not None:
            found.append(f"The step {step.id} (`{step.kind.name}`) cannot run here. {missing}")
    return found


def literals(step: Step) -> dict[str, Value]:
    """Return the parameters of a step without expressions."""
    rendered = {path[0] for path, _ in step.params.templates}
    value = step.params.value
    return {name: item for name, item in value.items() if name not in rendered} if isinstance(value, dict) else {}
