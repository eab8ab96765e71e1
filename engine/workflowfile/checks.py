"""What is wrong although the grammar allows it: what a kind of step refuses, and what can never come true."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from engine import references
from engine.errors import InvalidValue
from engine.expressions import Template, check_literal_address, iter_strings
from engine.json_values import Path, Value
from engine.workflowfile.draft import StepDraft
from engine.workflowfile.grammar import UNBUILT_KINDS, GateFile, PolicyFile, StepFile
from engine.workflowfile.phrases import cite, listed, near
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import EXPRESSION, has_expression, person_kind
from engine.workflowfile.schema_errors import Reader, complain, keys_of, locate, unknown_key
from engine.workflowfile.step_kinds import FORM, Nature, StepKind
from engine.workflowfile.unsupported import suggestion


def check_params(report: ProblemReport, kind: StepKind, params: Mapping[str, Value], at: Path) -> bool:
    """The literal part of `with` against the kind's model. Returns whether nothing was found."""
    reader = Reader(base=at, model=kind.Params, what=f"the `with` of `{kind.name}`")
    known = keys_of(kind.Params)
    clean = True
    if kind.Params.model_config.get("extra") not in ("allow", "forbid"):
        # This model would drop unknown keys in silence.
        for key in params.keys() - set(known):
            unknown_key(report, (*at, key), known=known, what=reader.what)
            clean = False
    try:
        kind.Params.model_validate(dict(params))
    except ValidationError as error:
        errors = error.errors(include_url=False)
        # What an expression will give is only known when the run gets there.
        errors = [
            each
            for each in errors
            if each["type"] in ("missing", "extra_forbidden")
            or not _is_open(report.value(locate(report, at + each["loc"])))
        ]
        complain(report, errors, reader)
        clean = clean and not errors
    return clean


def unknown_params(kind: StepKind, params: Mapping[str, Value]) -> frozenset[str]:
    """Keys of `with` that this kind does not have."""
    if kind.Params.model_config.get("extra") == "allow":
        return frozenset()
    return frozenset(params).difference(keys_of(kind.Params))


def _is_open(value: Value) -> bool:
    return any(has_expression(text) for _, text in iter_strings(value))


def check_keys(report: ProblemReport, value: Value, at: Path) -> bool:
    """No expression is a key: it would be shown and sent as it is written. Returns whether nothing was found."""
    clean = True
    if isinstance(value, dict):
        for key, item in value.items():
            if has_expression(key):
                report.add((*at, key), "Expressions work in values, not in keys.", at="key")
                clean = False
            clean = check_keys(report, item, (*at, key)) and clean
    elif isinstance(value, list):
        for index, item in enumerate(value):
            clean = check_keys(report, item, (*at, index)) and clean
    return clean


def check_address(report: ProblemReport, template: Template, at: Path) -> None:
    """What the file itself writes of a web address: with it, the call could never be made."""
    if report.registered:
        return
    try:
        check_literal_address(template)
    except InvalidValue as error:
        report.add(at, f"This address {error}.")


def unbuilt_kind(report: ProblemReport, step: StepDraft) -> bool:
    """Whether the step uses a kind that is still to be built; reports it."""
    if step.uses not in UNBUILT_KINDS:
        return False
    report.add((*step.at, "uses"), f"`uses: {step.uses}` is not available yet.")
    return True


def unknown_kind(report: ProblemReport, step: StepDraft, kinds: Mapping[str, StepKind]) -> None:
    if step.uses is None:
        return
    names = sorted(kinds)
    hint = suggestion(step.uses, names, UNBUILT_KINDS)
    message = f"There is no kind of step `{cite(step.uses)}`; there are {listed(names, 'and')}."
    report.add((*step.at, "uses"), message, hint)


def check_sleep(report: ProblemReport, step: StepDraft, kind: StepKind) -> None:
    """A step that only lets time pass has nothing to review, and nothing that could fail."""
    if kind.nature is not Nature.SLEEP or step.file is None:
        return
    if step.gate is not None:
        message = f"A `{kind.name}` step cannot have a gate: there is nothing to review."
        report.add(step.gate_at, message, "Put the gate on the next step.", at="key")
    _meaningless(report, step, step.file, "retry", "idempotent", "timeout")


