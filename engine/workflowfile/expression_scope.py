"""The scope of expressions: compiles every text of a workflow that has one, and checks the names that it uses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from engine.errors import ExpressionError
from engine.expressions import (
    CompiledValue,
    StaticType,
    Template,
    compile_template,
    find_clashes,
    find_condition_clash,
    reads_text_as_number,
)
from engine.fields import Field, FieldType
from engine.json_values import Path
from engine.workflowfile import approved_params, ask_names, decision_outputs, declared_types, review_names
from engine.workflowfile.phrases import cite, list_names, suggest, write_sentence
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import SECRET_NAME

RUN_KEYS: Final = ("id", "workflow", "requester", "started_at")
ROOTS: Final = ("inputs", "steps", "run", "review", "secret")
ITEM: Final = "item"
INDEX: Final = "index"
ITEM_ROOTS: Final = (ITEM, INDEX)
"""Names in the steps that a foreach repeats: the item, and its number, from 1."""
TRIGGER: Final = "trigger"
CONTENT: Final = "content"
"""The name of what people approve, with their edits."""
RESPONSE: Final = "response"
"""The name of an answer, in the parameters that a step evaluates itself."""
RESPONSE_KEYS: Final = ("status", "headers", "body", "links")

_TYPES_WITHOUT_PARTS: Final = frozenset(FieldType) - {
    FieldType.MONEY,
    FieldType.CHOICES,
    FieldType.FILE,
    FieldType.JSON,
}
"""Field types whose values have no parts."""
_PARTS_OF_FILES: Final = frozenset({"name", "type", "size", "sha256", "id"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutputs:
    """The outputs of an earlier step."""

    kind: str
    names: frozenset[str] | None
    """The names of the outputs, or None if only the run knows them."""
    fields: Mapping[str, Field] = field(default_factory=dict)
    """The fields of a form."""
    types: Mapping[Path, StaticType] = field(default_factory=dict)
    """The static types of outputs that are not in `fields`, by path, as far as they are known."""
    approved_types: Mapping[Path, StaticType] = field(default_factory=dict)
    """The static types of what it leaves as `approved`, by path, as far as they are known."""
    inputs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """For a `set` step, the inputs that each output is computed from."""
    ambiguous: frozenset[str] = frozenset()
    """For a `set` step, the outputs that read a text as a number, where a gate's condition would ask about it."""
    has_gate: bool = False
    """Whether the step has a gate, so that it leaves `decision`."""
    approved: frozenset[str] | None = None
    """The parameters that it leaves as `approved`, or None if it leaves none."""
    asks_feedback: bool = False
    """Whether that gate asks for a rating, so that `decision` may have one."""
    continues_on_error: bool = False
    """Whether the run can go on after a failure, which then leaves `error`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressionNames:
    """The names that expressions may use at one place of the file."""

    inputs: Mapping[str, Field | None] | None
    """None if the inputs of the file could not be read."""
    steps: Mapping[str, StepOutputs] = field(default_factory=dict)
    """The earlier steps."""
    current_step: str | None = None
    """The step that the place belongs to."""
    all_steps: frozenset[str] = frozenset()
    alternatives: frozenset[str] = frozenset()
    """The steps on other paths of a branch, which run only if the current one does not."""
    repeated_steps: frozenset[str] = frozenset()
    """The steps that run again when changes are asked for, which may read `review`."""
    secret_users: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Kinds of steps that may use secrets, each with the parameters in which a secret may stand."""

    has_item: bool = False
    """Whether the place belongs to a step that a foreach repeats, which may read `item` and `index`."""
    framed: Mapping[str, str] = field(default_factory=dict)
    """The steps that a foreach repeats and that this place cannot read, each with the id of the foreach."""

    trigger: Mapping[str, StaticType | None] | None = None
    """What `trigger` holds. Where a trigger gives inputs, it is the only name; elsewhere there is none, and this is
    None."""

    asks: bool = False
    """Whether the workflow is started by asks, so that its expressions may read `ask`, and no inputs."""
    has_rules: bool = False
    """Whether the place belongs to a rule, which can read only `ask` and `run`."""

    has_content: bool = False
    """Whether the place may read `content`: what people approve, with their edits."""

    is_over_response: bool = False
    """Whether the step itself evaluates the place, over `response` alone."""

    def explain_secrets(self) -> str:
        """Return the error message for a secret at a place that does not allow one."""
        places = [
            f"{list_names(sorted(params), 'and')} of `{kind}` steps"
            for kind, params in sorted(self.secret_users.items())
        ]
        if not places:
            return "Secrets cannot be used here; people would see it."
        return f"Secrets are used only in {'; '.join(places)}; people would see it here."


