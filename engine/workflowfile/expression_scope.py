"""What expressions may name, and where: every text of a workflow with an expression is compiled here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
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
from engine.workflowfile import decision_outputs, declared_types
from engine.workflowfile.phrases import cite, listed, near, sentence
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import SECRET_NAME

RUN: Final = ("id", "workflow", "requester", "started_at")
ROOTS: Final = ("inputs", "steps", "run", "secret")
NOT_YET_ROOTS: Final = frozenset({"review", "trigger"})

_FLAT: Final = frozenset(FieldType) - {FieldType.MONEY, FieldType.CHOICES, FieldType.JSON}
"""Types whose values have no parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What earlier steps left: `outputs` None means that it is only known when the step ran."""

    kind: str
    outputs: frozenset[str] | None
    fields: Mapping[str, Field] = field(default_factory=dict)
    """Of a form, what people fill in."""
    sorts: Mapping[str, StaticType] = field(default_factory=dict)
    """What is known of its outputs, beside `fields`."""
    inputs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Of `set`, the inputs that each output is made of."""
    unclear: frozenset[str] = frozenset()
    """Of `set`, the outputs in which a text was read as a number, as no condition of a gate would read it."""
    gated: bool = False
    """It has a gate, so it leaves `decision`."""
    continues: bool = False
    """Its `on_error` is `continue`: then a failure leaves `error`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What an expression at one place of the file may name. `here`: the step that the place belongs to."""

    inputs: Mapping[str, Field | None] | None
    """None: the file has some, but they cannot be read."""
    steps: Mapping[str, Known] = field(default_factory=dict)
    here: str | None = None
    all_steps: frozenset[str] = frozenset()
    secret_users: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Kinds of steps that may use secrets, each with the parameters in which they may stand."""

    def secrets_sentence(self) -> str:
        places = [
            f"{listed(sorted(params), 'and')} of `{kind}` steps" for kind, params in sorted(self.secret_users.items())
        ]
        if not places:
            return "Secrets cannot be used here; people would see it."
        return f"Secrets are used only in {'; '.join(places)}; people would see it here."


def compile_text(report: ProblemReport, text: str, at: Path, names: Names, *, secrets: bool = False) -> Template | None:
    """The template, with everything that it names checked; None if it cannot be compiled.

    `secrets`: whether `{{ secret.NAME }}` may stand at this place.
    """
    try:
        template = compile_template(text)
    except ExpressionError as error:
        report.add(at, sentence(str(error)), _braces_hint(text))
        return None
    for name in sorted(template.secrets):
        if not secrets:
            report.add(at, names.secrets_sentence())
        elif not SECRET_NAME.fullmatch(name):
            report.add(at, f"`{cite(name)}` is no name of a secret: it has only A-Z, 0-9 and `_`, like CRM_TOKEN.")
    for reference in sorted(template.references, key=lambda path: [str(part) for part in path]):
        _check(report, at, reference, names, guarded=reference in template.optional_references)
    # One node is a reference by itself.
    if template.nodes > 1 and not report.registered:
        for clash in find_clashes(text, known_of(names)):
            report.add(at, clash.message, clash.hint)
    return template


def check_condition(report: ProblemReport, template: Template, at: Path, names: Names) -> None:
    """What is known to be neither true nor false, unless something else is wrong with it."""
    if report.registered or report.has_problem(at):
        return
    clash = find_condition_clash(template.source, known_of(names))
    if clash is not None:
        report.add(at, clash.message, clash.hint)


def check_clear(report: ProblemReport, when: Template, at: Path, names: Names) -> None:
    """Report a condition of a gate over a number that an earlier step read from a text: 1.234 would ask nobody."""
    if report.registered or report.has_problem(at):
        return
    for reference in sorted(when.references, key=lambda path: [str(part) for part in path]):
        if _is_unclear(reference, names):
            name = ".".join(str(part) for part in reference)
            report.add(
                at,
                f"`{cite(name)}` comes from a text that an earlier step reads as a number, and there "
                "1.234 is little more than one.",
                "Pass the text on as it is, and write `| number` in this condition: it asks where a text is not clear.",
            )
            return


def unclear_outputs(params: CompiledValue, names: Names) -> frozenset[str]:
    """The outputs of a `set` step for which somebody's text is read as a number, there or before."""
    return frozenset(
        str(path[0])
        for path, template in params.templates
        if any(_is_unclear(reference, names) for reference in template.references)
        or (template.nodes > 1 and reads_text_as_number(template.source, known_of(names)))
    )


def _is_unclear(reference: Path, names: Names) -> bool:
    match reference:
        case ("steps", str(step), name, *_) if step in names.steps:
            return name in names.steps[step].unclear
    return False


def known_of(names: Names) -> Callable[[Path], StaticType | None]:
    """What the file says of what an expression names."""
    return lambda path: _sort(names, path)


