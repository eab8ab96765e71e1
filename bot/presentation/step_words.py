"""What a step of a workflow does, when it runs, and who is asked, in sentences: for every surface that lists steps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.presentation import characters, expiry, labels, progress
from engine.domain import Assurance, OnExpiry, PolicyKind, RequesterRule, ReviewPoint
from engine.expressions import Template
from engine.references import OWNER, REQUESTER, parse
from engine.workflowfile import Gate, Step, Workflow, condition_words
from engine.workflowfile.grammar import OTHERWISE
from engine.workflowfile.rule import NO_RULE
from engine.workflowfile.step_kinds import FORM, HTTP

_PART: Final = 150
"""Maximum length of a title, of an expression and of the names of an approver, in characters."""
_MOST_APPROVERS: Final = 5
_MOST_EDITABLE: Final = 5
_ROLES: Final = {OWNER: "the owner of the workflow", REQUESTER: "the person who starts the run"}


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of a sentence. `is_code`: it is an expression, to be shown as code."""

    text: str
    is_code: bool = False


def title(number: int, step: Step) -> str:
    """Return the line above the sentences of a step."""
    return f"{number}. {characters.cut(characters.line(labels.in_words(step.label)), _PART)}"


def of_step(workflow: Workflow, step: Step, approvers: Mapping[str, str]) -> Iterator[Words]:
    """Yield when the step runs and who is asked, as sentences in one paragraph.

    `approvers`: names for the approvers of the file, by their text.
    """
    if step.when is not None:
        yield Words("Runs only if ")
        yield _condition(workflow, step.when)
        yield Words(". ")
    yield from _call(step)
    if step.paths:
        yield from _paths(workflow, step)
    elif step.body is not None:
        yield Words(f"For each item: {_numbers(step.body)}.{'' if step.gate is None else ' '}")
    elif not step.gates:
        yield Words("No one is asked.")
    yield from _gate(workflow, step, approvers)
    if step.failure_gate is not None:
        yield Words(f"{' ' if step.gate is not None or step.paths else ''}If it fails, ")
        yield from _people(step.failure_gate.approvers, approvers, "or")
        yield Words(" can try it again, skip it, or stop the run.")


def _call(step: Step) -> Iterator[Words]:
    """Yield the address that a step calls. An expression in it stands as the file has it."""
    params = step.params.value
    if step.kind.name != HTTP or not isinstance(params, dict):
        return
    method, url = (str(params.get(name, default)).strip() for name, default in (("method", "GET"), ("url", "")))
    yield Words("Calls ")
    yield _code(f"{method} {url}")
    yield Words(". ")


def _paths(workflow: Workflow, step: Step) -> Iterator[Words]:
    """Yield the paths of a branch, with the numbers of their steps."""
    yield Words(f"Takes the first {'rule' if step.paths[0].rule is not None else 'path'} that fits: ")
    for number, path in enumerate(step.paths):
        steps = _numbers(path.steps)
        lead = ", " if number else ""
        if path.rule is not None:
            yield Words(f"{lead}“{characters.line(path.label)}” ({steps})")
            if path.when is not None:
                yield Words(" if ")
                yield _condition(workflow, path.when)
        elif path.when is None:
            is_rest = path.name in (OTHERWISE, NO_RULE)
            yield Words(f"{lead}{'otherwise' if is_rest else 'always'} {steps}")
        else:
            yield Words(f"{lead}“{labels.in_words(path.name)}” ({steps}) if ")
            yield _condition(workflow, path.when)
    yield Words(".")


def _numbers(steps: range) -> str:
    """Return the numbers of steps as they are listed."""
    first, last = steps.start + 1, steps.stop
    return f"step {first}" if first == last else f"steps {first} to {last}"


def _gate(workflow: Workflow, step: Step, approvers: Mapping[str, str]) -> Iterator[Words]:
    """Yield when a gate asks, who has to approve, and until when."""
    gate = step.gate
    if gate is None:
        return
    if gate.when is not None:
        yield Words("If ")
        yield _condition(workflow, gate.when)
        yield Words(", ")
    asks = _question(step, gate)
    yield Words(f"{asks if gate.when is not None else _alone(asks)} ")
    yield from _asked(gate, approvers)
    place = gate.ways.post_to
    yield Words(f", asked in {characters.line(place)}." if place is not None else ".")
    yield from _policy(gate)
    yield Words(f"{_separation(gate)}{_CONFIRMED.get(gate.confirm_with, '')}")
    yield from _escalation(gate, approvers)
    yield Words(_editable(step, gate))
    yield Words(f"{_expiry(step, gate)}{_BY_RISK if gate.risk is not None else ''}")


_BY_RISK: Final = " The risk may change who is asked, and how."


def _asked(gate: Gate, approvers: Mapping[str, str]) -> Iterator[Words]:
    """Yield who is asked: of a chain, its groups in order. Those that only a run knows are expressions."""
    if gate.route is not None:
        yield Words(f"the people that the route {characters.line(gate.route.name)} chooses")
    elif gate.policy.chain and gate.policy_choice is None:
        for index, group in enumerate(gate.policy.chain):
            yield Words(", then by " if index else "")
            yield from _people(group, approvers, "or")
    else:
        needs_all = gate.policy.kind is PolicyKind.ALL and gate.policy_choice is None
        yield from _people(gate.approvers, approvers, "and" if needs_all else "or")