def compile_text(
    report: ProblemReport, text: str, at: Path, names: ExpressionNames, *, secrets: bool = False
) -> Template | None:
    """Compile a text and check all names that it uses. Report its problems, and return None if it cannot be compiled.

    `secrets`: whether `{{ secret.NAME }}` may stand at this place.
    """
    try:
        template = compile_template(text, build_type_lookup(names))
    except ExpressionError as error:
        report.add(at, write_sentence(str(error)), _braces_hint(text))
        return None
    for name in sorted(template.secrets):
        if not secrets:
            report.add(at, names.explain_secrets())
        elif not SECRET_NAME.fullmatch(name):
            report.add(at, f"`{cite(name)}` is not the name of a secret: it has only A-Z, 0-9 and `_`, like CRM_TOKEN.")
    for reference in sorted(template.references, key=lambda path: [str(part) for part in path]):
        _check_reference(report, at, reference, names, is_optional=reference in template.optional_references)
    # A template of one node is only a reference, which cannot clash.
    if template.nodes > 1 and not report.registered:
        for clash in find_clashes(text, build_type_lookup(names)):
            report.add(at, clash.message, clash.hint)
    return template


def check_condition(report: ProblemReport, template: Template, at: Path, names: ExpressionNames) -> None:
    """Report a condition that can be neither true nor false, unless another problem was reported there."""
    if report.registered or report.has_problem(at):
        return
    clash = find_condition_clash(template.source, build_type_lookup(names))
    if clash is not None:
        report.add(at, clash.message, clash.hint)


def check_unambiguous(report: ProblemReport, when: Template, at: Path, names: ExpressionNames) -> None:
    """Report a gate's condition that uses a number which an earlier step read from a text.

    The text 1.234 may mean a thousand, but the step read it as little more than one, so the gate would not open.
    """
    if report.registered or report.has_problem(at):
        return
    for reference in sorted(when.references, key=lambda path: [str(part) for part in path]):
        if _is_ambiguous(reference, names):
            name = ".".join(str(part) for part in reference)
            report.add(
                at,
                f"`{cite(name)}` comes from a text that an earlier step reads as a number, and there "
                "1.234 is little more than one.",
                "Pass the text on as it is, and write `| number` in this condition: it asks where a text is not clear.",
            )
            return


def ambiguous_outputs(params: CompiledValue, names: ExpressionNames) -> frozenset[str]:
    """Return the outputs of a `set` step that read a person's text as a number, in this step or an earlier one."""
    return frozenset(
        str(path[0])
        for path, template in params.templates
        if any(_is_ambiguous(reference, names) for reference in template.references)
        or (template.nodes > 1 and reads_text_as_number(template.source, build_type_lookup(names)))
    )


def _is_ambiguous(reference: Path, names: ExpressionNames) -> bool:
    match reference:
        case ("steps", str(step), name, *_) if step in names.steps:
            return name in names.steps[step].ambiguous
    return False


def build_type_lookup(names: ExpressionNames) -> Callable[[Path], StaticType | None]:
    """Return the function that gives the static type of a reference at this place of the file."""
    return lambda path: _type_of_reference(names, path)


def find_silent_clash(template: Template, names: ExpressionNames) -> str:
    """Return the reason why a condition gives the same result for every value, or an empty text if there is none."""
    clashes = find_clashes(template.source, build_type_lookup(names)) if not template.is_literal else []
    return next((clash.message for clash in clashes if clash.is_silent), "")


def _type_of_reference(names: ExpressionNames, reference: Path) -> StaticType | None:
    """Return the static type of a reference, or None if nothing is known about it."""
    match reference:
        case ("inputs", name, *rest):
            return declared_types.type_of_field_part((names.inputs or {}).get(str(name)), rest)
        case ("index",) if names.has_item:
            return declared_types.INDEX_TYPE
        case ("run", str(name)):
            return declared_types.RUN_TYPES.get(name)
        case ("trigger", str(name)):
            return (names.trigger or {}).get(name)
        case (review_names.REVIEW, *rest):
            return review_names.type_of_part(tuple(rest))
        case (ask_names.ASK, *rest) if names.asks:
            return ask_names.type_of_part(tuple(rest))
        case ("steps", str(step), name, *rest) if step in names.steps:
            return _type_of_step_part(names.steps[step], str(name), rest)
    return None


