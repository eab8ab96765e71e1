"""Checks of `risk` of a gate: parts and levels that never count, and levels that ask for less than those below them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.expressions import Template
from engine.fields import Field, FieldType
from engine.json_values import Path
from engine.oversight.risk import IMPACT, PARTS, REVERSIBLE, RiskLevel, RiskRow, covers, currency_of, is_amount
from engine.workflowfile.grammar import GateFile, PolicyFile
from engine.workflowfile.phrases import list_names
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.risk_grammar import GATE_KEYS, LevelFile, RiskFile

_PROOFS: Final = {None: 0, "link": 0, "code": 1, "sso": 2}
"""How sure each proof is."""


def check_risk(
    report: ProblemReport,
    risk: RiskFile,
    levels: Mapping[RiskLevel, LevelFile],
    parts: Mapping[str, Template],
    at: Path,
    *,
    is_irreversible: bool,
    impact: Field | None,
) -> None:
    """Report parts that no level reads, conditions about parts that are missing, and currencies that do not fit."""
    used = {bound.part for file in levels.values() for row in file.if_ for bound in row}
    for name in PARTS:
        if name in risk.model_fields_set and name not in used and not report.has_problem(at):
            hint = "Name it in `if` of a level, or delete it."
            report.add((*at, name), f"`{name}` never counts: no level depends on it.", hint, at="key")
    if is_irreversible and risk.reversible is True:
        message = "The gate says `irreversible: true`, and its risk `reversible: true`."
        report.add((*at, REVERSIBLE), message, "Keep one of them.", at="key")
    for level, file in levels.items():
        for row in file.if_:
            for bound in row:
                path: Path = (*at, "levels", level, "if")
                if bound.part not in parts and not report.has_problem((*at, bound.part)):
                    report.add(path, f"The risk does not say its `{bound.part}`.", f"Add `{bound.part}: …` to it.")
                elif bound.part == IMPACT and is_amount(bound):
                    _check_currency(report, currency_of(bound), impact, path)


def _check_currency(report: ProblemReport, currency: str | None, impact: Field | None, at: Path) -> None:
    if impact is None:
        return
    if impact.type is not FieldType.MONEY:
        if currency is not None:
            report.add(at, f"The impact is a {impact.type}, which has no currency.", f"Delete {currency} here.")
    elif currency is None and impact.currency is None:
        report.add(at, "The impact is money of any currency.", "Write the currency, like `over 500 EUR`.")
    elif currency is not None and impact.currency is not None and currency != impact.currency:
        report.add(at, f"The impact is always in {impact.currency}, and this counts {currency}.")


def check_levels(
    report: ProblemReport, levels: Mapping[RiskLevel, LevelFile], at: Path, *, is_ask: bool, is_form: bool
) -> None:
    """Report levels that nothing leads to, or that ask no one where they must."""
    for level, file in levels.items():
        path: Path = (*at, level)
        if level is RiskLevel.LOW and file.if_:
            report.add((*path, "if"), "`low` is what no other level applies to.", "Delete `if`.", at="key")
        elif not report.has((*path, "if")) and level in (RiskLevel.MEDIUM, RiskLevel.HIGH) and not is_ask:
            report.add(path, f"Nothing leads to `{level}`.", "Add `if`, like {impact: over 500}.", at="key")
        elif file.if_ and _is_hidden(level, levels):
            message = f"`{level}` never holds: where it does, a higher level does, too."
            report.add((*path, "if"), message, "Make it wider, or delete it.")
        if file.opens is False:
            _check_unopened(report, level, file, path, levels, is_form=is_form)


def _is_hidden(level: RiskLevel, levels: Mapping[RiskLevel, LevelFile]) -> bool:
    higher = [
        RiskRow(other, tuple(row)) for other, file in levels.items() if other.rank > level.rank for row in file.if_
    ]
    rows = [RiskRow(level, tuple(row)) for row in levels[level].if_]
    return all(any(covers(wider, row) for wider in higher) for row in rows)


def _check_unopened(
    report: ProblemReport,
    level: RiskLevel,
    file: LevelFile,
    at: Path,
    levels: Mapping[RiskLevel, LevelFile],
    *,
    is_form: bool,
) -> None:
    """Report a level at which no one is asked, although there is something to ask."""
    path = (*at, "opens")
    others = [key for key in GATE_KEYS if getattr(file, key) is not None]
    asked_below = [other for other in RiskLevel if other.rank < level.rank and _opens(levels.get(other))]
    if is_form:
        report.add(path, "A form is always filled in.", "Write a `when` on the step.", at="key")
    elif level is RiskLevel.CRITICAL:
        message = "What cannot be told counts as `critical`, so people have to be asked there."
        report.add(path, message, "Delete this line.", at="key")
    elif asked_below:
        message = f"No one is asked at `{level}`, but people are asked at `{asked_below[-1]}`, which is lower."
        report.add(path, message, "Delete this line, or write it there, too.", at="key")
    elif others:
        message = f"No one is asked at `{level}`, so {list_names(others, 'and')} has no effect."
        report.add(path, message, "Keep one of them.", at="key")


def _opens(file: LevelFile | None) -> bool:
    return file is None or file.opens is not False


def check_strictness(report: ProblemReport, gate: GateFile, levels: Mapping[RiskLevel, LevelFile], at: Path) -> None:
    """Report a level that asks for a weaker proof or a smaller quorum than the one below it, and late escalations."""
    assurance, confirm, quorum, below = gate.assurance or "code", gate.confirm_with, _quorum(gate.policy), "the gate"
    for level, file in levels.items():
        path: Path = (*at, level)
        for key, own, before in (
            ("assurance", file.assurance, assurance),
            ("confirm_with", file.confirm_with, confirm),
        ):
            if own is not None and _PROOFS[own] < _PROOFS[before]:
                message = f"`{level}` asks for a weaker proof than {below}."
                report.add((*path, key), message, f"Write `{key}: {before}`, or delete this line.")
        own_quorum = _quorum(file.policy)
        if own_quorum and quorum and own_quorum < quorum:
            message = f"`{level}` needs fewer approvals than {below}."
            report.add((*path, "policy"), message, f"Write a quorum of at least {quorum}.")
        after = gate.escalate.after if gate.escalate is not None else None
        if file.expires is not None and after is not None and after >= file.expires:
            message = f"`{level}` expires before `escalate` asks more people."
            report.add((*path, "expires"), message, "Make it longer than `after` of `escalate`.")
        assurance, confirm = file.assurance or assurance, file.confirm_with or confirm
        quorum, below = own_quorum or quorum, f"`{level}`"


def _quorum(policy: object) -> int:
    """Return how many approvals are needed, as far as that is a number."""
    if isinstance(policy, PolicyFile):
        return policy.quorum or len(policy.chain or ())
    return 1 if policy == "any" else 0
