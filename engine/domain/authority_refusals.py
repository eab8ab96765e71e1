"""Refusals of decisions that go beyond what a person may approve: above their limit, or at a higher risk."""

from __future__ import annotations

from engine.domain.results import Refusal


class OverLimit(Refusal, frozen=True, kw_only=True):
    """The amount is above the limit of the person. `amount` is None if it could not be told, and `unclear` says why.

    `is_edited`: it is the amount with what they changed.
    """

    limit: str
    amount: str | None
    unclear: str | None = None
    is_edited: bool = False
    approvers: tuple[str, ...]


class RiskRaised(Refusal, frozen=True, kw_only=True):
    """An edit raises the level of risk, for which the gate may ask other people. `before`: the level as it opened."""

    level: str
    before: str
