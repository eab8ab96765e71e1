"""Loader: reads the bytes of a workflow file into a `Workflow`, or reports all problems of the file."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from engine import fields, urls
from engine.domain import OnError
from engine.errors import InvalidValue
from engine.expressions import CompiledValue, Template, compile_value, iter_strings
from engine.fields import Field
from engine.json_values import Path, Value
from engine.retry import RetryPolicy
from engine.workflowfile import (
    approved_params,
    approver_checks,
    ask_checks,
    autonomy_checks,
    checks,
    decision_outputs,
    declared_types,
    edit_checks,
    example_compiler,
    foreach_checks,
    jump_checks,
    output_compiler,
    review_names,
    route_compiler,
    step_lists,
    step_titles,
    trigger_compiler,
    yaml_tree,
)
from engine.workflowfile.declarations import (
    NO_DECLARATIONS,
    Declarations,
    DeclarationSources,
    declarations_after_edits,
    declarations_of_fields,
    declarations_of_item,
    declarations_of_params,
)
from engine.workflowfile.draft import StepDraft, WorkflowDraft
from engine.workflowfile.draft_reader import read_draft
from engine.workflowfile.expression_scope import (
    ExpressionNames,
    StepOutputs,
    ambiguous_outputs,
    build_type_lookup,
    check_unambiguous,
    compile_text,
)
from engine.workflowfile.failure_compiler import compile_failure_gate
from engine.workflowfile.gate_compiler import compile_condition, compile_gate
from engine.workflowfile.grammar import GateFile, StepFile
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import has_expression
from engine.workflowfile.step_kinds import AI, ASK, FORM, SET, StepKind
from engine.workflowfile.step_lists import PathDraft
from engine.workflowfile.workflow import BranchPath, Gate, Step, Workflow


def load(source: bytes, *, kinds: Mapping[str, StepKind], registered: bool = False) -> Workflow:
    """Return the workflow that a file describes. `kinds` holds the kinds of steps by the name that `uses` takes.

    `registered`: this version or an older one accepted the file, so its runs must go on. A comparison that can only
    fail is then no problem of the file; it fails when it is evaluated.

    Raises `DefinitionError` with all problems of the file, in the order of its lines.
    """
    report = ProblemReport(yaml_tree.read(source), registered=registered)
    draft = read_draft(report)
    compiler = _StepCompiler(report, draft, kinds)
    steps = compiler.compile()
    ask_checks.check_asks(report, draft)
    route_compiler.check_routes(report, draft.steps)
    output = output_compiler.compile_output(report, draft, compiler.names)
    jump_checks.check_comments_are_read(report, draft.steps, steps)
    triggers = trigger_compiler.compile_triggers(report, draft)
    examples = example_compiler.compile_examples(report, draft.file.examples if draft.file is not None else (), steps)
    report.raise_problems()
    file = draft.file
    assert file is not None
    texts = [template for step in steps for template in step.templates]
    texts += [template for _, template in output.templates] if output is not None else []
    return Workflow(
        name=file.name,
        title=file.title or file.name,
        description=file.description,
        owner=file.owner,
        inputs={name: field for name, field in (draft.inputs or {}).items() if field is not None},
        may_run=tuple(file.may_run or ()),
        seeded=file.seeded,
        protected=file.protected,
        triggers=tuple(triggers),
        steps=tuple(steps),
        output=output,
        examples=examples,
        source=source,
        hash=hashlib.sha256(source).hexdigest(),
        reads_decisions=decision_outputs.reads(texts),
        reads_approved=decision_outputs.reads(texts, approved_params.NAME),
        can_revise=any(step.gate is not None and step.gate.revise is not None for step in steps),
        is_asked=draft.asks,
        asks_about_failures=any(step.failure_gate is not None for step in steps),
        has_plans=any(step.gate is not None and step.gate.autonomy is not None for step in steps),
        has_drafts=any(step.kind.name == AI for step in steps),
    )


class _StepCompiler:
    """Compiles the steps of a file in order, because each step may name only the earlier ones."""

    def __init__(self, report: ProblemReport, draft: WorkflowDraft, kinds: Mapping[str, StepKind]) -> None:
        self._report = report
        self._drafts = draft.steps
        self._kinds = kinds
        self._earlier: dict[str, StepOutputs] = {}
        self._declarations: dict[str, Declarations] = {}
        """The declarations of the outputs of earlier steps."""
        self._approved: dict[str, Declarations] = {}
        """The declarations of what earlier steps are called with, where they leave it."""
        self._items: dict[int, Declarations] = {}
        """The declarations of the items of earlier foreach steps, by the index of the step."""
        self._sources = DeclarationSources(
            inputs=declarations_of_fields(draft.inputs or {}),
            steps=self._declarations,
            approved=self._approved,
            items=self._items,
        )
        self._names = ExpressionNames(
            inputs=draft.inputs,
            steps=self._earlier,
            all_steps=frozenset(step.id for step in draft.steps if step.id is not None),
            repeated_steps=review_names.repeated_steps(draft.steps),
            asks=draft.asks,
            has_rules=draft.has_rules,
            secret_users={name: kind.secret_params for name, kind in kinds.items() if kind.secret_params},
        )

    @property
    def names(self) -> ExpressionNames:
        """The names that expressions may use after the steps that were compiled."""
        framed = step_lists.framed(None, self._drafts)
        steps = {name: outputs for name, outputs in self._earlier.items() if name not in framed}
        return replace(self._names, steps=steps, framed=framed)

    def compile(self) -> list[Step]:
        """Return the steps, as far as they are right. Problems are reported."""
        steps: list[Step] = []
        for draft in self._drafts:
            outputs = StepOutputs(kind=draft.uses or "", names=None)
            if draft.file is not None:
                step, outputs = self._compile_step(draft, draft.file)
                steps += [step] if step else []
            if draft.id is not None:
                self._earlier.setdefault(draft.id, outputs)
        return steps

    def _names_at(self, draft: StepDraft) -> ExpressionNames:
        """Return the names that a step may use: those of earlier steps, unless they lie on another path."""
        alternatives = step_lists.alternatives(draft, self._drafts)
        framed = step_lists.framed(draft.frame, self._drafts)
        hidden = {*alternatives, *framed}
        earlier = {name: outputs for name, outputs in self._earlier.items() if name not in hidden}
        return replace(
            self._names,
            current_step=draft.id,
            steps=earlier,
            alternatives=alternatives,
            framed=framed,
            has_item=draft.frame is not None,
        )

    def _compile_step(self, draft: StepDraft, file: StepFile) -> tuple[Step | None, StepOutputs]:
        kind = self._find_kind(draft)
        names = self._names_at(draft)
        when = compile_condition(self._report, file.when, (*draft.at, "when"), names)
        params, output_names = (
            self._compile_form(draft, file) if draft.uses == FORM else self._compile_with(draft, file, kind, names)
        )
        output_fields = draft.fields if draft.uses == FORM or kind is None else kind.output_fields(file.with_)
        outputs = _describe_outputs(draft, file, kind, params, output_names, names, fields=output_fields)
        decision_outputs.check_output(self._report, draft, output_names)
        checks.check_step(self._report, draft, file)
        declarations = self._declarations_of_params(draft, params)
        self._items[draft.index] = declarations_of_item(declarations)
        gate = self._compile_gate(draft, params, outputs, names, declarations)
        if (draft.uses == SET or outputs.approved) and not self._report.has_problem(draft.with_at):
            types = declared_types.types_of_params(draft, file.with_, declarations, build_type_lookup(names))
            outputs = replace(outputs, types=types) if draft.uses == SET else replace(outputs, approved_types=types)
        if draft.id is not None:
            self._declarations.setdefault(draft.id, _declarations_of_output(draft, declarations, output_fields))
            if outputs.approved is not None:
                self._approved.setdefault(draft.id, declarations_after_edits(draft.edit or (), declarations))
        checks.check_branch(self._report, draft, file)
        paths = tuple(self._compile_path(path, names) for path in draft.paths)
        if kind is not None:
            checks.check_sleep(self._report, draft, kind)
            checks.check_runs(self._report, draft, kind)
            foreach_checks.check_foreach(self._report, draft, self._drafts)
        if kind is None or params is None:
            return None, outputs
        failure_gate = compile_failure_gate(self._report, draft, file, names, declarations=declarations, gate=gate)
        step = _build_step(draft, file, kind=kind, params=params, when=when)
        return replace(step, gate=gate, failure_gate=failure_gate, paths=paths, body=draft.body), outputs

    def _compile_path(self, path: PathDraft, names: ExpressionNames) -> BranchPath:
        when = compile_condition(self._report, path.when, (*path.at, "when"), names)
        if when is not None and path.rule is not None:
            check_unambiguous(self._report, when, (*path.at, "when"), names)
        return BranchPath(name=path.name, when=when, steps=path.steps, rule=path.rule)

    def _find_kind(self, draft: StepDraft) -> StepKind | None:
        kind = self._kinds.get(draft.uses or "")
        if kind is None and not checks.report_unbuilt_kind(self._report, draft):
            checks.report_unknown_kind(self._report, draft, self._kinds)
        return kind

    def _compile_form(self, draft: StepDraft, file: StepFile) -> tuple[CompiledValue, frozenset[str]]:
        """Return the parameters and output names of a form. Its parameters are its fields with their defaults."""
        checks.check_form(self._report, draft, file, draft.gate)
        defaults = {
            name: None if field.default is None else fields.normal_form(field, field.default)
            for name, field in draft.fields.items()
        }
        return compile_value(defaults), frozenset(defaults)

    def _compile_with(
        self, draft: StepDraft, file: StepFile, kind: StepKind | None, names: ExpressionNames
    ) -> tuple[CompiledValue | None, frozenset[str] | None]:
        """Return the parameters and output names of a step that is no form, each None if it is not known."""
        params = self._compile_params(draft, file, kind, names)
        at: Path = draft.with_at
        # A `with` that is no mapping was reported. Reporting its missing keys too would repeat the same problem.
        is_readable = "with_" in file.model_fields_set or not self._report.has(at)
        is_valid = kind is not None and is_readable and checks.check_params(self._report, kind, file.with_, at)
        return params, kind.outputs(file.with_) if kind is not None and is_valid else None

    def _compile_params(
        self, draft: StepDraft, file: StepFile, kind: StepKind | None, names: ExpressionNames
    ) -> CompiledValue | None:
        """Return the compiled `with`, or None if a text in it cannot be compiled."""
        at: Path = draft.with_at
        params: Value = file.with_
        addresses = kind.address_params if kind is not None else frozenset[str]()
        is_valid = checks.check_keys(self._report, params, at)
        literal = kind.literal_params if kind is not None else frozenset[str]()
        response = kind.response_params if kind is not None else frozenset[str]()
        for path, text in iter_strings(params):
            if path[0] in response:
                over = ExpressionNames(inputs=None, is_over_response=True)
                is_valid = compile_text(self._report, text, at + path, over) is not None and is_valid
                continue
            if path[0] in literal:
                is_valid = checks.check_literal(self._report, text, at + path) and is_valid
                continue
            # An unknown kind might allow a secret here, so the secret is no second problem.
            secrets = kind is None or path[0] in kind.secret_params
            template = compile_text(self._report, text, at + path, names, secrets=secrets)
            is_valid = is_valid and template is not None
            if template is not None and path[0] in addresses:
                checks.check_address(self._report, template, at + path)
        if not is_valid:
            return None
        return compile_value(
            _canonicalize_addresses(file.with_, addresses),
            addresses=addresses,
            unevaluated=response,
            type_of=build_type_lookup(names),
        )

    def _declarations_of_params(self, draft: StepDraft, params: CompiledValue | None) -> Declarations:
        if draft.uses == FORM:
            return declarations_of_fields(draft.fields)
        return NO_DECLARATIONS if params is None else declarations_of_params(params, self._sources.inside(draft.frame))

    def _compile_gate(
        self,
        draft: StepDraft,
        params: CompiledValue | None,
        outputs: StepOutputs,
        names: ExpressionNames,
        declarations: Declarations,
    ) -> Gate | None:
        gate = draft.gate
        if gate is None:
            return None
        if gate.at == "after" and draft.id is not None:
            names = replace(names, steps={draft.id: outputs, **names.steps})
        checks.check_gate(self._report, gate, draft.gate_at, is_form=draft.uses == FORM)
        autonomy_checks.check_autonomy(self._report, draft, gate)
        jump_checks.check_revise(self._report, draft, gate, self._drafts)
        jump_checks.check_on_reject(self._report, draft, gate, self._drafts)
        if draft.edit is not None and draft.uses != FORM:
            self._check_edit(draft, gate, params, outputs)
        # Only `set` steps and forms have their parameters as their output.
        reviews_params = gate.at == "before" or draft.uses in (SET, FORM)
        reviewed = declarations if reviews_params else declarations_of_fields(outputs.fields)
        sources = self._sources.inside(draft.frame)
        compiled = compile_gate(self._report, draft, gate, names, declarations=reviewed, sources=sources)
        content = (template for _, template in params.templates) if params is not None else ()
        autonomy_checks.check_class(self._report, draft, compiled, content)
        return compiled

    def _check_edit(self, draft: StepDraft, gate: GateFile, params: CompiledValue | None, outputs: StepOutputs) -> None:
        edits = draft.edit or []
        if gate.at == "after":
            edit_checks.check_outputs(self._report, edits, outputs.names)
        elif draft.uses == ASK:
            # Only the run knows the arguments of an ask.
            edit_checks.check_overlap(self._report, edits)
        elif params is not None and isinstance(params.value, dict):
            secrets = [path for path, template in params.templates if template.secrets]
            kind = self._kinds.get(draft.uses or "")
            fixed = kind.fixed_params if kind is not None else frozenset[str]()
            unknown = checks.unknown_params(kind, params.value) if kind is not None else frozenset()
            edit_checks.check_params(self._report, edits, params.value, secrets=secrets, fixed=fixed, unknown=unknown)


def _describe_outputs(
    draft: StepDraft,
    file: StepFile,
    kind: StepKind | None,
    params: CompiledValue | None,
    output_names: frozenset[str] | None,
    names: ExpressionNames,
    *,
    fields: Mapping[str, Field],
) -> StepOutputs:
    """Return the outputs of a step that later steps may name. Their types are added once the gate is compiled."""
    is_set = params is not None and draft.uses == SET
    leaves_approved = (
        kind is not None
        and kind.nature in approved_params.NATURES
        and draft.body is None
        and draft.gate is not None
        and draft.gate.at == "before"
    )
    return StepOutputs(
        kind=draft.uses or "",
        names=output_names,
        fields=fields,
        inputs=approver_checks.inputs_of_outputs(params, names) if params is not None and is_set else {},
        ambiguous=ambiguous_outputs(params, names) if params is not None and is_set else frozenset(),
        continues_on_error=file.on_error in ("continue", "ask"),
        has_gate=draft.gate is not None,
        approved=frozenset(file.with_) if leaves_approved else None,
        asks_feedback=draft.gate is not None and draft.gate.feedback,
    )


def _build_step(
    draft: StepDraft,
    file: StepFile,
    *,
    kind: StepKind,
    params: CompiledValue,
    when: Template | None,
) -> Step:
    return Step(
        id=file.id,
        index=draft.index,
        kind=kind,
        params=params,
        title=step_titles.as_step_title(draft.rule.label if draft.rule is not None else file.title),
        when=when,
        retry=_build_retry(file),
        timeout=file.timeout,
        idempotent=file.idempotent,
        on_error=OnError(file.on_error),
        following=draft.following,
        rule=draft.rule,
    )


def _canonicalize_addresses(params: dict[str, Value], addresses: frozenset[str]) -> dict[str, Value]:
    """Return the parameters with each literal web address in the form in which it is called."""
    canonical = dict(params)
    for name in addresses & params.keys():
        text = params[name]
        if isinstance(text, str) and not has_expression(text):
            with contextlib.suppress(InvalidValue):
                canonical[name] = urls.canonical(text)
    return canonical


def _declarations_of_output(
    draft: StepDraft, declarations: Declarations, output_fields: Mapping[str, Field]
) -> Declarations:
    """Return the declarations of a step's output."""
    if draft.uses == FORM:
        return declarations
    if draft.uses == SET:
        return declarations_after_edits(draft.edit or (), declarations)
    return declarations_of_fields(output_fields)


def _build_retry(file: StepFile) -> RetryPolicy:
    if file.retry is None:
        return RetryPolicy()
    return RetryPolicy(attempts=file.retry.attempts, wait=file.retry.wait or timedelta(seconds=1))
