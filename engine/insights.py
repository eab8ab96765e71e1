"""What became of requests, counted: for the people who own workflows, and for those who may read everything.

Nothing here tells how long a single person took or what they looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Final, TypeAlias

from engine.access import Reader
from engine.oversight.grouped_times import NO_TIMES, GroupedTimes

WEEKS: Final = 13
"""Weeks of an answer, if none are named."""
MOST_WEEKS: Final = 53
_LATE: Final = 10_000
ChangeKey: TypeAlias = tuple[str, str, str]
"""A change of a gate: the id of its workflow, its step, and the kind of the recommendation."""
ANY_KIND: Final = ""
WHOLE: Final = -1
"""The spell of the whole time of a request; other spells follow so many reminders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightQuery:
    """Which requests are counted: of all workflows, or of those of an owner, or of one of them.

    `weeks`: the number of weeks before this one. `zone`: the time zone of the hours of the day; None: this machine's.
    """

    owner: str | None = None
    workflow: str | None = None
    weeks: int = WEEKS
    zone: tzinfo | None = UTC

    @classmethod
    def of(
        cls, reader: Reader, *, workflow: str | None = None, weeks: int = WEEKS, zone: tzinfo | None = UTC
    ) -> InsightQuery:
        """Return the query of a person: about everything, if they read everything, or about what they own."""
        owner = None if reader.reads_everything else reader.person.id
        return cls(owner=owner, workflow=workflow, weeks=min(weeks, MOST_WEEKS), zone=zone)


@dataclass(frozen=True, slots=True)
class ReadableWorkflow:
    """A workflow that a reader may choose, with its id, its name, its title, and the id of the person who owns it.

    `is_seeded`: whether its owner wants tests of attention.
    """

    id: str
    name: str
    title: str
    owner: str
    is_seeded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GateKey:
    """A gate: the id, the name and the title of its workflow, and its step."""

    workflow: str
    name: str
    workflow_title: str
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateInsight:
    """What became of the requests of a gate that were opened in the weeks of a query.

    `edited`: of the approved ones. `open`: those that wait now, whenever they were opened; `open_since`: the oldest of
    them. `label`: the title of the step, or its id in words.
    """

    gate: GateKey
    opened: int = 0
    approved: int = 0
    edited: int = 0
    rejected: int = 0
    changes_requested: int = 0
    skipped: int = 0
    expired: int = 0
    cancelled: int = 0
    undone: int = 0
    sampled_out: int = 0
    open: int = 0
    open_since: datetime | None = None
    times: GroupedTimes = NO_TIMES
    label: str = ""
    is_current: bool = False
    """Whether the current version of the workflow has the gate."""
    is_form: bool = False
    """Whether people fill in what it asks, so that nothing can be approved unchanged."""
    has_plan: bool = False
    """Whether it has a sampling plan."""
    can_sample: bool = False
    """Whether a sampling plan is possible there: one person decides, and what is done can be undone."""
    reminds: bool = False

    @property
    def decided(self) -> int:
        return self.approved + self.rejected + self.changes_requested + self.skipped

    @property
    def unchanged(self) -> int:
        """Approved as they were shown, and not taken back."""
        return max(self.approved - self.edited - self.undone, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateEvidence:
    """What recommendations about a gate are tested with: of its current version, since people last said no to one.

    `decided`: without approvals by the person who started the run. `before`, `after`: see `ReminderInsight`.
    """

    decided: int = 0
    corrected: int = 0
    before: int = 0
    after: int = 0


NO_EVIDENCE: Final = GateEvidence()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderInsight:
    """What a reminder of a gate does: how often it was sent, and the decisions shortly before and after it."""

    gate: GateKey
    number: int
    sent: int
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldInsight:
    """How many of the approved requests of a gate had this field changed."""

    gate: GateKey
    field: str
    edits: int
    approved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelInsight:
    """How many copies were shown on a channel, and how many could not be."""

    channel: str
    shown: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadInsight:
    """How many decisions a person made."""

    person: str
    name: str
    decisions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GateChanges:
    """The recommended changes that people were asked for: those that wait, by run, and those that people refused."""

    waiting: Mapping[ChangeKey, str] = field(default_factory=dict)
    declined: frozenset[ChangeKey] = frozenset()

    def is_declined(self, key: ChangeKey) -> bool:
        return not self.declined.isdisjoint({key, (*key[:2], ANY_KIND)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Insights:
    """The counts of a query. `counted_until`: the time of the last event that is in them; None: none is.

    `by_hour`: by the hour of the day at which a request opened, in minutes after midnight of the time zone.
    `by_deadline`: by the class of its expiry (`engine.oversight.time_buckets`).
    `by_reminder`: by the number of reminders before, from the last of them to the next one or the end.
    """

    since: datetime
    until: datetime
    counted_until: datetime | None = None
    uncounted: int = 0
    """How many entries of the log are not counted yet: a few, or many after an upgrade."""
    workflows: tuple[ReadableWorkflow, ...] = ()
    """The workflows that the reader may choose, by name."""
    gates: tuple[GateInsight, ...] = ()
    by_hour: Mapping[int, GroupedTimes] = field(default_factory=dict)
    by_deadline: Mapping[int, GroupedTimes] = field(default_factory=dict)
    by_reminder: Mapping[int, GroupedTimes] = field(default_factory=dict)
    reminders: tuple[ReminderInsight, ...] = ()
    fields: tuple[FieldInsight, ...] = ()
    channels: tuple[ChannelInsight, ...] = ()
    load: tuple[LoadInsight, ...] = ()
    changes: GateChanges = GateChanges()
    evidence: Mapping[tuple[str, str], GateEvidence] = field(default_factory=dict)
    """What recommendations are tested with, by the id of the workflow and the step, whatever weeks are asked for."""

    @property
    def is_behind(self) -> bool:
        """Whether so much is not counted that a reader should know."""
        return self.uncounted > _LATE

    @property
    def opened(self) -> int:
        return sum(gate.opened for gate in self.gates)

    @property
    def times(self) -> GroupedTimes:
        """How long all of the requests waited."""
        return sum(self.by_deadline.values(), start=NO_TIMES)
