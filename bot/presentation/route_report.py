"""What the rules of a route do about a run that has not started, in words and as data. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bot.presentation.characters import line
from engine.json_values import Value
from engine.requests import RouteTrial, RouteTrials


def sentences(label: str, trials: RouteTrials, department: str | None, *, every: bool) -> Iterator[str]:
    """Yield what a route does, with a line for each rule, or only for those that may choose.

    `department`: of the person who would start the run, if it is known.
    """
    yield f"{line(label)}: the route {line(trials.name)}"
    is_decided = False
    for trial in trials.trials:
        why = _refused(trial, department)
        if is_decided:
            text = f"  rule {trial.number} is not looked at."
        elif why:
            text = f"  rule {trial.number} does not apply: {line(why)}."
        else:
            text = f"  rule {trial.number} {_applies(trial, department)}"
            is_decided = _is_certain(trial, department)
        if every or (not why and "not looked at" not in text):
            yield text
    if not is_decided:
        yield "  If no rule applies, the owner of the workflow is asked."


def facts(step: str, trials: RouteTrials, department: str | None) -> Value:
    """Return the same as data. `applies` is null if it depends on what is known only when the request opens."""
    rules: list[Value] = []
    for trial in trials.trials:
        why = _refused(trial, department)
        applies = False if why else True if _is_certain(trial, department) else None
        rules.append(
            {
                "rule": trial.number,
                "applies": applies,
                "why": why or trial.doubt or None,
                "to": [reference.rule for reference in trial.references],
                "because": trial.because or None,
                "working": trial.working,
                "least_loaded": trial.least_loaded,
            }
        )
    return {"step": step, "route": trials.name, "rules": rules}


def _refused(trial: RouteTrial, department: str | None) -> str:
    is_other = trial.department and department is not None and department.casefold() not in trial.department
    return trial.refused or (f"the department is {department}" if is_other else "")


def _is_certain(trial: RouteTrial, department: str | None) -> bool:
    return not trial.working and not (trial.department and department is None)


def _applies(trial: RouteTrial, department: str | None) -> str:
    needs = [f"the requester is of {line(' or '.join(trial.department))}"] * bool(trial.department and not department)
    needs += ["one of them works at that moment"] * trial.working
    when = f" if {' and '.join(needs)}" if needs else ""
    who = ", ".join(line(reference.rule) for reference in trial.references) or "no one"
    few = f", of them the {trial.least_loaded} with the fewest open requests" if trial.least_loaded else ""
    doubt = f" Note: {line(trial.doubt)}." if trial.doubt else ""
    because = f" ({line(trial.because)})" if trial.because else ""
    return f"applies{when}{because}: asks {who}{few}.{doubt}"
