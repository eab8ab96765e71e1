"""The lines of exported decisions, as JSON Lines and as CSV. docs/commands.md documents the keys. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from bot.presentation import autonomy
from bot.presentation.dates import iso
from engine import json_values
from engine.domain import Params, Person, RequestState
from engine.json_values import Value
from engine.oversight.draw import UnreviewedVisit
from engine.read_models import ExportedDecision, RequestLook, RequestView
from engine.requests import Question, Rating, Request, Vote

NOT_REVIEWED: Final = "not_reviewed"
"""The verdict of a visit that went through its gate because the sampling plan drew no review."""
KEYS: Final = (
    *(
        "decision",
        "request",
        "run",
        "workflow",
        "workflow_version",
        "workflow_hash",
        "step",
        "step_title",
        "visit",
        "at",
    ),
    *("title", "requested_by", "oversight", "asked_at", "first_shown_at", "decided_at", "seconds_to_decide", "verdict"),
    *("button", "undone", "decided_by", "attention_seconds", "attention_known", "seen_by", "assurance", "reason"),
    *(
        "rating",
        "comment",
        "draft",
        "final",
        "changes",
        "policy",
        "approvals_needed",
        "votes",
        "questions",
        "outcome",
        "erased",
    ),
)
"""The keys of each line, in their order."""
_FORMULA: Final = (*"=+-@\t\r\n", *map(chr, (0xFF1D, 0xFF0B, 0xFF0D, 0xFF20)))
"""How a text begins that a spreadsheet takes for a formula: also with the wide forms of the signs."""

_LINE_ENDS: Final = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}
"""Characters that end a line for some programs, and that JSON need not escape, with their escapes."""


def json_lines(decisions: Iterable[ExportedDecision]) -> Iterator[str]:
    """Yield a line of JSON for each decision."""
    return (json_line(record(decision)) for decision in decisions)


def json_line(facts: Mapping[str, Value]) -> str:
    """Return a record as a line of JSON, which is one line for programs that end lines at other characters too."""
    return json_values.dumps({**facts}).translate(_LINE_ENDS) + "\n"


def csv_lines(decisions: Iterable[ExportedDecision]) -> Iterator[str]:
    """Yield a line of CSV for each decision, as RFC 4180 has them: each ends with CR and LF. `csv_head` goes first."""
    return (csv_line(csv_row(record(decision))) for decision in decisions)


def unreviewed(visit: UnreviewedVisit) -> dict[str, Value]:
    """Return a visit that went through without review, with the keys of a decision: no one was asked."""
    known: dict[str, Value] = {
        "run": visit.run,
        "workflow": visit.workflow,
        "workflow_version": visit.version,
        "workflow_hash": visit.hash,
        "step": visit.step,
        "step_title": visit.step_title,
        "visit": visit.visit,
        "requested_by": {"id": visit.requester, "name": visit.requester_name},
        "decided_at": iso(visit.at),
        "verdict": NOT_REVIEWED,
        "reason": autonomy.NOT_REVIEWED,
        "changes": [],
        "seen_by": [],
        "votes": [],
        "questions": [],
        "erased": False,
    }
    return {key: known.get(key) for key in KEYS}


def unreviewed_lines(visits: Iterable[UnreviewedVisit], *, as_csv: bool) -> Iterator[str]:
    """Yield a line for each visit that went through without review."""
    return (csv_line(csv_row(facts)) if as_csv else json_line(facts) for facts in map(unreviewed, visits))


def csv_head() -> str:
    """Return the first line of CSV, with the names of the columns."""
    return csv_line(_COLUMNS)


def csv_line(cells: Iterable[str]) -> str:
    """Return cells as a line of CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue()


def record(decision: ExportedDecision) -> dict[str, Value]:
    """Return all that is known of a decision, and of what it decided."""
    view, request = decision.view, decision.view.model
    assert view.decision is not None
    return {
        "decision": view.decision.id,
        "request": view.id,
        "run": view.run,
        "workflow": view.workflow,
        "workflow_version": view.workflow_version,
        "workflow_hash": request.subject.hash,
        "step": request.subject.step,
        "step_title": view.step_label,
        "visit": request.subject.visit,
        "at": view.at.value,
        "title": view.title,
        "requested_by": _person(view.requester),
        "oversight": None if view.oversight is None else view.oversight.purpose.value,
        **_times(view),
        "verdict": _verdict(request),
        "button": view.decision.verdict,
        "undone": _undone(view),
        "decided_by": {**_person(view.decision.person), **_printed(decision.record)},
        **_attention(decision.record),
        "seen_by": [_look(view, look) for look in decision.looks],
        "assurance": view.decision.assurance,
        "reason": view.decision.reason,
        **_rating(view),
        **_contents(view),
        "policy": request.policy.kind.value,
        "approvals_needed": request.policy.needed,
        "votes": [_vote(view, vote) for vote in request.votes],
        "questions": [_question(question) for question in request.questions],
        "outcome": _outcome(view),
        "erased": decision.is_erased,
    }


def _verdict(request: Request) -> str:
    """Return the state that the decision led to. To try a step again approves nothing, and is not counted as that."""
    return _AFTER_FAILURE.get(request.state, "") if request.subject.is_failure else request.state.value


_AFTER_FAILURE: Final = {
    RequestState.APPROVED: "tried_again",
    RequestState.SKIPPED: "skipped",
    RequestState.REJECTED: "stopped",
}


def _person(person: Person) -> dict[str, Value]:
    return {"id": person.id, "name": person.label}


def _printed(facts: Mapping[str, Value]) -> dict[str, Value]:
    """Return the person who decided as they were named then."""
    person = facts.get("person")
    return {"id": person["id"], "name": person["name"]} if isinstance(person, dict) else {}


