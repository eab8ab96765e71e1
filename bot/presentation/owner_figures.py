"""What the owner of a workflow is told of how people look at its requests: of at least five people together. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bot.presentation import attention, seeded
from bot.presentation.insight_report import LISTED, InsightTable
from engine.insights import Insights, ReadableWorkflow
from engine.oversight.attention import SharedFigures

NO_TESTS: Final = "No tests: the file has no “seeded”."


@dataclass(frozen=True, slots=True)
class OwnerFigures:
    """A workflow with the figures of all others who decide about it, and the tests that they caught, of how many."""

    workflow: ReadableWorkflow
    looks: SharedFigures | None
    caught: tuple[int, int] | None


def owned(insights: Insights, owner: str, chosen: str | None) -> list[ReadableWorkflow]:
    """Return the workflows of which this person reads the figures: those that they own, and chose."""
    mine = [one for one in insights.workflows if one.owner == owner and chosen in (None, one.name)]
    return mine[:LISTED]


def table(figures: Iterable[OwnerFigures]) -> InsightTable:
    """Return a table with a row for each workflow."""
    return InsightTable(
        name="looks",
        title="How people look",
        columns=("workflow", "how long", "tests of attention"),
        rows=tuple((one.workflow.title, attention.shared(one.looks), _tests(one)) for one in figures),
        note=f"Of workflows that you own, at most {LISTED}: choose one to see others. What you did yourself is not "
        "in it, and no single person is shown. A quick decision is no mistake.",
        empty="You see this of the workflows that you own.",
    )


def _tests(one: OwnerFigures) -> str:
    return NO_TESTS if one.caught is None and not one.workflow.is_seeded else seeded.shared(one.caught)
