"""What a replay of a changed file found, in sentences. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from bot.presentation.correction_words import CORRECTED
from bot.presentation.dates import iso
from engine.identifiers import in_words
from engine.json_values import Value
from engine.oversight.bounds import LEVEL, upper_bound
from engine.replay import Correction, MissedCorrection, ReplayReport

_LISTED: Final = 10
"""Number of missed requests, and of reasons, in the sentences; the JSON has more."""
_REASONS: Final = 100
"""Number of reasons in the JSON: they may have values in them."""
LIMITS: Final = (
    "A replay says what these gates would have done about what happened. "
    "It does not say what people and programs would have done otherwise."
)


def sentences(report: ReplayReport) -> Iterator[str]:
    """Yield the sentences about a replay, without its period."""
    if not report.visits:
        yield "No run of this workflow has come to a gate yet, so there is nothing to replay."
        return
    yield f"People were asked {_times(report.opened)}. With this file they would be asked {_times(report.would_open)}."
    yield f"Decisions saved: {report.saved:,}. Decisions added: {report.added:,}."
    if report.sampled_out:
        yield (
            f"Of all, {report.sampled_out:,} would have gone through not reviewed (sampled out), "
            "if people had agreed to each proposal at once."
        )
    yield from _missed(report)
    for people, count in report.asked.most_common(_LISTED):
        yield f"Asked {_times(count)}: {', '.join(people) or 'people that were not evaluated'}."
    yield from _unknown(report.unknown)
    yield LIMITS


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _missed(report: ReplayReport) -> Iterator[str]:
    if not report.saved:
        return
    missed = report.missed.total()
    if not missed:
        yield "People had corrected none of those that would not be asked."
    else:
        kinds = ", ".join(f"{count:,} {CORRECTED[kind]}" for kind, count in report.missed.most_common())
        yield f"People had corrected {missed:,} of those that would not be asked: {kinds}."
    yield f"So up to {percent(missed_bound(report))} of such decisions may be ones that people correct (95% sure)."
    yield from (_line(found) for found in report.listed[:_LISTED])
    if missed > _LISTED:
        yield f"… and {missed - _LISTED:,} more."


def missed_bound(report: ReplayReport) -> float:
    """Return the largest share of corrections among the saved decisions that the replay does not rule out."""
    return upper_bound(report.missed.total(), report.saved)


def percent(share: float) -> str:
    """Return a share as people read it."""
    return f"{100 * share:.2g}%" if share < 0.995 else "100%"


def facts(report: ReplayReport) -> dict[str, Value]:
    """Return the report as `--json` prints it."""
    return {
        "visits": report.visits,
        "since": iso(report.since),
        "until": iso(report.until),
        "asked_then": report.opened,
        "asked_now": report.would_open,
        "saved": report.saved,
        "added": report.added,
        "sampled_out": report.sampled_out,
        "asked": [{"people": list(people), "times": count} for people, count in report.asked.most_common()],
        "missed": {
            **{kind.value: report.missed[kind] for kind in Correction},
            "share_at_most": Decimal(f"{missed_bound(report):.6f}") if report.saved else None,
            "level": Decimal(str(LEVEL)),
            "requests": [
                {"request": found.request, "run": found.run, "step": found.step, "correction": found.correction.value}
                for found in report.listed
            ],
        },
        "not_evaluated": [{"why": why, "times": count} for why, count in report.unknown.most_common(_REASONS)],
    }


def _line(missed: MissedCorrection) -> str:
    return f"  {missed.request}  {in_words(missed.step)}: {CORRECTED[missed.correction]}"


def _unknown(unknown: Counter[str]) -> Iterator[str]:
    if not unknown:
        return
    yield f"Not evaluated, and counted as asked: {unknown.total():,}."
    yield from (f"  {count:,}: {why}" for why, count in unknown.most_common(_LISTED))
