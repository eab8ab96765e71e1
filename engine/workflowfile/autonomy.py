"""What a gate with `autonomy` may let through without review, as a workflow file says it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from engine.expressions import Template
from engine.json_values import show_path
from engine.oversight import plan_sentences
from engine.oversight.sampling_plan import SamplingPlan

CHOSEN: Final = frozenset({"inputs", "trigger"})
"""The names of what comes from outside when a run starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Autonomy:
    """What a gate may let through without review, once people agree: a share of what its sampling plan counts.

    `only_when`: the author's cap. `class_`: what is counted by itself. `minor`: fields whose change is no correction.
    """

    plan: SamplingPlan
    only_when: Template | None = None
    class_: Template | None = None
    minor: tuple[str, ...] = ()

    def is_minor(self, edited: Iterable[str]) -> bool:
        """Return whether a change of these fields, by dotted path, is no correction."""
        return all(any(path == name or path.startswith(f"{name}.") for name in self.minor) for path in edited)

    @property
    def meaning(self) -> str:
        """Return what goes through without review, its worst case, and what its requester chooses of that."""
        said = plan_sentences.meaning(self.plan)
        if not self.chosen:
            return said
        return (
            f"{said} Which count a run belongs to follows from {' and '.join(self.chosen)}, which its requester "
            "chooses: a wrong word there is noticed only by the people who see it."
        )

    @property
    def chosen(self) -> tuple[str, ...]:
        """What the person or program that starts a run chooses, and with it what is counted together."""
        read = self.class_.references if self.class_ is not None else ()
        return tuple(sorted({show_path(path[:2]) for path in read if path[0] in CHOSEN}))


REVIEWED_LATER: Final = Decimal("0.1")
"""The share of what goes through that people look at afterwards, unless the gate sets another."""
