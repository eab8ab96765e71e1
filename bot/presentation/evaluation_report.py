"""What people made of drafts, in sentences and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from bot.presentation.correction_words import CORRECTED
from bot.presentation.dates import iso
from engine.evaluation import FieldEdits, PromptReport
from engine.identifiers import in_words
from engine.json_values import Value
from engine.oversight.bounds import LEVEL, interval
from engine.replay import Correction

COLUMNS = ("field", "drafts", "changed", "between (95%)", "how much of it")


def sentences(report: PromptReport) -> Iterator[str]:
    """Yield the sentences about the drafts of one prompt and model; the fields come in a table."""
    prompt = report.prompt
    name = f"{in_words(prompt.step)}, prompt {prompt.digest}, {prompt.model}, {_versions(report)}"
    yield f"{name}: {report.drafts:,} {'draft' if report.drafts == 1 else 'drafts'}"
    low, high = interval(report.unchanged, report.drafts)
    rate = f"{_percent(report.unchanged / report.drafts)}, between {_percent(low)} and {_percent(high)} (95% sure)"
    yield f"  Approved as they were: {report.unchanged:,} ({rate})."
    for kind, words in CORRECTED.items():
        if report.corrections[kind]:
            yield f"  {words.capitalize()}: {report.corrections[kind]:,}."
    yield f"  {_cost(report)}"


def rows(report: PromptReport) -> Iterator[tuple[str, ...]]:
    """Yield a row for each field of approved drafts, the one that was changed most often first."""
    for name, edits in _sorted_fields(report):
        low, high = interval(edits.changed, edits.drafts)
        share = f"{edits.changed:,} ({_percent(edits.changed / edits.drafts)})"
        much = _percent(edits.mean_distance) if edits.changed else ""
        yield name, f"{edits.drafts:,}", share, f"{_percent(low)} and {_percent(high)}", much


def facts(report: PromptReport) -> dict[str, Value]:
    """Return the report as `--json` prints it."""
    low, high = interval(report.unchanged, report.drafts)
    return {
        "step": report.prompt.step,
        "prompt": report.prompt.digest,
        "model": report.prompt.model,
        "versions": [*sorted(report.versions)],
        "since": iso(report.since),
        "until": iso(report.until),
        "drafts": report.drafts,
        "unchanged": report.unchanged,
        **{kind.value: report.corrections[kind] for kind in Correction},
        "unchanged_between": [_number(low), _number(high)],
        "level": _number(LEVEL),
        "calls": report.calls,
        "cost": report.cost,
        "unknown_costs": report.unknown_costs,
        "fields": [_field_facts(name, edits) for name, edits in _sorted_fields(report)],
    }


def _field_facts(name: str, edits: FieldEdits) -> Value:
    low, high = interval(edits.changed, edits.drafts)
    return {
        "field": name,
        "drafts": edits.drafts,
        "changed": edits.changed,
        "changed_between": [_number(low), _number(high)],
        "mean_distance": _number(edits.mean_distance),
    }


def _sorted_fields(report: PromptReport) -> list[tuple[str, FieldEdits]]:
    return sorted(report.fields.items(), key=lambda item: (-item[1].changed, item[0]))


def _versions(report: PromptReport) -> str:
    versions = sorted(report.versions)
    return f"version {versions[0]}" if len(versions) == 1 else f"versions {', '.join(map(str, versions))}"


def _cost(report: PromptReport) -> str:
    unknown = f" The cost of {report.unknown_costs:,} is not known." if report.unknown_costs else ""
    known = report.drafts - report.unknown_costs
    if not known:
        return "The cost is not known."
    each = f"{report.cost / known:.4f} USD for a draft"
    return f"Cost: {report.cost:.4f} USD in {report.calls:,} calls, {each}.{unknown}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _number(value: float) -> Decimal:
    return Decimal(f"{value:.6f}")
