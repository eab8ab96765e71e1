"""What follows from the answer to an oversight request, by its purpose.

A follower is called in the unit that ends the request, once. Each is a function in a module of its own, and one line
here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from engine.delivery.recipients import Resolved
from engine.domain.oversight import OversightPurpose
from engine.requests.oversight_request import EndedOversightRequest
from engine.service import gate_changes, later_reviews, new_versions, plan_stages, seeded_requests
from engine.service.context import CommandContext
from engine.store.port import Tx

Follower: TypeAlias = Callable[[CommandContext, Tx, EndedOversightRequest, Resolved], None]

FOLLOWERS: Final[Mapping[OversightPurpose, Follower]] = {
    OversightPurpose.CHANGE_STAGE: plan_stages.follow,
    OversightPurpose.LATER_REVIEW: later_reviews.follow,
    OversightPurpose.CHANGE_GATE: gate_changes.follow,
    OversightPurpose.SEEDED: seeded_requests.follow,
    OversightPurpose.NEW_VERSION: new_versions.follow,
}
