"""The commands that answer a request or a question about a step, as a person copies them. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from typing import Final

from bot.presentation import answers
from bot.presentation.characters import line
from engine.domain import Card, ResumeAnswer
from engine.workflowfile.workflow import TRY_AGAIN

_MOST_EDITS: Final = 3
"""Fields that the command for an edit names."""


def decide(card: Card, *, details: bool = True) -> str:
    """Return the commands that decide a request while it is open, and the one that shows its `details`."""
    more = [("Details", f"signoff requests {card.request} --details")] if details else []
    return _aligned([*_decisions(card), *more])


def _decisions(card: Card) -> Iterator[tuple[str, str]]:
    command = f"signoff decide {card.request}"
    if any(action.verdict == "skip" for action in card.actions):
        yield from _about_failure(card, command)
        return
    for action in card.actions:
        match action.verdict:
            case "approve":
                yield "Approve it", f"{command} approve"
            case "edit":
                yield "Fill it in" if action.primary else "Edit it", f"{command} edit {_edits(card)}"
            case "revise":
                yield "Send it back", f'{command} revise --reason "…"'
            case "reject":
                yield "Reject it", f'{command} reject --reason "…"'
    if card.may_undo:
        yield "Undo it", f"signoff undo {card.request}"
    if card.may_ask:
        yield "Ask first", f'signoff question {card.request} "…"'


def _about_failure(card: Card, command: str) -> Iterator[tuple[str, str]]:
    edits = any(action.verdict == "edit" for action in card.actions)
    yield TRY_AGAIN, f"{command} retry"
    if edits:
        yield "With changes", f"{command} retry {_edits(card)}"
    yield "Skip the step", f"{command} skip"
    yield "Stop the run", f"{command} stop"
    if card.may_ask:
        yield "Ask first", f'signoff question {card.request} "…"'


def _edits(card: Card) -> str:
    paths = [field.path for field in card.values if field.editable]
    more = " …" if len(paths) > _MOST_EDITS else ""
    return " ".join(f"{shlex.quote(line(path))}=…" for path in paths[:_MOST_EDITS]) + more


def answer(request: str, question: str) -> str:
    """Return the command that answers a question before a decision."""
    return _aligned([("Answer it", f'signoff answer {request} "…" --question {question}')])


def resume(run: str, offered: Iterable[ResumeAnswer]) -> str:
    """Return the commands that say what became of a step of unknown outcome, one in each line."""
    return _aligned((answers.LABELS[answer], f"signoff resume {run} {answer.value}") for answer in offered)


def _aligned(commands: Iterable[tuple[str, str]]) -> str:
    pairs = [*commands]
    width = max((len(label) for label, _ in pairs), default=0) + 2
    return "\n".join(f"  {f'{label}:':<{width}}{command}" for label, command in pairs)
