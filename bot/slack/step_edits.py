"""The common changes of a workflow as a form: what each input holds now, and the file that comes of the entries."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from bot.presentation import labels
from bot.slack import text_objects
from bot.slack.builder_inputs import BuilderInput
from engine.errors import Problem
from engine.fields import FieldType
from engine.json_values import Path, Value
from engine.workflowfile import Workflow, text_edits, yaml_tree
from engine.workflowfile.phrases import write_path
from engine.workflowfile.step_kinds import FORM

Typed: TypeAlias = Mapping[str, str]
"""What the inputs hold, by their names."""
_ALWAYS: Final = "always"
_EXPRESSION: Final = "expression"
_ABOVE: Final = "above:"
_OF_INPUT: Final = re.compile(r"\{\{\s*inputs\.(\w+)\s*>\s*(-?\d+(?:\.\d+)?)\s*\}\}")
_NUMBER: Final = re.compile(r"-?\d{1,12}(\.\d{1,6})?", re.ASCII)
_BETWEEN: Final = re.compile(r"[,;\n]+(?![^{]*\}\})")
_NUMERIC: Final = frozenset({FieldType.NUMBER, FieldType.INTEGER, FieldType.MONEY})
_ON_EXPIRY: Final = (
    ("stop", "The run stops"),
    ("reject", "It counts as rejected"),
    ("continue", "The run goes on without approval"),
    ("escalate", "Others are asked as well"),
)
_POLICIES: Final = (("any", "One of them"), ("all", "All of them"), ("quorum", "As many as the number below"))
_UNCHANGED: Final = "unchanged"


class StepForm:
    """The form of one step of a workflow. `step`: None for the workflow itself."""

    def __init__(self, workflow: Workflow, step: str | None) -> None:
        self._workflow, self._source, self._step = workflow, workflow.source, step
        self._base = () if step is None else text_edits.find_step(workflow.source, step)
        compiled = None if step is None else workflow.step(step)
        is_form = compiled is not None and compiled.kind.name == FORM
        self._gate: Path | None = None if self._base is None else self._base if is_form else (*self._base, "gate")

    # -- the form --

    def inputs(self) -> list[BuilderInput]:
        """Return the inputs, each with what it holds now."""
        if self._step is None:
            return [
                BuilderInput(name="title", label="Title", text=self._at("title"), required=True),
                BuilderInput(name="description", label="Description", kind="lines", text=self._at("description")),
            ]
        question = BuilderInput(name="question", label="What people are asked", text=self._in_gate("title"))
        return [
            BuilderInput(name="title", label="Title of the step", text=self._at("title")),
            *([question] if self._gate != self._base else []),
            BuilderInput(name="approvers", label="Who approves", kind="people", text=self._approvers()),
            *self._condition(),
            BuilderInput(name="approve_label", label="Text of Approve", text=self._in_gate("approve_label")),
            BuilderInput(name="reject_label", label="Text of Reject", text=self._in_gate("reject_label")),
            *self._deadlines(),
            *self._policy(),
        ]

    def _at(self, key: str) -> str:
        return _text(None if self._base is None else text_edits.find_value(self._source, (*self._base, key)))

    def _raw(self, *keys: str) -> Value:
        return None if self._gate is None else text_edits.find_value(self._source, (*self._gate, *keys))

    def _in_gate(self, *keys: str) -> str:
        return _text(self._raw(*keys))

    def _approvers(self) -> str:
        named = self._raw("approvers")
        return ", ".join(map(_text, named)) if isinstance(named, list) else _text(named)

    def _condition(self) -> list[BuilderInput]:
        written = self._raw("when")
        chosen, limit, expression = _ALWAYS, "", ""
        found = _OF_INPUT.fullmatch(written) if isinstance(written, str) else None
        if found is not None and found[1] in self._numbers():
            chosen, limit = f"{_ABOVE}{found[1]}", found[2]
        elif written is not None:
            chosen, expression = _EXPRESSION, _text(written)
        above = [(f"{_ABOVE}{name}", f"“{label}” is above a number") for name, label in self._numbers().items()]
        options = ((_ALWAYS, "Always"), *above[:90], (_EXPRESSION, "As an expression says"))
        return [
            BuilderInput(
                name="when", label="When they are asked", kind="choice", text=chosen, options=options, required=True
            ),
            BuilderInput(name="limit", label="The number", kind="number", text=limit),
            BuilderInput(name="expression", label="The expression", kind="lines", text=expression),
        ]

    def _numbers(self) -> dict[str, str]:
        declared = self._workflow.inputs.items()
        return {name: labels.of_field(field.label, name) for name, field in declared if field.type in _NUMERIC}

    def _deadlines(self) -> list[BuilderInput]:
        return [
            BuilderInput(
                name="expires", label="Time to decide", help="Such as 4h, 2d or 1w.", text=self._in_gate("expires")
            ),
            BuilderInput(
                name="on_expiry",
                label="After that time",
                kind="choice",
                text=self._in_gate("on_expiry") or "stop",
                options=_ON_EXPIRY,
            ),
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
        quorum = policy.get("quorum") if isinstance(policy, dict) else None
        known = "quorum" if quorum is not None else "any" if policy is None else policy
        is_known = isinstance(known, str) and known in dict(_POLICIES)
        options = _POLICIES if is_known else (*_POLICIES, (_UNCHANGED, "As the file says"))
        chosen = str(known) if is_known else _UNCHANGED
        return [
            BuilderInput(name="policy", label="How many approve", kind="choice", text=chosen, options=options),
            BuilderInput(name="quorum", label="How many of them", kind="number", text=_text(quorum)),
        ]

    # -- the file --

    def changed(self, typed: Typed) -> dict[str, str]:
        """Return what differs from what the inputs hold now."""
        now = {asked.name: asked.text for asked in self.inputs()}
        return {name: text for name, text in typed.items() if name in now and _differs(name, text, now[name])}

    def apply(self, changes: Typed) -> tuple[bytes, dict[str, str]]:
        """Return the file with the changes, and a sentence for each one that cannot be made."""
        typed = {asked.name: asked.text for asked in self.inputs()} | dict(changes)
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
        return (*self._gate, *key[1:]) if key[0] == _GATE else (*self._base, *key)

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
    named: list[Value] = [person.strip() for person in _BETWEEN.split(typed["approvers"]) if person.strip()]
    return {(_GATE, "approvers"): named or None}, ""


def _when(typed: Typed) -> Written:
    chosen, limit, expression = typed["when"], typed["limit"].strip(), _same(typed["expression"])
    key: Path = (_GATE, "when")
    if chosen.startswith(_ABOVE):
        if not _NUMBER.fullmatch(limit):
            return {}, "Write the number, such as 100, into the input below."
        return {key: f"{{{{ inputs.{chosen.removeprefix(_ABOVE)} > {limit} }}}}"}, ""
    if chosen == _EXPRESSION:
        words: Mapping[str, Value] = {"true": True, "false": False}
        return ({key: words.get(expression, expression)}, "") if expression else ({}, "Write the expression below.")
    return {key: None}, ""


def _reminders(typed: Typed) -> Written:
    after, every = typed["remind_after"].strip(), typed["remind_every"].strip()
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
    return ({}, "") if chosen == _UNCHANGED else ({(_GATE, "policy"): "all" if chosen == "all" else None}, "")


_PLACES: Final[Mapping[str, Path]] = {
    "question": (_GATE, "title"),
    "approvers": (_GATE, "approvers"),
    "when": (_GATE, "when"),
    "approve_label": (_GATE, "approve_label"),
    "reject_label": (_GATE, "reject_label"),
    "expires": (_GATE, "expires"),
    "on_expiry": (_GATE, "on_expiry"),
    "remind_after": (_GATE, "remind"),
    "policy": (_GATE, "policy"),
    "description": ("description",),
    "title": ("title",),
}
_SIMPLE: Final = ("title", "description", "question", "approve_label", "reject_label", "expires", "on_expiry")
_WRITERS: Final[Mapping[tuple[str, ...], Callable[[Typed], Written]]] = {
    **{(name,): _plain(name, _PLACES[name]) for name in _SIMPLE},
    ("approvers",): _people,
    ("when", "limit", "expression"): _when,
    ("remind_after", "remind_every"): _reminders,
    ("policy", "quorum"): _how_many,
}