def doubt(template: Template, names: Names) -> str:
    """Why a condition gives the same answer whatever the values are; empty where nothing is found."""
    clashes = find_clashes(template.source, known_of(names)) if not template.is_literal else []
    return next((clash.message for clash in clashes if clash.is_silent), "")


def _sort(names: Names, reference: Path) -> StaticType | None:
    """What the file says of a value that an expression names."""
    match reference:
        case ("inputs", name, *rest):
            return declared_types.of_part((names.inputs or {}).get(str(name)), rest)
        case ("run", str(name)):
            return declared_types.RUN.get(name)
        case ("steps", str(step), name, *rest) if step in names.steps:
            known = names.steps[step]
            if name == decision_outputs.NAME and known.gated and name not in (known.outputs or ()):
                return decision_outputs.sort_of(tuple(rest))
            made = known.sorts.get(str(name))
            sort = (
                declared_types.part_of(made, rest)
                if made
                else declared_types.of_part(known.fields.get(str(name)), rest)
            )
            # A step that was skipped leaves nothing.
            return sort and sort._replace(kinds=sort.kinds | {"null"})
    return None


def _braces_hint(text: str) -> str:
    return "Every `{{` needs its `}}`." if text.count("{{") != text.count("}}") else ""


def _check(report: ProblemReport, at: Path, reference: Path, names: Names, *, guarded: bool) -> None:
    root, *rest = reference
    if root in NOT_YET_ROOTS:
        report.add(at, f"`{root}` is not available yet.")
    elif root not in ROOTS:
        _unknown_root(report, at, str(root), names)
    elif guarded or not rest:
        return
    elif root == "inputs" and names.inputs is not None:
        _check_input(report, at, rest, names.inputs)
    elif root == "steps":
        _check_step(report, at, rest, names)
    elif root == "run" and rest[0] not in RUN:
        report.add(at, f"`run` has no `{cite(rest[0])}`.", _choices(str(rest[0]), RUN, "It has"))


def _unknown_root(report: ProblemReport, at: Path, root: str, names: Names) -> None:
    if root in (names.inputs or {}):
        hint = f"Did you mean `inputs.{root}`?"
    elif root in names.all_steps:
        hint = f"Did you mean `steps.{root}`?"
    else:
        hint = _choices(root, ROOTS, "Expressions can name")
    report.add(at, f"There is no `{cite(root)}`.", hint)


def _choices(word: str, names: Collection[str], lead: str) -> str:
    return near(word, names) or (f"{lead} {listed(sorted(names), 'and')}." if names else "")


def _check_input(
    report: ProblemReport, at: Path, rest: Path | list[str | int], inputs: Mapping[str, Field | None]
) -> None:
    name, *parts = map(str, rest)
    if name not in inputs:
        hint = _choices(name, list(inputs), "The inputs are") or "Declare it under `inputs`."
        report.add(at, f"There is no input `{cite(name)}`.", hint)
        return
    declared = inputs[name]
    if declared is None or not parts:
        return
    if declared.type is FieldType.MONEY and parts[0] not in ("amount", "currency"):
        report.add(at, f"The input `{name}` has no `{cite(parts[0])}`.", "Money has `amount` and `currency`.")
    elif declared.type in _FLAT:
        report.add(at, f"The input `{name}` has no `{cite(parts[0])}`; it is of the type {declared.type}.")


def _check_step(report: ProblemReport, at: Path, rest: Path | list[str | int], names: Names) -> None:
    name, *parts = map(str, rest)
    if name not in names.steps:
        report.add(at, *_absent_step(name, names))
        return
    known = names.steps[name]
    if parts and parts[0] == decision_outputs.NAME and parts[0] not in (known.outputs or ()):
        if known.outputs is not None or known.gated:
            decision_outputs.check_reference(report, at, name, parts[1:], gated=known.gated, is_here=name == names.here)
        return
    if known.outputs is None or not parts or parts[0] in known.outputs:
        return
    if parts[0] == "error":
        if not known.continues:
            hint = "With `on_error: continue` on that step, a failure would leave it."
            report.add(at, f"The step `{name}` leaves no `error`: when it fails, the run stops.", hint)
        return
    message = f"The step `{name}` (`{cite(known.kind)}`) has no output `{cite(parts[0])}`."
    report.add(at, message, _choices(parts[0], known.outputs, "It has") or "This kind of step has no output.")


def _absent_step(name: str, names: Names) -> tuple[str, str]:
    if name == names.here:
        hint = "A gate with `at: after` may use it."
        return f"The step `{cite(name)}` is this step itself; its output is not there yet.", hint
    if name in names.all_steps:
        return f"The step `{cite(name)}` comes later; only earlier steps have an output.", ""
    return f"There is no step `{cite(name)}`.", _choices(name, list(names.steps), "Earlier steps are")
