"""What the grammar knows and the engine cannot do yet: set aside before it is read, with a sentence that says so.

Whoever writes such a key should not first be led to write it right. Whoever builds one of these deletes its line here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, get_args

from pydantic import BaseModel

from engine import references
from engine.domain import accounts
from engine.json_values import Path, Value
from engine.workflowfile.phrases import cite, listed, near, nearest, show
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import person_kind

# part of the file -> key -> the values that are available; none: the whole key is not.
NOT_YET: Final[Mapping[str, Mapping[str, tuple[object, ...]]]] = {
    "workflow": {
        "triggers": (),
    },
    "step": {
        "on_error": ("stop", "continue"),
        "approvers": (),
    },
    "gate": {
        "policy": ("any",),
        "exclude": ([],),
        "on_expiry": ("stop", "continue", "reject"),
        "escalate": (),
        "remind": (),
        "hours": (False,),
        "channels": (),
        "assurance": ("link", "code"),
        "feedback": (False,),
        "revise": (),
        "revise_limit": (),
        "hold": (),
    },
}


def set_aside(
    report: ProblemReport,
    part: Mapping[str, Value],
    model: type[BaseModel],
    at: Path,
    *,
    kinds: Mapping[str, Collection[str]],
) -> dict[str, Value]:
    """`part` without what is not available yet, whatever it looks like; all of it is reported.

    `kinds`: the parts of the file whose keys stand here, each with keys that mean something else here.
    """
    rest = dict(part)
    for kind, other in kinds.items():
        for key, available in NOT_YET[kind].items():
            if key in part and key not in other and _refused(report, part[key], model, (*at, key), available):
                del rest[key]
    return rest


def _refused(
    report: ProblemReport, value: Value, model: type[BaseModel], path: Path, available: tuple[object, ...]
) -> bool:
    """Whether `value` is not available; says so."""
    key = str(path[-1])
    if not available:
        report.add(path, f"`{key}` is not available yet.", at="key")
        return True
    if value is None or value in available:
        return False
    texts = [each for each in available if isinstance(each, str)]
    info = model.model_fields.get(key)
    known = {*_words(info.annotation)} if info else set()
    word = value if isinstance(value, str) else ""
    if texts and not isinstance(value, dict) and word not in known:
        hint = near(word, texts)
        report.add(path, f"This must be {listed(texts)}, not {show(value)}.", hint)
        return True
    named = f"{key}: {cite(word)}" if word and texts else key
    hint = f"So far it can be {listed(texts)}." if texts else ""
    report.add(path, f"`{named}` is not available yet.", hint, at="key")
    return True


def _words(annotation: object) -> Iterator[str]:
    """The words that the grammar takes for a key."""
    for each in get_args(annotation):
        if isinstance(each, str):
            yield each
        else:
            yield from _words(each)


def whole_keys(kinds: Iterable[str]) -> frozenset[str]:
    """Keys that are not available at all."""
    return frozenset(key for kind in kinds for key, available in NOT_YET[kind].items() if not available)


def suggestion(word: str, available: Collection[str], not_yet: Collection[str]) -> str:
    """What `word` is probably a slip of; of what is not available yet it only says that."""
    meant = nearest(word, [*available, *not_yet])
    return f"`{meant}` is not available yet." if meant in not_yet else near(word, available)


def refuse_person(report: ProblemReport, who: str, path: Path) -> None:
    """Reports a reference to people that nothing can resolve yet."""
    if person_kind(who) in references.NOT_YET and not report.has_problem(path):
        hint = f"Name people by email address or {accounts.LABELS}, or a usergroup by group:handle."
        report.add(path, f"`{cite(who)}` is not available yet.", hint)
