"""How the items of a foreach are told of: how far all of them are, and each of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from engine.child_views import ItemProgress, ItemView
from engine.domain import ItemStatus, Tone

WORDS: Final[Mapping[ItemStatus, str]] = {
    ItemStatus.WAITING: "waiting",
    ItemStatus.SUCCEEDED: "done",
    ItemStatus.SKIPPED: "skipped",
    ItemStatus.FAILED: "failed",
    ItemStatus.REJECTED: "rejected",
    ItemStatus.EXPIRED: "expired",
    ItemStatus.CANCELLED: "cancelled",
}
TONES: Final[Mapping[ItemStatus, Tone]] = {
    ItemStatus.SUCCEEDED: Tone.DONE,
    ItemStatus.FAILED: Tone.FAILED,
    ItemStatus.REJECTED: Tone.REJECTED,
    ItemStatus.EXPIRED: Tone.EXPIRED,
    ItemStatus.CANCELLED: Tone.CANCELLED,
}
_TOLD: Final = (
    ItemStatus.FAILED,
    ItemStatus.REJECTED,
    ItemStatus.EXPIRED,
    ItemStatus.SKIPPED,
    ItemStatus.CANCELLED,
)


def sentence(progress: ItemProgress) -> str:
    """Return how far the items are, such as “37 of 40 done, 2 failed, 1 waits for people”."""
    if progress.written < progress.total:
        return f"{progress.written:,} of {progress.total:,} items are written down."
    return f"{', '.join(_parts(progress))}."


def _parts(progress: ItemProgress) -> Iterator[str]:
    yield f"{progress.counts.get(ItemStatus.SUCCEEDED, 0):,} of {progress.total:,} done"
    for status in _TOLD:
        if progress.counts.get(status):
            yield f"{progress.counts[status]:,} {WORDS[status]}"
    if progress.asking:
        yield f"{len(progress.asking):,} {'waits' if len(progress.asking) == 1 else 'wait'} for people"
    if progress.stuck:
        yield f"{len(progress.stuck):,} {'needs' if len(progress.stuck) == 1 else 'need'} attention"


def state(item: ItemView) -> str:
    """Return the state of an item in a word."""
    return "begun" if item.status is ItemStatus.WAITING and item.is_begun else WORDS[item.status]
