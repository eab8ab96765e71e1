"""The commands that wait until a person confirms them, as JSON: decisions, and answers about steps. Pure."""

from __future__ import annotations

from typing import Any, TypeAlias

from engine import json_values
from engine.domain import Address, Assurance, Decide, Origin, Resume, ResumeAnswer, Verdict

Command: TypeAlias = Decide | Resume
"""The commands that may wait."""
ShownValues: TypeAlias = tuple[tuple[str, str], ...]
"""The output of a step in an answer, with labels and as people read it."""


def write(command: Command, shown_values: ShownValues = ()) -> dict[str, Any]:
    """Return the JSON of a command. It holds no link and no secret of a browser: the person is identified anew."""
    return _write_decision(command) if isinstance(command, Decide) else _write_answer(command, shown_values)


def size(command: Command) -> int:
    """Return the size of a command as it is stored, in bytes."""
    return len(json_values.dumps(write(command)).encode())


def _write_answer(resume: Resume, shown_values: ShownValues) -> dict[str, Any]:
    return {
        "run": resume.run,
        "step": resume.step,
        "visit": resume.visit,
        "attempt": resume.attempt,
        "answer": resume.answer.value,
        "output": dict(resume.output),
        "said": [[*pair] for pair in shown_values],
        "actor": [resume.actor.kind, resume.actor.value],
        "surface": resume.origin.surface,
        "place": dict(resume.origin.place),
    }


def _write_decision(decision: Decide) -> dict[str, Any]:
    return {
        "request": decision.request,
        "verdict": decision.verdict.value,
        "actor": [decision.actor.kind, decision.actor.value],
        "content_version": decision.content_version,
        "digest": decision.digest,
        "surface": decision.origin.surface,
        "place": dict(decision.origin.place),
        "edits": dict(decision.edits),
        "reason": decision.reason,
        "form": decision.form,
        **({} if decision.rating is None else {"rating": decision.rating, "comment": decision.comment}),
        # On a page the person has not proven anything yet, and that is what nearly every decision is.
        **({} if decision.assurance is Assurance.LINK else {"assurance": decision.assurance.value}),
    }


def read_answer(stored: dict[str, Any]) -> Resume:
    """Return an answer about a step."""
    return Resume(
        run=stored["run"],
        answer=ResumeAnswer(stored["answer"]),
        actor=Address(*stored["actor"]),
        origin=Origin(surface=stored["surface"], place=stored["place"]),
        output=stored["output"],
        step=stored["step"],
        visit=int(stored["visit"]),
        attempt=int(stored["attempt"]),
        assurance=Assurance.LINK,
    )


def read_decision(stored: dict[str, Any]) -> Decide:
    """Return a decision."""
    return Decide(
        request=stored["request"],
        verdict=Verdict(stored["verdict"]),
        actor=Address(*stored["actor"]),
        content_version=int(stored["content_version"]),
        digest=stored["digest"],
        origin=Origin(surface=stored["surface"], place=stored["place"]),
        assurance=Assurance(stored.get("assurance", Assurance.LINK)),
        edits=stored["edits"],
        reason=stored["reason"],
        form=stored["form"],
        rating=stored.get("rating"),
        comment=stored.get("comment"),
    )
