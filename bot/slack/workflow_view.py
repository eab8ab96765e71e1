"""The steps of a workflow in words: what each one is, when it runs, and who is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from bot.presentation import expiry, labels, progress, workflow_words
from bot.slack import ids, rich_text, text_objects
from bot.slack.text_objects import Block, Element
from engine.domain import Assurance, OnExpiry, PolicyKind, RequesterRule, ReviewPoint
from engine.expressions import Template
from engine.references import OWNER, REQUESTER, parse
from engine.workflowfile import Gate, Step, Workflow
from engine.workflowfile.grammar import OTHERWISE
from engine.workflowfile.rule import NO_RULE
from engine.workflowfile.step_kinds import FORM

MOST_STEPS: Final = 40
_STEPS_TEXT: Final = 6_000
"""Maximum length of all steps together, in characters."""
_PART: Final = 150
"""Maximum length of a title, of an expression and of the names of an approver, in characters."""
_MOST_APPROVERS: Final = 5
_ROLES: Final = {OWNER: "the owner of the workflow", REQUESTER: "the person who starts the run"}


def steps(workflow: Workflow, *, approvers: Mapping[str, str], version: int) -> list[Block]:
    """Return the numbered steps of a workflow. `approvers`: names for the approvers of the file, by their text."""
    parts, room = list[Element](), _STEPS_TEXT
    for number, step in enumerate(workflow.steps[:MOST_STEPS], start=1):
        elements = [*_title(number, step), *_sentences(workflow, step, approvers)]
        room -= sum(text_objects.size(element["text"]) for element in elements)
        if room < 0:
            break
        parts.append({"type": "rich_text_section", "elements": elements})
    blocks: list[Block] = [{"type": "rich_text", "block_id": ids.block_id("steps", version), "elements": parts}]
    left = len(workflow.steps) - len(parts)
    return [*blocks, _left_out(left, version)] if left else blocks


def _left_out(count: int, version: int) -> Block:
    steps_left = "1 more step does" if count == 1 else f"{count:,} more steps do"
    return text_objects.context(
        [text_objects.plain(f"{steps_left} not fit here. The workflow file has them all.")],
        block=ids.block_id("more", version),
    )


def _title(number: int, step: Step) -> Iterator[Element]:
    title = text_objects.clipped(text_objects.line(labels.in_words(step.label)), _PART)
    yield from rich_text.words(f"{number}. {title}", bold=True)
    yield from rich_text.words("\n")


def _sentences(workflow: Workflow, step: Step, approvers: Mapping[str, str]) -> Iterator[Element]:
    """Yield when the step runs and who is asked, as sentences in one paragraph."""
    if step.when is not None:
        yield from rich_text.words("Runs only if ")
        yield from _condition(workflow, step.when)
        yield from rich_text.words(". ")
    if step.paths:
        yield from _paths(workflow, step)
    elif step.body is not None:
        yield from rich_text.words(f"For each item: {_numbers(step.body)}.{'' if step.gate is None else ' '}")
    elif not step.gates:
        yield from rich_text.words("No one is asked.")
    yield from _gate(workflow, step, approvers)
    if step.failure_gate is not None:
        yield from rich_text.words(f"{' ' if step.gate is not None or step.paths else ''}If it fails, ")
        yield from _people(step.failure_gate.approvers, approvers, "or")
        yield from rich_text.words(" can try it again, skip it, or stop the run.")


def _paths(workflow: Workflow, step: Step) -> Iterator[Element]:
    """Yield the paths of a branch, with the numbers of their steps."""
    yield from rich_text.words(f"Takes the first {'rule' if step.paths[0].rule is not None else 'path'} that fits: ")
    for number, path in enumerate(step.paths):
        steps = _numbers(path.steps)
        lead = ", " if number else ""
        if path.rule is not None:
            yield from rich_text.words(f"{lead}“{text_objects.line(path.label)}” ({steps})")
            if path.when is not None:
                yield from rich_text.words(" if ")
                yield from _condition(workflow, path.when)
        elif path.when is None:
            is_rest = path.name in (OTHERWISE, NO_RULE)
            yield from rich_text.words(f"{lead}{'otherwise' if is_rest else 'always'} {steps}")
        else:
            yield from rich_text.words(f"{lead}“{labels.in_words(path.name)}” ({steps}) if ")
            yield from _condition(workflow, path.when)
    yield from rich_text.words(".")


def _numbers(steps: range) -> str:
    """Return the numbers of steps as they are listed."""
    first, last = steps.start + 1, steps.stop
    return f"step {first}" if first == last else f"steps {first} to {last}"


def _gate(workflow: Workflow, step: Step, approvers: Mapping[str, str]) -> Iterator[Element]:
    """Yield when a gate asks, who has to approve, and until when."""
    gate = step.gate
    if gate is None:
        return
    if gate.when is not None:
        yield from rich_text.words("If ")
        yield from _condition(workflow, gate.when)
        yield from rich_text.words(", ")
    asks = _question(step, gate)
    yield from rich_text.words(f"{asks if gate.when is not None else _alone(asks)} ")
    yield from _asked(gate, approvers)
    place = gate.ways.post_to
    yield from rich_text.words(f", asked in {text_objects.line(place)}." if place is not None else ".")
    yield from _policy(gate)
    yield from rich_text.words(f"{_separation(gate)}{_CONFIRMED.get(gate.confirm_with, '')}")
    yield from _escalation(gate, approvers)
    yield from rich_text.words(f"{_expiry(gate)}{_BY_RISK if gate.risk is not None else ''}")


_BY_RISK: Final = " The risk may change who is asked, and how."


def _asked(gate: Gate, approvers: Mapping[str, str]) -> Iterator[Element]:
    """Yield who is asked: of a chain, its groups in order. Those that only a run knows are expressions."""
    if gate.route is not None:
        yield from rich_text.words(f"the people that the route {text_objects.line(gate.route.name)} chooses")
    elif gate.policy.chain and gate.policy_choice is None:
        for index, group in enumerate(gate.policy.chain):
            yield from rich_text.words(", then by " if index else "")
            yield from _people(group, approvers, "or")
    else:
        needs_all = gate.policy.kind is PolicyKind.ALL and gate.policy_choice is None
        yield from _people(gate.approvers, approvers, "and" if needs_all else "or")


def _people(named: Sequence[Template], approvers: Mapping[str, str], word: str) -> Iterator[Element]:
    """Yield the first of these people, and the number of the others."""
    people = [[*_approver(template, approvers)] for template in named[:_MOST_APPROVERS]]
    people = people or [[*rich_text.words(_ROLES[OWNER])]]
    if len(named) > _MOST_APPROVERS:
        people.append([*rich_text.words(f"{len(named) - _MOST_APPROVERS} more")])
    for index, elements in enumerate(people):
        yield from rich_text.words("" if index == 0 else f" {word} " if index == len(people) - 1 else ", ")
        yield from elements


def _policy(gate: Gate) -> Iterator[Element]:
    """Yield how many of the approvers have to approve, unless one is enough."""
    policy = gate.policy
    if gate.policy_choice is not None:
        yield from rich_text.words(" How many have to approve depends on ")
        yield from _expression(gate.policy_choice)
        yield from rich_text.words(".")
    elif policy.kind is PolicyKind.ALL:
        yield from rich_text.words(" All of them have to approve.")
    elif policy.kind is PolicyKind.QUORUM:
        of_all = progress.of_all(policy.quorum, len(gate.approvers))
        of_them = f"{policy.quorum} of them have to approve."
        yield from rich_text.words(f" {of_them if any(map(_is_uncounted, gate.approvers)) else of_all}")


def _is_uncounted(template: Template) -> bool:
    """Return whether an approver may be several people, or a person that only a run knows."""
    reference = parse(template.source) if template.is_literal else None
    return reference is None or reference.has_members


def _separation(gate: Gate) -> str:
    """Return who may not approve, if the gate says so."""
    never = gate.requester_rule is RequesterRule.NEVER
    starter = " The person who starts the run may not approve it." if never else ""
    return f"{starter}{' A person who changes it may not approve it.' if gate.excludes_editor else ''}"


def _approver(template: Template, approvers: Mapping[str, str]) -> Iterable[Element]:
    if (named := _NAMED_BY_INPUT.fullmatch(template.source)) is not None:
        return rich_text.words(f"the person in “{text_objects.line(labels.in_words(named[1]))}”")
    if (found := _NAMED_BY_STEP.fullmatch(template.source)) is not None:
        step, what = (text_objects.line(labels.in_words(part)) for part in found.groups())
        return rich_text.words(f"the “{what}” that “{step}” gives")
    if not template.is_literal:
        return _expression(template)
    name = approvers.get(template.source) or _ROLES.get(template.source) or template.source
    return rich_text.words(text_objects.clipped(text_objects.line(name), _PART))


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


def _escalation(gate: Gate, approvers: Mapping[str, str]) -> Iterator[Element]:
    """Yield after which time who is asked as well, if there is no decision."""
    after = gate.clocks.escalate_after or gate.expires
    if gate.clocks.escalate_to and after is not None:
        asks = expiry.of_gate(after, OnExpiry.ESCALATE, working=gate.clocks.hours).removesuffix(".")
        yield from rich_text.words(f" {asks}: ")
        yield from _people(gate.clocks.escalate_to, approvers, "and")
        yield from rich_text.words(".")


def _expiry(gate: Gate) -> str:
    """Return what happens at the end of the time to decide, unless it is the escalation."""
    if gate.expires is None or (gate.on_expiry is OnExpiry.ESCALATE and gate.clocks.escalate_after is None):
        return ""
    return f" {expiry.of_gate(gate.expires, gate.on_expiry, working=gate.clocks.hours)}"


def _condition(workflow: Workflow, template: Template) -> Iterator[Element]:
    """Yield a condition in words, or as code if words do not say exactly what it is."""
    said = workflow_words.condition(template, workflow)
    yield from _code(said.text) if said.is_code else rich_text.words(text_objects.clipped(said.text, _PART * 2))


def _expression(template: Template) -> Iterator[Element]:
    """Yield an expression as code."""
    return _code(workflow_words.code(template))


def _code(source: str) -> Iterator[Element]:
    for element in rich_text.words(text_objects.clipped(source, _PART) or "–"):
        yield {**element, "style": {"code": True}}
