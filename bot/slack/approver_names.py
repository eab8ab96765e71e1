"""The names of the approvers that a workflow file names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from engine.errors import ChannelError
from engine.expressions import Template
from engine.name_lists import join_names
from engine.ports import Directory, Resolution
from engine.references import Reference, parse
from engine.workflowfile import Gate, Workflow

LOOKING_UP: Final = 1.2
"""Time for looking up people, in seconds: Slack waits three for the whole answer."""
_OTHERS: Final = "Choose other people."
_MOST_NAMES: Final = 5
"""Maximum number of people of one group who are named."""


async def look_up(directory: Directory, workflow: Workflow) -> dict[str, str]:
    """Return the names of the approvers that the file names, by their text in the file.

    Approvers who cannot be looked up in time, and those that only a run knows, are left out.
    """
    texts = {template.source for step in workflow.steps for gate in step.gates for template in _literals(gate)}
    references = {text: reference for text in texts if (reference := parse(text)) is not None}
    asked = sorted((reference for reference in references.values() if directory.asks(reference)), key=str)
    try:
        async with asyncio.timeout(LOOKING_UP):
            resolutions = await directory.resolve(asked)
    except (ChannelError, TimeoutError):
        return {}
    return {
        text: _describe_reference(reference, resolutions[reference])
        for text, reference in references.items()
        if reference in resolutions
    }


async def refuse(directory: Directory, named: Iterable[str]) -> str:
    """Return why some of these people can never be asked, such as a bot; empty if all can, or if it is not known."""
    parsed = [reference for text in named if (reference := parse(text)) is not None]
    asked = [reference for reference in dict.fromkeys(parsed) if directory.asks(reference)]
    try:
        async with asyncio.timeout(LOOKING_UP):
            resolutions = await directory.resolve(asked)
    except (ChannelError, TimeoutError):
        return ""
    refused = {reference: answer.why for reference, answer in resolutions.items() if answer.never and answer.why}
    # Whom a person chose by name, they do not know by the id.
    sentences = [why.removeprefix(f"{reference.value}: ") for reference, why in refused.items()]
    return f"{' '.join(sentences)} {_OTHERS}" if sentences else ""


def _literals(gate: Gate) -> list[Template]:
    """Return the approvers that the file names without an expression."""
    return [template for template in gate.people if template.is_literal]


def _describe_reference(reference: Reference, resolution: Resolution) -> str:
    """Return the names of the people that a reference means; a mistyped address is shown as it is."""
    if resolution.unknown:
        return f"{reference.rule} (not in Slack{', asked by email' if resolution.people else ''})"
    names = [person.name or person.addresses[0].value for person in resolution.people]
    if not names:
        return f"{reference.rule} ({resolution.standing or 'cannot be asked'})"
    if not reference.has_members:
        return join_names(names[:_MOST_NAMES], len(names))
    return f"{reference.rule} ({join_names(names[:_MOST_NAMES], len(names))})"
