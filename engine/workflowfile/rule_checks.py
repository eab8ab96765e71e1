"""Checks of rules beyond the grammar: rules that do nothing, that contradict themselves, or that can never match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from engine.json_values import Path, Value
from engine.workflowfile.grammar import GateFile
from engine.workflowfile.phrases import list_names
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.rule_grammar import ACTIONS, RuleFile
from engine.workflowfile.step_lists import PathDraft

_JUMPS: Final = ("revise", "revise_limit", "on_reject")
_TIMES: Final = ("valid_for", "outcome_within")


def check_rule(report: ProblemReport, file: RuleFile, raw: Mapping[str, Value], at: Path) -> None:
    """Report a rule that does not do exactly one thing, or whose keys have no effect."""
    named = [key for key in raw if key in ACTIONS]
    if not named and not report.has_problem(at):
        hint = "Write gate: and who is asked, approve: true, or reject: and why."
        report.add(at, "This rule does nothing: it has none of `gate`, `approve` and `reject`.", hint)
    elif len(named) > 1:
        report.add(
            (*at, named[1]), f"A rule does one thing; this one has {list_names(named, 'and')}.", "Keep one.", at="key"
        )
    elif raw.get("gate") is False:
        report.add((*at, "gate"), "`gate: false` asks no one.", "Write approve: true, or reject: and why.")
    if "reject" in raw:
        for key in (key for key in _TIMES if key in raw):
            report.add((*at, key), f"`{key}` has no effect on a rule that rejects.", "Delete it.", at="key")
    if file.when is False:
        report.add((*at, "when"), "A rule with `when: false` never matches.", "Delete the rule.")
    if file.approve and file.risk and not (file.tool or file.server or file.agent):
        message = "`risk` is what the agent says itself, so it cannot be the only reason to approve."
        report.add((*at, "risk"), message, "Name the tools too.", at="key")


def check_reachable(report: ProblemReport, paths: Sequence[PathDraft]) -> None:
    """Report rules that can never match, because an earlier one matches all that they match."""
    paths = [path for path in paths if not report.has_problem(path.at)]
    for index, path in enumerate(paths):
        first = next((earlier for earlier in paths[:index] if _always_first(earlier, path)), None)
        if first is not None and first.rule is not None:
            message = f"This rule can never match: rule {first.rule.number} comes first and matches all of it."
            report.add(path.at, message, "Move it up, or delete it.")


def _always_first(earlier: PathDraft, path: PathDraft) -> bool:
    if earlier.rule is None or path.rule is None or earlier.when not in (None, True):
        return False
    return earlier.rule.covers(path.rule)


def without_jumps(report: ProblemReport, gate: GateFile, at: Path) -> GateFile:
    """Return a gate without the keys that name steps or outputs, which are reported: a rule has none."""
    for key in (key for key in _JUMPS if key in gate.model_fields_set):
        report.add((*at, key), f"`{key}` is about other steps, and rules have none.", "Delete it.", at="key")
    if gate.at == "after":
        report.add((*at, "at"), "A rule asks before the agent acts; there is nothing to ask about after it.")
    return gate.model_copy(update=dict.fromkeys(_JUMPS) | {"at": "before"})