def _type_of_step_part(outputs: StepOutputs, name: str, rest: list[str | int]) -> StaticType | None:
    if name not in (outputs.names or ()):
        if name == decision_outputs.NAME and outputs.has_gate:
            return decision_outputs.type_of_part(tuple(rest))
        if name == approved_params.NAME and outputs.approved is not None:
            # What only the run knows of an output may have this name too.
            types = outputs.approved_types if outputs.names is not None and rest else {}
            return _or_absent(declared_types.type_of_path(types, tuple(rest)))
    type_ = declared_types.type_of_path(outputs.types, (name, *rest))
    if type_ is None and (name,) not in outputs.types:
        type_ = declared_types.type_of_field_part(outputs.fields.get(name), rest)
    return _or_absent(type_)


def _or_absent(type_: StaticType | None) -> StaticType | None:
    """Return the type of a value that a skipped step does not leave."""
    return type_ and replace(type_, kinds=type_.kinds | {"null"})


def _braces_hint(text: str) -> str:
    return "Every `{{` needs its `}}`." if text.count("{{") != text.count("}}") else ""


def _check_reference(
    report: ProblemReport, at: Path, reference: Path, names: ExpressionNames, *, is_optional: bool
) -> None:
    root, *rest = reference
    if names.is_over_response:
        _check_response(report, at, reference)
    elif root == CONTENT and names.has_content:
        return
    elif root == TRIGGER or names.trigger is not None:
        _check_trigger(report, at, reference, names.trigger)
    elif names.asks and ask_names.check_reference(
        report, at, [*map(str, reference)], has_rules=names.has_rules, others=ROOTS
    ):
        return
    elif root in ITEM_ROOTS:
        _check_item(report, at, root, rest, names)
    elif root not in ROOTS:
        _report_unknown_root(report, at, str(root), names)
    elif rest and not is_optional:
        _check_part(report, at, root, rest, names)


def _check_part(
    report: ProblemReport, at: Path, root: str | int, rest: list[str | int], names: ExpressionNames
) -> None:
    if root == "inputs" and names.inputs is not None:
        _check_input(report, at, rest, names.inputs)
    elif root == "steps":
        _check_step(report, at, rest, names)
    elif root == review_names.REVIEW:
        is_repeated = names.current_step in names.repeated_steps
        review_names.check_reference(report, at, [*map(str, rest)], is_repeated=is_repeated)
    elif root == "run" and rest[0] not in RUN_KEYS:
        report.add(at, f"`run` has no `{cite(rest[0])}`.", _suggest(str(rest[0]), RUN_KEYS, "It has"))


def _check_item(
    report: ProblemReport, at: Path, root: str, rest: Path | list[str | int], names: ExpressionNames
) -> None:
    if not names.has_item:
        report.add(at, f"There is no `{root}` here.", "It is known only in the steps that a `foreach` repeats.")
    elif root == INDEX and rest:
        report.add(at, f"`index` has no `{cite(str(rest[0]))}`; it is the number of the item, from 1.")


def _check_response(report: ProblemReport, at: Path, reference: Path) -> None:
    root, *rest = reference
    if root != RESPONSE:
        hint = _suggest("", [f"{RESPONSE}.{name}" for name in RESPONSE_KEYS], "It can name")
        report.add(at, f"`{cite(str(root))}` is not known here: this is evaluated for each answer.", hint)
    elif rest and str(rest[0]) not in RESPONSE_KEYS:
        hint = _suggest(str(rest[0]), RESPONSE_KEYS, "It has")
        report.add(at, f"`{RESPONSE}` has no `{cite(str(rest[0]))}`.", hint)


def _check_trigger(
    report: ProblemReport, at: Path, reference: Path, known: Mapping[str, StaticType | None] | None
) -> None:
    root, *rest = reference
    if known is None:
        hint = "Give it to an input there, and write `inputs.…` here: so a person can start the workflow too."
        report.add(at, "`trigger` is known only under `inputs` of a trigger.", hint)
    elif root != TRIGGER:
        hint = _suggest("", [f"{TRIGGER}.{name}" for name in known], "It can name")
        report.add(at, f"`{cite(str(root))}` is not known before the run has started.", hint)
    elif rest and str(rest[0]) not in known:
        message = f"`trigger` has no `{cite(str(rest[0]))}` here."
        report.add(at, message, _suggest(str(rest[0]), list(known), "It has"))


