"""The common changes of a workflow as a form: what each input holds now, and the file that comes of the entries."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from bot.presentation import labels
from bot.slack import condition_edits, text_objects
from bot.slack.builder_inputs import BuilderInput
from bot.slack.condition_edits import ConditionEntry
from engine import durations
from engine.errors import Problem
from engine.json_values import Path, Value
from engine.workflowfile import Workflow, text_edits, yaml_tree
from engine.workflowfile.phrases import write_path
from engine.workflowfile.rule import Rule
from engine.workflowfile.step_kinds import FORM

Typed: TypeAlias = Mapping[str, str]
"""What the inputs hold, by their names."""
_BETWEEN: Final = re.compile(r"[,;\n]+(?![^{]*\}\})")
_STOP: Final = "stop"
"""What happens after the time to decide if the file says nothing else."""
_ON_EXPIRY: Final = (
    (_STOP, "The run stops"),
    ("reject", "It counts as rejected"),
    ("continue", "The run goes on without approval"),
    ("escalate", "Others are asked as well"),
)
_POLICIES: Final = (
    ("any", "One of them"),
    ("all", "All of them"),
    ("quorum", "As many as the number below"),
    ("chain", "One of each group below, group after group"),
)
_UNCHANGED: Final = "unchanged"
_EXPRESSION_HELP: Final = "Values of a run stand in double braces, such as {{ inputs.amount }}."


def find_place(workflow: Workflow, step: str) -> Path | None:
    """Return where the file has a step, or the rule of a step; None if it cannot be told, or if a rule has no gate."""
    if not workflow.is_asked:
        return text_edits.find_step(workflow.source, step)
    rule = _rule(workflow, step)
    at: Path = ("rules", rule.number - 1) if rule is not None else ()
    return at if at and text_edits.find_value(workflow.source, (*at, "gate")) is not None else None


def _rule(workflow: Workflow, step: str) -> Rule | None:
    rules = (path.rule for one in workflow.steps for path in one.paths if path.rule is not None)
    return next((rule for rule in rules if rule.step == step), None)


def label(workflow: Workflow, step: str | None) -> str:
    """Return how people know a step: by its title, or as `Rule 3: refund`. None: the workflow itself."""
    rule = None if step is None else _rule(workflow, step)
    if step is None or rule is not None:
        return workflow.title if rule is None else f"{rule.words[:1].upper()}{rule.words[1:]}"
    return labels.in_words(workflow.step(step).label)


class StepForm:
    """The form of one step of a workflow. `step`: None for the workflow itself."""

    def __init__(self, workflow: Workflow, step: str | None) -> None:
        self._workflow, self._source, self._step = workflow, workflow.source, step
        self._base = () if step is None else find_place(workflow, step)
        compiled = None if step is None else workflow.step(step)
        self._is_form = compiled is not None and compiled.kind.name == FORM
        self._is_rule = workflow.is_asked and step is not None
        gate = None if self._base is None else (*self._base, "gate")
        self._gate: Path | None = self._base if self._is_form else gate

    # -- the form --

    def inputs(self) -> list[BuilderInput]:
        """Return the inputs, each with what it holds now."""
        if self._step is None:
            return [
                BuilderInput(name="title", label="Title", text=self._at("title"), required=True),
                BuilderInput(name="description", label="Description", kind="lines", text=self._at("description")),
            ]
        title = f"Title of the {'rule' if self._is_rule else 'step'}"
        common = [
            *self._question(),
            BuilderInput(name="approvers", label="Who approves", kind="people", text=self._approvers()),
            *self._condition(),
            *self._deadlines(),
        ]
        more = [
            BuilderInput(name="title", label=title, text=self._title()),
            *self._reason(),
            BuilderInput(name="approve_label", label="Text of Approve", text=self._in_gate("approve_label")),
            BuilderInput(name="reject_label", label="Text of Reject", text=self._in_gate("reject_label")),
            *self._reminders(),
            *self._policy(),
        ]
        return [*common, *(replace(asked, is_common=False) for asked in more)]

    def _title(self) -> str:
        return self._at("name" if self._is_rule else "title")

    def _question(self) -> list[BuilderInput]:
        """Return what people are asked. A form has its own title in this place."""
        if self._is_form:
            return []
        return [
            BuilderInput(
                name="question", label="What people are asked", help=_EXPRESSION_HELP, text=self._in_gate("title")
            )
        ]

    def _reason(self) -> list[BuilderInput]:
        if self._is_form:
            return []
        why = "Stands below the question, such as: Over 100 EUR"
        return [BuilderInput(name="reason", label="Why they are asked", help=why, text=self._in_gate("reason"))]

    def _at(self, key: str) -> str:
        return _text(self._base_value(key))

    def _raw(self, *keys: str) -> Value:
        return None if self._gate is None else text_edits.find_value(self._source, (*self._gate, *keys))

    def _in_gate(self, *keys: str) -> str:
        return _text(self._raw(*keys))

    def _approvers(self) -> str:
        named = self._raw("approvers")
        return ", ".join(map(_text, named)) if isinstance(named, list) else _text(named)

    def _condition(self) -> list[BuilderInput]:
        if self._is_rule:
            only = "In double braces, such as {{ ask.arguments.amount > 100 }}. Empty: to every call of its tools."
            text = _text(self._base_value("when"))
            return [BuilderInput(name="rule_when", label="When the rule applies", kind="lines", help=only, text=text)]
        now = self._entry()
        return [
            BuilderInput(
                name="when",
                label="When they are asked",
                kind="choice",
                text=now.chosen,
                options=condition_edits.options(self._workflow, now.chosen),
                required=True,
            ),
            BuilderInput(
                name="limit", label="The number", kind="number", help="Only with “is above a number”.", text=now.limit
            ),
            BuilderInput(
                name="expression",
                label="The expression",
                kind="lines",
                help="Only with “As an expression says”. In double braces, such as {{ inputs.amount > 100 }}.",
                text=now.expression,
            ),
        ]

    def _entry(self) -> ConditionEntry:
        return condition_edits.entry(self._raw("when"), self._workflow)

    def _base_value(self, key: str) -> Value:
        return None if self._base is None else text_edits.find_value(self._source, (*self._base, key))

    def _deadlines(self) -> list[BuilderInput]:
        return [
            BuilderInput(
                name="expires", label="Time to decide", help="Such as 4h, 2d or 1w.", text=self._in_gate("expires")
            ),
            BuilderInput(
                name="on_expiry",
                label="After that time",
                kind="choice",
                text=self._in_gate("on_expiry") or _STOP,
                options=_ON_EXPIRY,
            ),
        ]

    def _reminders(self) -> list[BuilderInput]:
        return [
            BuilderInput(
                name="remind_after",
                label="Remind them after",
                help="Such as 4h. Empty: no reminder.",
                text=self._in_gate("remind", "after"),
            ),
            BuilderInput(name="remind_every", label="And again every", text=self._in_gate("remind", "every")),
        ]

    def _policy(self) -> list[BuilderInput]:
        policy = self._raw("policy")
        named = policy if isinstance(policy, dict) else {}
        chain = named.get("chain")
        known = "quorum" if "quorum" in named else "chain" if chain is not None else policy or "any"
        is_known = isinstance(known, str) and known in dict(_POLICIES)
        options = _POLICIES if is_known else (*_POLICIES, (_UNCHANGED, "As the file says"))
        other = "" if is_known else "Now an expression says it. To change that, edit the whole file."
        return [
            BuilderInput(
                name="policy",
                label="How many approve",
                kind="choice",
                help=other,
                text=str(known) if is_known else _UNCHANGED,
                options=options,
            ),
            BuilderInput(
                name="quorum",
                label="How many of them",
                kind="number",
                help="Only with “As many as the number below”.",
                text=_text(named.get("quorum")),
            ),
            BuilderInput(name="chain", label="The groups", kind="lines", help=_GROUPS_HELP, text=_groups(chain)),
        ]

    # -- the file --

    def changed(self, typed: Typed) -> dict[str, str]:
        """Return what differs from what the inputs hold now."""
        now = {asked.name: asked.text for asked in self.inputs()}
        return {name: text for name, text in typed.items() if name in now and _differs(name, text, now[name])}

    def apply(self, changes: Typed) -> tuple[bytes, dict[str, str]]:
        """Return the file with the changes, and a sentence for each one that cannot be made."""
        typed = {asked.name: asked.text for asked in self.inputs()} | dict(changes)
        changes = self._with_reason(typed, changes)
        typed |= changes
        source, wrong = self._source, dict[str, str]()
        for names, write in _WRITERS.items():
            if changes.keys().isdisjoint(names):
                continue
            given = [name for name in names if name in changes]
            name = given[0]
            if unwritable := [found for name in given if (found := yaml_tree.unwritable(changes[name]))]:
                wrong[name] = unwritable[0]
                continue
            values, sentence = write(typed)
            if sentence:
                wrong[name] = sentence
            for key, value in values.items():
                edited = self._write(source, key, value)
                if edited is None:
                    wrong[name] = "Signoff cannot change this in the text of the file safely. Edit the whole file."
                else:
                    source = edited
        return source, wrong

    def _with_reason(self, typed: Typed, changes: Typed) -> Typed:
        """Return the changes with a reason that names the new limit, unless its text was changed too."""
        if "reason" in changes or not typed.get("reason") or "limit" not in changes:
            return changes
        after = ConditionEntry(typed["when"], typed["limit"])
        reason = condition_edits.with_new_limit(typed["reason"], self._entry(), after)
        return changes if reason == typed["reason"] else {**changes, "reason": reason}

    def _write(self, source: bytes, key: Path, value: Value) -> bytes | None:
        path = self._path(key)
        if path is None:
            return None
        if value is not None:
            return text_edits.set_value(source, path, value)
        is_there = text_edits.find_value(source, path) is not None
        return text_edits.remove_value(source, path) if is_there else source

    def _path(self, key: Path) -> Path | None:
        if self._base is None or self._gate is None:
            return None
        if key[0] == _GATE:
            return (*self._gate, *key[1:])
        return (*self._base, "name") if self._is_rule and key == ("title",) else (*self._base, *key)

    def place(self, problems: Sequence[Problem]) -> dict[str, str]:
        """Return the problems of a file, each below the input that it is about."""
        wrong: dict[str, str] = {}
        for problem in problems:
            names = (
                name
                for name, key in _PLACES.items()
                if (path := self._path(key)) is not None and problem.path.startswith(write_path(path))
            )
            name = next(names, "title")
            wrong.setdefault(name, text_objects.line(f"{problem.message} {problem.hint}".strip()))
        return wrong


_GATE: Final = "(gate)"
"""Stands in a path for the gate of the step; a form is its own gate."""
Written: TypeAlias = tuple[dict[Path, Value], str]
"""Values by their places, None for one that goes; and a sentence if something is wrong."""


def _text(value: Value) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else str(value)


def _same(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _differs(name: str, text: str, other: str) -> bool:
    if name == "approvers":
        first, second = ({person.strip() for person in _BETWEEN.split(one)} for one in (text, other))
        return first != second
    return _same(text) != _same(other)


def _plain(name: str, key: Path) -> Callable[[Typed], Written]:
    return lambda typed: ({key: _same(typed.get(name, "")) or None}, "")


def _people(typed: Typed) -> Written:
    return {(_GATE, "approvers"): [*_named(typed["approvers"])] or None}, ""


def _when(typed: Typed) -> Written:
    value, sentence = condition_edits.write(typed["when"], typed["limit"], _same(typed["expression"]))
    return ({}, sentence) if sentence else ({(_GATE, "when"): value}, "")


def _rule_when(typed: Typed) -> Written:
    written = _same(typed["rule_when"])
    return {("when",): condition_edits.write(condition_edits.EXPRESSION, "", written)[0] if written else None}, ""


def _deadline(typed: Typed) -> Written:
    expires, then = durations.from_words(typed["expires"].strip()), typed["on_expiry"]
    if not expires and then != _STOP:
        return {}, "Write the time to decide too, such as 2d, or choose “The run stops”."
    return {(_GATE, "expires"): expires or None, (_GATE, "on_expiry"): None if then == _STOP else then}, ""


def _reminders(typed: Typed) -> Written:
    after, every = (durations.from_words(typed[name].strip()) for name in ("remind_after", "remind_every"))
    if not after:
        return ({}, "Write after how long they are reminded first.") if every else ({(_GATE, "remind"): None}, "")
    repeated: dict[str, Value] = {"every": every} if every else {}
    return {(_GATE, "remind"): {"after": after, **repeated}}, ""


def _how_many(typed: Typed) -> Written:
    chosen, quorum = typed["policy"], typed["quorum"].strip()
    if chosen == "quorum":
        if not (quorum.isascii() and quorum.isdigit() and len(quorum) < 5):
            return {}, "Write how many of them have to approve, such as 2."
        return {(_GATE, "policy"): {"quorum": int(quorum)}}, ""
    if chosen == "chain":
        groups: list[Value] = [named for line in typed["chain"].splitlines() if (named := _named(line))]
        # A chain names its own people.
        changes: dict[Path, Value] = {(_GATE, "policy"): {"chain": groups}, (_GATE, "approvers"): None}
        return (changes, "") if groups else ({}, "Write the groups below, each in a line of its own.")
    return ({}, "") if chosen == _UNCHANGED else ({(_GATE, "policy"): "all" if chosen == "all" else None}, "")


def _named(text: str) -> list[Value]:
    return [person.strip() for person in _BETWEEN.split(text) if person.strip()]


def _groups(chain: Value) -> str:
    groups = chain if isinstance(chain, list) else []
    return "\n".join(", ".join(map(_text, group if isinstance(group, list) else [group])) for group in groups)


_GROUPS_HELP: Final = (
    "Only with “group after group”. A line for each group: email addresses, role:NAME, group:HANDLE or owner, with "
    "commas between them. The people above are not asked then."
)
_PLACES: Final[Mapping[str, Path]] = {
    "question": (_GATE, "title"),
    "reason": (_GATE, "reason"),
    "approvers": (_GATE, "approvers"),
    "when": (_GATE, "when"),
    "rule_when": ("when",),
    "approve_label": (_GATE, "approve_label"),
    "reject_label": (_GATE, "reject_label"),
    "expires": (_GATE, "expires"),
    "on_expiry": (_GATE, "on_expiry"),
    "remind_after": (_GATE, "remind"),
    "policy": (_GATE, "policy"),
    "description": ("description",),
    "title": ("title",),
}
_SIMPLE: Final = ("title", "description", "question", "reason", "approve_label", "reject_label")
_WRITERS: Final[Mapping[tuple[str, ...], Callable[[Typed], Written]]] = {
    **{(name,): _plain(name, _PLACES[name]) for name in _SIMPLE},
    ("approvers",): _people,
    ("expires", "on_expiry"): _deadline,
    ("when", "limit", "expression"): _when,
    ("remind_after", "remind_every"): _reminders,
    ("rule_when",): _rule_when,
    ("policy", "quorum", "chain"): _how_many,
}