def _attention(facts: Mapping[str, Value]) -> dict[str, Value]:
    """Return how long the person had it before them. If their first view is not known, they looked at most so long."""
    return {name: facts.get(name) for name in ("attention_seconds", "attention_known")}


def _look(view: RequestView, look: RequestLook) -> Value:
    """Return who saw the request before the decision, and for how long at most if another person decided."""
    assert view.decision is not None
    seconds = max(0, round((view.decision.decided_at - look.first_at).total_seconds()))
    return {
        **_person(look.person),
        "first_seen_at": iso(look.first_at),
        "surface": look.surface,
        "seconds_until_decision": seconds,
        "is_decider": look.person.id == view.decision.person.id,
    }


def _times(view: RequestView) -> dict[str, Value]:
    """Return when it was asked, shown and decided. People can decide from the moment that the first copy is shown."""
    assert view.decision is not None
    clocks, decided_at = view.model.deadlines, view.decision.decided_at
    since = clocks.first_shown_at or clocks.opened_at
    return {
        "asked_at": iso(clocks.opened_at),
        "first_shown_at": iso(clocks.first_shown_at),
        "decided_at": iso(decided_at),
        "seconds_to_decide": round((decided_at - since).total_seconds()),
    }


def _contents(view: RequestView) -> dict[str, Value]:
    """Return the content as it was asked and as it was approved, and each difference. Secrets are their names."""
    draft, approved = view.content_as_asked, view.model.state is RequestState.APPROVED
    final = json_values.replace_all(draft.value, {edit.path: edit.after for edit in view.edits})
    assert isinstance(final, dict)
    return {
        "draft": draft.shown(),
        "final": Params(final, draft.secrets).shown() if approved else None,
        "changes": [
            {
                "path": json_values.show_path(edit.path),
                "label": edit.label,
                "before": edit.before,
                "after": edit.after,
            }
            for edit in view.edits
        ],
    }


def _rating(view: RequestView) -> dict[str, Value]:
    """Return the rating of the person who decided; those of others who voted stand beside their votes."""
    assert view.decision is not None
    given = _rating_of(view, view.decision.person)
    return {"rating": given.rating if given else None, "comment": given.comment if given else None}


def _rating_of(view: RequestView, person: Person) -> Rating | None:
    return next((rating for rating in view.model.ratings if rating.person.id == person.id), None)


def _vote(view: RequestView, vote: Vote) -> Value:
    given = _rating_of(view, vote.person)
    rating: dict[str, Value] = {
        "rating": given.rating if given else None,
        "comment": given.comment if given else None,
    }
    return {**_person(vote.person), "at": iso(vote.at), "reason": vote.reason, **rating}


def _question(question: Question) -> Value:
    return {
        "asked_by": _person(question.asked_by),
        "asked_to": _person(question.asked_to),
        "asked_at": iso(question.asked_at),
        "text": question.text,
        "answer": question.answer,
        "answered_by": _person(question.answered_by) if question.answered_by is not None else None,
        "answered_at": iso(question.answered_at),
    }


def _undone(view: RequestView) -> Value:
    undone = view.model.undone
    if undone is None:
        return None
    return {"by_id": undone.person.id, "by_name": undone.person.label, "at": iso(undone.at)}


def _outcome(view: RequestView) -> Value:
    """Return what became of the step that was approved, or None where nothing did."""
    if view.effect is None:
        return None
    return {
        "status": view.effect.status.value,
        "error": view.effect.error,
        "ended_at": iso(view.effect.ended_at),
        "worked_later_at": iso(view.effect.worked_at),
    }


# -- CSV ----------------------------------------------------------------------------------------------------


def csv_row(facts: Mapping[str, Value]) -> list[str]:
    """Return a record as cells. A text that a spreadsheet would take for a formula gets a leading apostrophe."""
    flat = dict(_flattened(facts))
    return [_cell(flat.get(column)) for column in _COLUMNS]


_COLUMNS: Final = (
    *("decision", "request", "run", "workflow", "workflow_version", "workflow_hash", "step", "step_title", "visit"),
    *("at", "title", "requested_by_id", "requested_by_name", "oversight", "asked_at", "first_shown_at", "decided_at"),
    *(
        "seconds_to_decide",
        "verdict",
        "button",
        *("undone_by_id", "undone_by_name", "undone_at"),
        "decided_by_id",
        "decided_by_name",
        "attention_seconds",
        "attention_known",
        "seen_by",
        "assurance",
        "reason",
        "rating",
        "comment",
    ),
    *("draft", "final", "changes", "policy", "approvals_needed", "votes", "questions"),
    *("outcome_status", "outcome_error", "outcome_ended_at", "outcome_worked_later_at", "erased"),
)
_NESTED: Final = frozenset({"requested_by", "decided_by", "undone", "outcome"})
"""Keys whose values have a column each."""
_AS_JSON: Final = frozenset({"draft", "final", "seen_by", "votes", "questions"})


def _flattened(facts: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
    for key, value in facts.items():
        if key in _NESTED:
            yield from ((f"{key}_{name}", part) for name, part in (value if isinstance(value, dict) else {}).items())
        elif key == "changes" and isinstance(value, list):
            yield key, "\n".join(_written(value))
        elif key in _AS_JSON:
            yield key, json_values.dumps(value) if value else None
        else:
            yield key, value


def _written(changes: Iterable[Value]) -> Iterator[str]:
    """Yield each difference as a person reads it: the path, then its values as JSON."""
    for change in changes:
        assert isinstance(change, dict)
        yield f"{change['path']}: {json_values.dumps(change['before'])} → {json_values.dumps(change['after'])}"


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    # Only texts are guarded, so that numbers stay numbers.
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else str(value)