def check_form(report: ProblemReport, step: StepDraft, file: StepFile, gate: GateFile | None) -> None:
    """A form does nothing but ask, for all of its fields."""
    _meaningless(report, step, file, "with", "edit", "at", "retry", "idempotent", "timeout")
    needed = [name for name, field in step.fields.items() if field.required and field.default is None]
    if gate is not None and gate.on_expiry == "continue" and needed:
        message = f"The run could not go on without an answer: {listed(needed, 'and')} would be missing."
        hint = "Give each field a `default`, or make it `required: false`."
        report.add((*step.at, "on_expiry"), message, hint, at="key")


def _meaningless(report: ProblemReport, step: StepDraft, file: StepFile, *keys: str) -> None:
    for key in keys:
        if {key, f"{key}_"} & file.model_fields_set:
            report.add((*step.at, key), f"`{key}` has no meaning on a `{step.uses}` step; delete it.", at="key")


def check_step(report: ProblemReport, step: StepDraft, file: StepFile) -> None:
    if "approvers" in file.model_fields_set and file.on_error != "ask" and step.uses != FORM:
        message = "Outside of its gate a step has no approvers."
        report.add((*step.at, "approvers"), message, "Write it under `gate`.", at="key")


def check_gate(report: ProblemReport, gate: GateFile, at: Path) -> None:
    """What can never come true. A key that stands in the file counts, also if its value was refused."""

    def absent(*keys: str) -> bool:
        return not any(report.has((*at, key)) for key in keys)

    if "on_expiry" in gate.model_fields_set and absent("expires"):
        _never(report, (*at, "on_expiry"), "`on_expiry` never happens without `expires`.", "Add `expires: 2d`.")
    if gate.on_expiry == "escalate" and absent("escalate"):
        _never(report, (*at, "on_expiry"), "`on_expiry: escalate` needs `escalate` to say to whom.", "")
    if gate.hours and absent("expires", "escalate", "remind"):
        _never(report, (*at, "hours"), "`hours` needs a clock to count.", "Add `expires`, `escalate` or `remind`.")
    if gate.fallback_after and gate.email in ("always", "never"):
        _never(report, (*at, "fallback_after"), f"`fallback_after` never happens with `email: {gate.email}`.", "")
    if gate.revise_limit is not None and absent("revise"):
        _never(report, (*at, "revise_limit"), "`revise_limit` never counts without `revise`.", "")
    _check_clocks(report, gate, at)
    _check_policy(report, gate, at)


def _never(report: ProblemReport, path: Path, message: str, hint: str) -> None:
    report.add(path, message, hint, at="key")


def _check_clocks(report: ProblemReport, gate: GateFile, at: Path) -> None:
    for key, clock in (("escalate", gate.escalate), ("remind", gate.remind)):
        if clock and gate.expires and clock.after >= gate.expires:
            hint = "Make `after` shorter than `expires`."
            _never(report, (*at, key, "after"), f"`{key}` never happens: the request has expired before.", hint)
    if gate.remind and gate.remind.times and gate.remind.times > 1 and gate.remind.every is None:
        _never(report, (*at, "remind", "times"), "Only the first reminder would be sent.", "Add `every: 1d`.")


def _check_policy(report: ProblemReport, gate: GateFile, at: Path) -> None:
    people = gate.approvers or [references.OWNER]
    kinds = {person_kind(person) for person in people}
    uncounted = {references.GROUP, references.ROLE, EXPRESSION}
    if isinstance(gate.policy, PolicyFile) and gate.policy.quorum and not kinds & uncounted:
        count = len({person.casefold() for person in people})
        if gate.policy.quorum > count:
            message = f"A quorum of {gate.policy.quorum} can never come together from {count}."
            _never(report, (*at, "policy", "quorum"), message, "Name more approvers.")
    if references.REQUESTER in gate.exclude and kinds == {references.REQUESTER}:
        message = "Nobody could decide: the only approver is excluded."
        _never(report, (*at, "exclude"), message, "Name another approver.")


def check_revise(report: ProblemReport, step: StepDraft, gate: GateFile, earlier: Mapping[str, object]) -> None:
    if gate.revise is not None and gate.revise not in earlier:
        message = f"`revise` names an earlier step; there is none `{cite(gate.revise)}` before this one."
        report.add((*step.gate_at, "revise"), message, near(gate.revise, list(earlier)))