def _people(named: Sequence[Template], approvers: Mapping[str, str], word: str) -> Iterator[Words]:
    """Yield the first of these people, and the number of the others."""
    people = [[*_approver(template, approvers)] for template in named[:_MOST_APPROVERS]]
    people = people or [[Words(_ROLES[OWNER])]]
    if len(named) > _MOST_APPROVERS:
        people.append([Words(f"{len(named) - _MOST_APPROVERS} more")])
    for index, pieces in enumerate(people):
        yield Words("" if index == 0 else f" {word} " if index == len(people) - 1 else ", ")
        yield from pieces


def _policy(gate: Gate) -> Iterator[Words]:
    """Yield how many of the approvers have to approve, unless one is enough."""
    policy = gate.policy
    if gate.policy_choice is not None:
        yield Words(" How many have to approve depends on ")
        yield _expression(gate.policy_choice)
        yield Words(".")
    elif policy.kind is PolicyKind.ALL:
        yield Words(" All of them have to approve.")
    elif policy.kind is PolicyKind.QUORUM:
        of_all = progress.of_all(policy.quorum, len(gate.approvers))
        of_them = f"{policy.quorum} of them have to approve."
        yield Words(f" {of_them if any(map(_is_uncounted, gate.approvers)) else of_all}")


def _is_uncounted(template: Template) -> bool:
    """Return whether an approver may be several people, or a person that only a run knows."""
    reference = parse(template.source) if template.is_literal else None
    return reference is None or reference.has_members


def _editable(step: Step, gate: Gate) -> str:
    """Return what the approvers may change, if the file names it. A form is nothing but what they fill in."""
    if not gate.edit or step.kind.name == FORM:
        return ""
    names = [field.label if field and field.label else path.rpartition(".")[2] for path, field in gate.edit.items()]
    shown = [f"“{characters.cut(characters.line(labels.in_words(name)), _PART)}”" for name in names[:_MOST_EDITABLE]]
    more = len(names) - len(shown)
    *first, last = [*shown, *([f"{more} more"] if more else [])]
    return f" Approvers may change {', '.join(first)}{' and ' if first else ''}{last}."


def _separation(gate: Gate) -> str:
    """Return who may not approve, if the gate says so."""
    never = gate.requester_rule is RequesterRule.NEVER
    starter = " The person who starts the run may not approve it." if never else ""
    return f"{starter}{' A person who changes it may not approve it.' if gate.excludes_editor else ''}"


def _approver(template: Template, approvers: Mapping[str, str]) -> Iterable[Words]:
    if (named := _NAMED_BY_INPUT.fullmatch(template.source)) is not None:
        return [Words(f"the person in “{characters.line(labels.in_words(named[1]))}”")]
    if (found := _NAMED_BY_STEP.fullmatch(template.source)) is not None:
        step, what = (characters.line(labels.in_words(part)) for part in found.groups())
        return [Words(f"the “{what}” that “{step}” gives")]
    if not template.is_literal:
        return [_expression(template)]
    name = approvers.get(template.source) or _ROLES.get(template.source) or template.source
    return [Words(characters.cut(characters.line(name), _PART))]


_NAMED_BY_INPUT: Final = re.compile(r"\{\{\s*inputs\.(\w+)\s*\}\}")
"""An approver that the requester chooses in an input."""
_NAMED_BY_STEP: Final = re.compile(r"\{\{\s*steps\.(\w+)(?:\.\w+)*\.(\w+)\s*\}\}")
"""An approver that an earlier step returns."""


def _question(step: Step, gate: Gate) -> str:
    """Return what is asked, up to the people who are asked, as it follows a condition."""
    if step.kind.name == FORM:
        return "it is filled in by"
    return "it first needs approval by" if gate.at is ReviewPoint.BEFORE else "its result needs approval by"


def _alone(asks: str) -> str:
    """Return what is asked as the beginning of a sentence: "First needs approval by", "Filled in by"."""
    begins = asks.removeprefix("it is ").removeprefix("it ")
    return f"{begins[:1].upper()}{begins[1:]}"


_CONFIRMED: Final[Mapping[Assurance | None, str]] = {
    Assurance.CODE: " Each decision is confirmed with a code from an email.",
    Assurance.SSO: " Each decision is confirmed by signing in with Slack.",
}


def _escalation(gate: Gate, approvers: Mapping[str, str]) -> Iterator[Words]:
    """Yield after which time who is asked as well, if there is no decision."""
    after = gate.clocks.escalate_after or gate.expires
    if gate.clocks.escalate_to and after is not None:
        asks = expiry.of_gate(after, OnExpiry.ESCALATE, working=gate.clocks.hours).removesuffix(".")
        yield Words(f" {asks}: ")
        yield from _people(gate.clocks.escalate_to, approvers, "and")
        yield Words(".")


def _expiry(step: Step, gate: Gate) -> str:
    """Return what happens at the end of the time to decide, unless it is the escalation; or that it never ends."""
    if gate.expires is None:
        acts = "fills it in" if step.kind.name == FORM else "decides"
        return f" No deadline: it waits until a person {acts}."
    if gate.on_expiry is OnExpiry.ESCALATE and gate.clocks.escalate_after is None:
        return ""
    return f" {expiry.of_gate(gate.expires, gate.on_expiry, working=gate.clocks.hours)}"


def _condition(workflow: Workflow, template: Template) -> Words:
    """Return a condition in words, or as code if words do not say exactly what it is."""
    said = condition_words.condition(template, workflow)
    return _code(said.text) if said.is_code else Words(characters.cut(said.text, _PART * 2))


def _expression(template: Template) -> Words:
    """Return an expression as code."""
    return _code(condition_words.code(template))


def _code(source: str) -> Words:
    return Words(characters.cut(characters.line(source), _PART) or "–", is_code=True)
