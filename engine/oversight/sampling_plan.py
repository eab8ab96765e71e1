"""A sampling plan: when a gate that people review in full may let a share through, and what ends that. Pure.

It is Dodge's continuous sampling plan CSP-1 with one rule on top: a person has to agree before a share goes through
without review. So many in a row are reviewed without a correction; then a share is drawn at random, and the first bad
news of any kind brings back the review of everything.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

LIFE: Final = timedelta(days=90)
"""How long people can agree that only a share is reviewed. Then everything is, until they agree anew."""
IDLE: Final = timedelta(days=20)
"""After so long without a run through the gate everything is reviewed again: what was learned may not hold any more."""
CLOCK_SLACK: Final = timedelta(minutes=1)
"""How far in the future an agreement may be, because a clock was set back a little. Beyond it, the clock was wrong."""
ANSWER_WITHIN: Final = timedelta(days=14)
"""How long the proposal to review only a share waits for an answer."""


class PlanStage(StrEnum):
    """What is reviewed: all requests of the plan, or a share of them that is drawn at random."""

    ALL = "all"
    SAMPLE = "sample"


class BadNews(StrEnum):
    """What ends the stage in which only a share is reviewed, at once. The values never change: the log holds them."""

    REJECTED = "rejected"
    EDITED = "edited"
    UNDONE = "undone"
    FAILED = "failed"
    DID_NOT_HAPPEN = "did_not_happen"
    INCIDENT = "incident"
    FLAGGED = "flagged"
    BY_HAND = "by_hand"


class Lapse(StrEnum):
    """Why people have to agree anew. The values never change: the log holds them."""

    TOO_OLD = "too_old"
    IDLE = "idle"
    NEW_KEY = "new_key"
    WRONG_CLOCK = "wrong_clock"


class SamplingPlan(Struct, frozen=True, kw_only=True):
    """What a gate says. `clean`: so many in a row before a share may go through. `share`: what is reviewed then.

    `later`: the share of what goes through that people look at afterwards.
    """

    clean: int
    share: Decimal
    later: Decimal


class PlanState(Struct, frozen=True, kw_only=True):
    """How far a plan has come. `clean`: reviewed in a row without a correction. `number`: of the stage, from 0 on.

    `reviewed`, `bad`: since the plan began. `by_requester`: those that are left out of `reviewed`, because the person
    approved who had started the run. `waits_for`: the request that was drawn for review and that no one has
    decided: until then everything is reviewed. `owed`: how many of those were withdrawn: as many others are reviewed in
    their place. `proposal`: the run that asks whether a share may go through. `used_at`: when one was counted last, or
    people agreed; what goes through without review is not counted here.
    """

    stage: PlanStage = PlanStage.ALL
    number: int = 0
    clean: int = 0
    reviewed: int = 0
    bad: int = 0
    by_requester: int = 0
    owed: int = 0
    waits_for: str | None = None
    proposal: str | None = None
    proposed_at: datetime | None = None
    agreed_by: str | None = None
    agreed_at: datetime | None = None
    used_at: datetime | None = None

    @property
    def lapses_at(self) -> datetime | None:
        """When people have to agree anew at the latest, or None if everything is reviewed."""
        return self.agreed_at + LIFE if self.agreed_at is not None else None


NEW: Final = PlanState()


def after_review(state: PlanState, request: str | None = None, *, now: datetime | None = None) -> PlanState:
    """Return the state after a person approved a request without a correction, `now`."""
    # One replacement, because each decision makes it.
    return replace(
        state,
        clean=state.clean + 1,
        reviewed=state.reviewed + 1,
        waits_for=None if state.waits_for == request else state.waits_for,
        used_at=now or state.used_at,
    )


def after_own_approval(state: PlanState, request: str | None = None, *, now: datetime | None = None) -> PlanState:
    """Return the state after the person approved a request who had started its run, `now`.

    It is no evidence: no one reviews their own program. If it was drawn, another one is reviewed in its place.
    """
    left_out = replace(state, by_requester=state.by_requester + 1, used_at=now or state.used_at)
    is_drawn = request is not None and state.waits_for == request
    return after_withdrawal(left_out, request) if is_drawn and request is not None else left_out


def after_correction(state: PlanState) -> PlanState:
    """Return the state after a person rejected a request, or changed it."""
    return after_bad_news(replace(state, reviewed=state.reviewed + 1, bad=state.bad + 1))


def after_bad_news(state: PlanState) -> PlanState:
    """Return the state after bad news: everything is reviewed, and the counting begins anew."""
    return _all_reviewed(state)


def may_propose(plan: SamplingPlan, state: PlanState) -> bool:
    """Return whether people can be asked to let a share through."""
    return state.stage is PlanStage.ALL and state.proposal is None and state.clean >= plan.clean


def after_proposal(state: PlanState, proposal: str, now: datetime) -> PlanState:
    """Return the state while people are asked. `proposal`: the run that asks."""
    return replace(state, proposal=proposal, proposed_at=now)


def after_refusal(state: PlanState) -> PlanState:
    """Return the state after people said no, or nothing: the counting begins anew."""
    return _all_reviewed(state)


def after_agreement(plan: SamplingPlan, state: PlanState, proposal: str, *, person: str, now: datetime) -> PlanState:
    """Return the state after a person agreed to a proposal; the same state if it is not open any more."""
    if state.stage is PlanStage.SAMPLE or state.proposal != proposal or state.clean < plan.clean:
        return state
    return replace(
        state,
        stage=PlanStage.SAMPLE,
        number=state.number + 1,
        owed=0,
        waits_for=None,
        proposal=None,
        proposed_at=None,
        agreed_by=person,
        agreed_at=now,
        used_at=now,
    )


def lapse(state: PlanState, now: datetime, *, used_at: datetime | None = None) -> Lapse | None:
    """Return why the stage has come to its end, or None. `used_at`: when a run came through the gate last."""
    if state.stage is PlanStage.ALL or state.agreed_at is None:
        return None
    if now >= state.agreed_at + LIFE:
        return Lapse.TOO_OLD
    if now < state.agreed_at - CLOCK_SLACK:
        # It would last for longer than people agreed to, as long as the clock had been ahead.
        return Lapse.WRONG_CLOCK
    return Lapse.IDLE if now >= _last_use(state, used_at) + IDLE else None


def next_look(state: PlanState, *, used_at: datetime | None = None) -> datetime | None:
    """Return when the stage or the proposal could come to its end, or None if neither can by itself."""
    if state.stage is PlanStage.SAMPLE and state.agreed_at is not None:
        return min(state.agreed_at + LIFE, _last_use(state, used_at) + IDLE)
    return None


def after_lapse(state: PlanState) -> PlanState:
    """Return the state after the agreement lapsed: everything is reviewed, and the counting begins anew."""
    return _all_reviewed(state)


def after_draw(state: PlanState, request: str, *, is_owed: bool = False, now: datetime | None = None) -> PlanState:
    """Return the state after a request was drawn for review, `now`: all are reviewed until people have decided it.

    Otherwise many could go through at once while the one waits that would bring back the review of everything.
    `is_owed`: it is reviewed in the place of one that was withdrawn.
    """
    return replace(state, waits_for=request, owed=max(0, state.owed - is_owed), used_at=now or state.used_at)


def after_withdrawal(state: PlanState, request: str) -> PlanState:
    """Return the state after a request that was drawn for review was withdrawn, or no one decided it.

    Otherwise a requester could start again and again until nothing is drawn.
    """
    return replace(_without(state, request), owed=state.owed + 1) if state.stage is PlanStage.SAMPLE else state


def _last_use(state: PlanState, used_at: datetime | None) -> datetime:
    assert state.agreed_at is not None
    return max(state.agreed_at, state.used_at or state.agreed_at, used_at or state.agreed_at)


def _without(state: PlanState, request: str | None) -> PlanState:
    return replace(state, waits_for=None) if request is not None and state.waits_for == request else state


def _all_reviewed(state: PlanState) -> PlanState:
    return replace(
        state,
        stage=PlanStage.ALL,
        clean=0,
        owed=0,
        waits_for=None,
        proposal=None,
        proposed_at=None,
        agreed_by=None,
        agreed_at=None,
    )