def _report_unknown_root(report: ProblemReport, at: Path, root: str, names: ExpressionNames) -> None:
    if root in (names.inputs or {}):
        hint = f"Did you mean `inputs.{root}`?"
    elif root == ask_names.ASK:
        hint = "It is known only in a workflow with `rules`, or with a step `uses: ask`."
    elif root in names.all_steps:
        hint = f"Did you mean `steps.{root}`?"
    else:
        hint = _suggest(root, ROOTS, "Expressions can name")
    report.add(at, f"There is no `{cite(root)}`.", hint)


def _suggest(word: str, names: Collection[str], lead: str) -> str:
    return suggest(word, names) or (f"{lead} {list_names(sorted(names), 'and')}." if names else "")


def _check_input(
    report: ProblemReport, at: Path, rest: Path | list[str | int], inputs: Mapping[str, Field | None]
) -> None:
    name, *parts = map(str, rest)
    if name not in inputs:
        hint = _suggest(name, list(inputs), "The inputs are") or "Declare it under `inputs`."
        report.add(at, f"There is no input `{cite(name)}`.", hint)
        return
    declared = inputs[name]
    if declared is None or not parts:
        return
    if declared.type is FieldType.MONEY and parts[0] not in ("amount", "currency"):
        report.add(at, f"The input `{name}` has no `{cite(parts[0])}`.", "Money has `amount` and `currency`.")
    elif declared.type is FieldType.FILE and parts[0] not in _PARTS_OF_FILES:
        report.add(
            at, f"The input `{name}` has no `{cite(parts[0])}`.", "A file has `name`, `type`, `size` and `sha256`."
        )
    elif declared.type in _TYPES_WITHOUT_PARTS:
        report.add(at, f"The input `{name}` has no `{cite(parts[0])}`; it is of the type {declared.type}.")


def _check_step(report: ProblemReport, at: Path, rest: Path | list[str | int], names: ExpressionNames) -> None:
    name, *parts = map(str, rest)
    if name not in names.steps:
        report.add(at, *_explain_absent_step(name, names))
        return
    step = names.steps[name]
    if parts and parts[0] == decision_outputs.NAME and parts[0] not in (step.names or ()):
        if step.names is not None or step.has_gate:
            decision_outputs.check_reference(
                report, at, name, parts[1:], has_gate=step.has_gate, is_current_step=name == names.current_step
            )
            decision_outputs.check_feedback(report, at, name, parts[1:], asked=step.asks_feedback or not step.has_gate)
        return
    if step.names is None or not parts or parts[0] in step.names:
        return
    if parts[0] == approved_params.NAME:
        is_current = name == names.current_step
        approved_params.check_reference(report, at, name, parts[1:], approved=step.approved, is_current_step=is_current)
        return
    if parts[0] == "error":
        if not step.continues_on_error:
            hint = "With `on_error: continue` on that step, a failure would leave it."
            report.add(at, f"The step `{name}` leaves no `error`: when it fails, the run stops.", hint)
        return
    message = f"The step `{name}` (`{cite(step.kind)}`) has no output `{cite(parts[0])}`."
    report.add(at, message, _suggest(parts[0], step.names, "It has") or "This kind of step has no output.")


def _explain_absent_step(name: str, names: ExpressionNames) -> tuple[str, str]:
    if name == names.current_step:
        hint = "A gate with `at: after` may use it."
        return f"The step `{cite(name)}` is this step itself; its output is not there yet.", hint
    if name in names.framed:
        foreach = names.framed[name]
        if foreach == name:
            return f"The step `{cite(name)}` repeats this one; it has no output before its last item is done.", ""
        hint = f"Read `steps.{cite(foreach)}.outputs`: it has the output of the last step of each item."
        return f"The step `{cite(name)}` runs for each item of `{cite(foreach)}`.", hint
    if name in names.alternatives:
        hint = "Give the value in a step before the branch, or read it after the branch."
        return f"The step `{cite(name)}` is on another path: where this step runs, that one did not.", hint
    if name in names.all_steps:
        return f"The step `{cite(name)}` comes later; only earlier steps have an output.", ""
    return f"There is no step `{cite(name)}`.", _suggest(name, list(names.steps), "Earlier steps are")
