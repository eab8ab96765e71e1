"""The command of this machine's operator that makes the registered workflows those of a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.local.arguments import read_mapping, read_text
from bot.local.reply import CommandReply
from engine import workflowfile
from engine.domain import Address, Origin, Refusal
from engine.domain.sync_commands import SyncedWorkflow, SyncWorkflows
from engine.errors import DefinitionError, Problem
from engine.json_values import Value
from engine.service import Engine
from engine.workflowfile import StepKind, Workflow, difference, difference_words

_PROBLEMS = "Nothing was changed, because of these problems."


async def sync(
    engine: Engine,
    arguments: dict[str, Any],
    *,
    kinds: Mapping[str, StepKind],
    actor: Address,
    origin: Origin,
    sentence: Callable[[Refusal], str],
) -> CommandReply:
    """Carry out `sync`. `sentence` writes why a workflow is refused."""
    files = _read_files(arguments)
    loaded, problems = _load(files, kinds)
    if problems:
        return CommandReply(_PROBLEMS, {"problems": problems})
    synced = await engine.sync(
        SyncWorkflows(
            sources=tuple(workflow.source for workflow in loaded.values()),
            applies=arguments.get("apply") is True,
            disables_missing=arguments.get("delete") is True,
            actor=actor,
            origin=origin,
        )
    )
    if synced.refused:
        by_name = {workflow.name: file for file, workflow in loaded.items()}
        return CommandReply(
            _PROBLEMS,
            {"problems": [_problem(by_name.get(name, name), Problem(sentence(why))) for name, why in synced.refused]},
        )
    return CommandReply(facts={"workflows": [_facts(one, kinds) for one in synced.workflows]})


def _read_files(arguments: dict[str, Any]) -> dict[str, bytes]:
    """Return the sources by the name of their file."""
    files = read_mapping(arguments["files"])
    return {name: read_text(files, name).encode() for name in sorted(files)}


def _load(files: Mapping[str, bytes], kinds: Mapping[str, StepKind]) -> tuple[dict[str, Workflow], list[Value]]:
    """Return the workflows by file, and every problem of every file."""
    loaded, problems = dict[str, Workflow](), list[Value]()
    first = dict[str, str]()
    for file, source in files.items():
        try:
            workflow = workflowfile.load(source, kinds=kinds)
        except DefinitionError as error:
            problems += [_problem(file, problem) for problem in error.problems]
            continue
        other = first.setdefault(workflow.name, file)
        if other != file:
            message = f"This file and {other} both have the name {workflow.name}. Give one of them another name."
            problems.append(_problem(file, Problem(message)))
        loaded[file] = workflow
    return loaded, problems


def _problem(file: str, problem: Problem) -> dict[str, Value]:
    return {"file": file, **problem.facts()}


def _facts(synced: SyncedWorkflow, kinds: Mapping[str, StepKind]) -> dict[str, Value]:
    return {
        "workflow": synced.workflow,
        "outcome": synced.outcome.value,
        "version": synced.version,
        "proposal": synced.run,
        "warnings": list[Value](synced.warnings),
        "changes": list[Value](_changes(synced, kinds)),
        "difference": _difference(synced),
    }


def _changes(synced: SyncedWorkflow, kinds: Mapping[str, StepKind]) -> list[str]:
    """Return what changes in words. A version that this server cannot read any more has no words."""
    if synced.before is None or synced.after is None or synced.before == synced.after:
        return []
    try:
        before = workflowfile.load(synced.before, kinds=kinds, registered=True)
    except DefinitionError:
        return []
    after = workflowfile.load(synced.after, kinds=kinds)
    return difference_words.sentences(before, after)


def _difference(synced: SyncedWorkflow) -> str:
    if synced.after is None or synced.before is None:
        return ""
    return difference.text_difference(synced.before, synced.after)
