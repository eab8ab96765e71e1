"""What the rules of a route do about a run that has not started, in words and as data. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from bot.presentation.characters import line
from engine import durations
from engine.json_values import Value
from engine.references import Reference
from engine.requests import RouteTrial, RouteTrials


class KnownPerson(Struct, frozen=True, kw_only=True):
    """A person that a rule could ask. `waiting`: their open requests, or None if that is not known here."""

    name: str
    works: bool
    waiting: int | None


class KnownPeople(Struct, frozen=True, kw_only=True):
    """Who a rule could ask. `unknown`: those of its people who are not known here, as the file names them."""

    people: tuple[KnownPerson, ...]
    unknown: tuple[str, ...] = ()

    def chosen(self, trial: RouteTrial) -> tuple[KnownPerson, ...] | None:
        """Return who the rule would ask now, or None if that depends on what is not known here."""
        able = [person for person in self.people if person.works or not trial.working]
        if self.unknown or (trial.least_loaded is not None and any(person.waiting is None for person in able)):
            return None
        if trial.least_loaded is not None:
            able = sorted(able, key=lambda person: person.waiting or 0)[: trial.least_loaded]
        return tuple(able)


LookUp = Callable[[RouteTrial], KnownPeople | None]
"""Returns who a rule could ask now, or None if no one was looked up."""


def sentences(
    label: str, trials: RouteTrials, department: str | None, look_up: LookUp, *, every: bool
) -> Iterator[str]:
    """Yield what a route does, with a line for each rule, or only for those that may choose.

    `department`: of the person who would start the run, if it is known.
    """
    yield f"{line(label)}: the route {line(trials.name)}"
    is_decided = False
    for trial in trials.trials:
        known = None if is_decided else look_up(trial)
        why = _refused(trial, department, known)
        if is_decided:
            text = f"  rule {trial.number} is not looked at."
        elif why:
            text = f"  rule {trial.number} does not apply: {line(why)}."
        else:
            text = f"  rule {trial.number} {_applies(trial, department, known)}"
            is_decided = _is_certain(trial, department, known)
        if every or (not why and "not looked at" not in text):
            yield text
            yield from _people(trial, known)
    if not is_decided:
        yield "  If no rule applies, the owner of the workflow is asked."


def facts(step: str, trials: RouteTrials, department: str | None, look_up: LookUp) -> Value:
    """Return the same as data. `applies` is null if it depends on what is known only when the request opens."""
    rules: list[Value] = []
    for trial in trials.trials:
        known = look_up(trial)
        why = _refused(trial, department, known)
        applies = False if why else True if _is_certain(trial, department, known) else None
        escalate: Value = {
            "after": durations.show(trial.escalate_after) if trial.escalate_after is not None else None,
            "to": [reference.rule for reference in trial.backups],
        }
        rules.append(
            {
                "rule": trial.number,
                "applies": applies,
                "why": why or trial.doubt or None,
                "to": [reference.rule for reference in trial.references],
                "because": trial.because or None,
                "working": trial.working,
                "least_loaded": trial.least_loaded,
                "escalate": escalate if trial.escalates else None,
                "people": _people_facts(trial, known),
            }
        )
    return {"step": step, "route": trials.name, "rules": rules}


def _people_facts(trial: RouteTrial, known: KnownPeople | None) -> Value:
    if known is None:
        return None
    chosen = known.chosen(trial)
    people: list[Value] = [
        {
            "name": person.name,
            "works": person.works,
            "open_requests": person.waiting,
            "asked": None if chosen is None else person in chosen,
        }
        for person in known.people
    ]
    return {"known": people, "unknown": [*known.unknown]}


def _refused(trial: RouteTrial, department: str | None, known: KnownPeople | None) -> str:
    if trial.refused:
        return trial.refused
    if trial.department and department is not None and department.casefold() not in trial.department:
        return f"the department is {department}"
    no_one = trial.working and known is not None and known.chosen(trial) == ()
    return "no one of its people works now" if no_one else ""


def _is_certain(trial: RouteTrial, department: str | None, known: KnownPeople | None) -> bool:
    return not (trial.working and not _works_now(known)) and not (trial.department and department is None)


def _works_now(known: KnownPeople | None) -> bool:
    return known is not None and any(person.works for person in known.people)


def _applies(trial: RouteTrial, department: str | None, known: KnownPeople | None) -> str:
    needs = [f"the requester is of {line(' or '.join(trial.department))}"] * bool(trial.department and not department)
    needs += ["one of them works at that moment"] * (trial.working and not _works_now(known))
    when = f" if {' and '.join(needs)}" if needs else ""
    who = _names(trial.references)
    few = f", of them the {trial.least_loaded} with the fewest open requests" if trial.least_loaded else ""
    doubt = f" Note: {line(trial.doubt)}." if trial.doubt else ""
    because = f" ({line(trial.because)})" if trial.because else ""
    return f"applies{when}{because}: asks {who}{few}{_escalates(trial)}.{doubt}"


def _escalates(trial: RouteTrial) -> str:
    if not trial.escalates:
        return ""
    after = "at the expiry" if trial.escalate_after is None else f"after {durations.in_words(trial.escalate_after)}"
    return f"; {after} also {_names(trial.backups)}"


def _names(references: Sequence[Reference]) -> str:
    return ", ".join(line(reference.rule) for reference in references) or "no one"


def _people(trial: RouteTrial, known: KnownPeople | None) -> Iterator[str]:
    """Yield a line for each person that a rule could ask."""
    if known is None:
        return
    chosen = known.chosen(trial)
    for person in known.people:
        facts = [] if not trial.working else ["works now" if person.works else "does not work now"]
        if trial.least_loaded is not None and person.waiting is None:
            facts.append("open requests unknown here")
        elif trial.least_loaded is not None:
            facts.append(f"{person.waiting:,} open {'request' if person.waiting == 1 else 'requests'}")
        asked = "" if chosen is None else " – asked" if person in chosen else " – not asked"
        yield f"    {line(person.name)}: {', '.join(facts)}{asked}"
    yield from (f"    {line(name)}: unknown here" for name in known.unknown)
