"""`load`: the bytes of a file -> a `Workflow`, or everything that is wrong with them."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from engine import fields, urls
from engine.domain import OnError
from engine.errors import InvalidValue
from engine.expressions import CompiledValue, compile_value, iter_strings
from engine.json_values import Path, Value
from engine.retry import RetryPolicy
from engine.workflowfile import (
    approver_checks,
    checks,
    decision_outputs,
    declarations,
    declared_types,
    edit_checks,
    yaml_tree,
)
from engine.workflowfile.declarations import NOTHING, Declaration
from engine.workflowfile.draft import StepDraft, WorkflowDraft, read_draft, refuse_people
from engine.workflowfile.expression_scope import Known, Names, compile_text, known_of, unclear_outputs
from engine.workflowfile.gate_compiler import compile_condition, compile_gate
from engine.workflowfile.grammar import GateFile, StepFile
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import has_expression
from engine.workflowfile.step_kinds import FORM, SET, StepKind
from engine.workflowfile.workflow import Gate, Step, Workflow


def load(source: bytes, *, kinds: Mapping[str, StepKind], registered: bool = False) -> Workflow:
    """The workflow that a file describes. `kinds`: the kinds of steps that there are, by the name that `uses` takes.

    `registered`: it was taken by this version or an older one, so runs of it must go on: a comparison that can only
    fail does so when it is evaluated.

    Raises `DefinitionError` with all problems of the file, in the order of its lines.
    """
    report = ProblemReport(yaml_tree.read(source), registered=registered)
    draft = read_draft(report)
    steps = _Steps(report, draft, kinds).compile()
    refuse_people(report, draft)
    report.raise_problems()
    file = draft.file
    assert file is not None
    return Workflow(
        name=file.name,
        title=file.title or file.name,
        description=file.description,
        owner=file.owner,
        inputs={name: field for name, field in (draft.inputs or {}).items() if field is not None},
        may_run=tuple(file.may_run or ()),
        steps=tuple(steps),
        source=source,
        hash=hashlib.sha256(source).hexdigest(),
        reads_decisions=any(decision_outputs.reads(step) for step in steps),
    )


class _Steps:
    """Goes through the steps in order, because each may name only those before it."""

    def __init__(self, report: ProblemReport, draft: WorkflowDraft, kinds: Mapping[str, StepKind]) -> None:
        self._report = report
        self._drafts = draft.steps
        self._kinds = kinds
        self._earlier: dict[str, Known] = {}
        self._declared: dict[str, Declaration] = {}
        """What holds for the outputs of earlier steps."""
        self._sources = declarations.Sources(inputs=declarations.of_fields(draft.inputs or {}), steps=self._declared)
        self._names = Names(
            inputs=draft.inputs,
            steps=self._earlier,
            all_steps=frozenset(step.id for step in draft.steps if step.id is not None),
            secret_users={name: kind.secret_params for name, kind in kinds.items() if kind.secret_params},
        )

    def compile(self) -> list[Step]:
        """The steps as far as they are right; what is wrong is in the report."""
        found: list[Step] = []
        for draft in self._drafts:
            known = Known(kind=draft.uses or "", outputs=None)
            if draft.file is not None:
                step, known = self._step(draft, draft.file)
                found += [step] if step else []
            if draft.id is not None:
                self._earlier.setdefault(draft.id, known)
        return found

    def _step(self, draft: StepDraft, file: StepFile) -> tuple[Step | None, Known]:
        kind = self._kind(draft)
        names = replace(self._names, here=draft.id)
        when = compile_condition(self._report, file.when, (*draft.at, "when"), names)
        form = draft.uses == FORM
        params, outputs = self._form(draft, file) if form else self._with(draft, file, kind, names)
        known = Known(
            kind=draft.uses or "",
            outputs=outputs,
            fields=draft.fields,
            inputs=approver_checks.inputs_of_outputs(params, names) if params is not None and draft.uses == SET else {},
            unclear=unclear_outputs(params, names) if params is not None and draft.uses == SET else frozenset(),
            continues=file.on_error == "continue",
            gated=draft.gate is not None,
        )
        decision_outputs.check_output(self._report, draft, outputs)
        checks.check_step(self._report, draft, file)
        here = declarations.of_fields(draft.fields) if form else self._declared_params(params)
        gate = self._gate(draft, params, known, names, here)
        if draft.uses == SET and not self._report.has_problem((*draft.at, "with")):
            known = replace(known, sorts=declared_types.of_parameters(draft, file.with_, here, known_of(names)))
        if draft.id is not None:
            self._declared.setdefault(draft.id, _passed_on(draft, here))
        if kind is not None:
            checks.check_sleep(self._report, draft, kind)
        if kind is None or params is None:
            return None, known
        step = Step(
            id=file.id,
            index=draft.index,
            kind=kind,
            params=params,
            # Of a form it is the question, which may hold expressions.
            title=file.title if file.title and not has_expression(file.title) else "",
            when=when,
            retry=_retry(file),
            timeout=file.timeout,
            idempotent=file.idempotent,
            on_error=OnError.CONTINUE if file.on_error == "continue" else OnError.STOP,
            gate=gate,
        )
        return step, known

    def _form(self, draft: StepDraft, file: StepFile) -> tuple[CompiledValue, frozenset[str]]:
        """Its parameters are its fields, as they are before anybody filled them in."""
        checks.check_form(self._report, draft, file, draft.gate)
        given = {
            name: None if field.default is None else fields.normal_form(field, field.default)
            for name, field in draft.fields.items()
        }
        return compile_value(given), frozenset(given)

    def _with(
        self, draft: StepDraft, file: StepFile, kind: StepKind | None, names: Names
    ) -> tuple[CompiledValue | None, frozenset[str] | None]:
        params = self._params(draft, file, kind, names)
        at: Path = (*draft.at, "with")
        # A `with` that is no mapping was reported; that it lacks this and that would be the same problem again.
        readable = "with_" in file.model_fields_set or not self._report.has(at)
        fits = kind is not None and readable and checks.check_params(self._report, kind, file.with_, at)
        return params, kind.outputs(file.with_) if kind is not None and fits else None

    def _kind(self, draft: StepDraft) -> StepKind | None:
        kind = self._kinds.get(draft.uses or "")
        if kind is None and not checks.unbuilt_kind(self._report, draft):
            checks.unknown_kind(self._report, draft, self._kinds)
        return kind

    def _params(self, draft: StepDraft, file: StepFile, kind: StepKind | None, names: Names) -> CompiledValue | None:
        """The compiled `with`; None if some text of it cannot be."""
        at: Path = (*draft.at, "with")
        given: Value = file.with_
        addresses = kind.address_params if kind is not None else frozenset[str]()
        right = checks.check_keys(self._report, given, at)
        for path, text in iter_strings(given):
            # What a kind that is not there would do with a secret is not known.
            secrets = kind is None or path[0] in kind.secret_params
            template = compile_text(self._report, text, at + path, names, secrets=secrets)
            right = right and template is not None
            if template is not None and path[0] in addresses:
                checks.check_address(self._report, template, at + path)
        if not right:
            return None
        return compile_value(_spelled(file.with_, addresses), addresses=addresses)

    def _declared_params(self, params: CompiledValue | None) -> Declaration:
        return NOTHING if params is None else declarations.of_params(params, self._sources)

    def _gate(
        self, draft: StepDraft, params: CompiledValue | None, known: Known, names: Names, here: Declaration
    ) -> Gate | None:
        gate = draft.gate
        if gate is None:
            return None
        if gate.at == "after" and draft.id is not None:
            names = replace(names, steps={draft.id: known, **self._earlier})
        checks.check_gate(self._report, gate, draft.gate_at)
        checks.check_revise(self._report, draft, gate, self._earlier)
        if draft.edit is not None and draft.uses != FORM:
            self._edit(draft, gate, params, known)
        # Only what `set` and forms produce is what they were given.
        is_kept = gate.at == "before" or draft.uses in (SET, FORM)
        return compile_gate(self._report, draft, gate, names, here if is_kept else NOTHING)

    def _edit(self, draft: StepDraft, gate: GateFile, params: CompiledValue | None, known: Known) -> None:
        edits = draft.edit or []
        if gate.at == "after":
            edit_checks.check_outputs(self._report, edits, known.outputs)
        elif params is not None and isinstance(params.value, dict):
            secrets = [path for path, template in params.templates if template.secrets]
            kind = self._kinds.get(draft.uses or "")
            unknown = checks.unknown_params(kind, params.value) if kind is not None else frozenset()
            edit_checks.check_params(self._report, edits, params.value, secrets=secrets, unknown=unknown)


def _spelled(given: dict[str, Value], addresses: frozenset[str]) -> dict[str, Value]:
    """The parameters with each address that has no expression as it is called."""
    spelled = dict(given)
    for name in addresses & given.keys():
        text = given[name]
        if isinstance(text, str) and not has_expression(text):
            with contextlib.suppress(InvalidValue):
                spelled[name] = urls.canonical(text)
    return spelled


def _passed_on(draft: StepDraft, here: Declaration) -> Declaration:
    """What holds for the output of a step: for `set` also what its gate says of what people may edit."""
    if draft.uses == FORM:
        return here
    if draft.uses != SET:
        return NOTHING
    for edit in draft.edit or ():
        if edit.type is not None:
            here = here.with_(
                declarations.written(edit.name),
                declarations.labelled(edit.type, here.at(declarations.written(edit.name)).field),
            )
    return here


def _retry(file: StepFile) -> RetryPolicy:
    if file.retry is None:
        return RetryPolicy()
    return RetryPolicy(attempts=file.retry.attempts, wait=file.retry.wait or timedelta(seconds=1))
