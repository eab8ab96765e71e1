"""What a request tells about the program that asks: who it is, what it calls, and which words are its own."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from engine.domain.asks import AskStatus, AskUse, OutcomeStatus

TITLE = "title"
REASON = "reason"
RISK = "risk"
"""Names of texts in `AskFacts.claims`. The others are the keys of the context of a gate."""


class AskFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an ask says of itself, as its request keeps it. `agent`: the name of the API key.

    `claims`: the texts of the request that are the program's own words; all others were written by the workflow.
    `rule`: the rule that matched, such as `rule 3: refund`.
    """

    agent: str
    use: AskUse
    claims: tuple[str, ...] = ()
    tool: str | None = None
    server: str | None = None
    risk: str | None = None
    rule: str | None = None
    acts_for: str | None = None


class AskGrant(Struct, frozen=True, kw_only=True):
    """What became of the approval of an ask. `outcome` and `note`: what the program reported, if it did."""

    status: AskStatus
    valid_until: datetime | None = None
    consumed_at: datetime | None = None
    outcome: OutcomeStatus | None = None
    outcome_at: datetime | None = None
    note: str | None = None
