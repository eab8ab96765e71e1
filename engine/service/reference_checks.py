"""The people and groups that a workflow file names: what can never work is refused when it is registered."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from engine import references
from engine.delivery.recipients import Recipients
from engine.ports import Resolution
from engine.references import Reference
from engine.workflowfile import Workflow


class Named(Struct, frozen=True):
    """A person or group that the file names. `place`: where, as a sentence begins. `starts`: it says who may start."""

    place: str
    reference: Reference
    starts: bool = False


def check(who: Recipients, workflow: Workflow) -> tuple[list[str], list[str]]:
    """Return what can never work, and what does not work or is not known now, in sentences.

    Raises `NeedsDirectory` for what only the directory knows.
    """
    named = list(_named(workflow))
    # Of a group it is enough to know that it is there: to look its members up takes too long.
    answers = who.answers(list(dict.fromkeys(one.reference.as_members for one in named)))
    wrong: dict[str, None] = {}
    doubtful: dict[str, None] = {}
    for one in named:
        answer = answers.get(one.reference.as_members)
        if answer is not None:
            found = wrong if _never(one, answer) else doubtful if _doubtful(one, answer) else None
            if found is not None:
                found[f"{one.place}: {answer.why}"] = None
    return list(wrong), list(doubtful)


def _named(workflow: Workflow) -> Iterator[Named]:
    """What stands in the file as it is; what an expression gives is known when a run opens a request."""
    for name in workflow.may_run:
        reference = references.parse_resolvable(name)
        if reference is not None:
            yield Named("may_run", reference, starts=True)
    for step in workflow.steps:
        for template in step.gate.approvers if step.gate is not None else ():
            reference = references.parse_resolvable(template.source) if template.is_literal else None
            if reference is not None:
                yield Named(f"The gate of step {step.id}", reference)


def _never(named: Named, answer: Resolution) -> bool:
    # Guests are never asked, but they may be allowed to start something. An address that has no account today may have
    # one tomorrow.
    return answer.never and not (named.starts and answer.guests)


def _doubtful(named: Named, answer: Resolution) -> bool:
    return answer.why is not None and not (named.starts and answer.guests)
