"""The draw: whether a person reviews a request while only a share is reviewed. Pure.

Each stage has a salt that no one outside of the server knows while it lasts. The log holds the SHA-256 of the salt from
the beginning and the salt itself at the end, so that everyone can check every draw afterwards, and no one foresees one.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final, TypeAlias

from msgspec import Struct

from engine.oversight.sampling_plan import SamplingPlan

_SIZE: Final = 8
"""Number of bytes of a draw."""
_OF: Final = 1 << (8 * _SIZE)
LATER: Final = "later"
"""What is added to the key of a visit for the second draw: whether people look at it afterwards."""


def salt_of(key: bytes, plan: str, number: int) -> bytes:
    """Return the salt of a stage of a plan. `key`: of this server."""
    return hmac.digest(key, f"sampling salt\n{plan}\n{number}".encode(), hashlib.sha256)


def commitment(salt: bytes) -> str:
    """Return what the log holds of a salt that is still secret."""
    return hashlib.sha256(salt).hexdigest()


def visit_key(run: str, step: str, visit: int) -> str:
    """Return the key under which a visit of a run to a step is drawn."""
    return f"{run}/{step}/{visit}"


def is_drawn(salt: bytes, key: str, share: Decimal) -> bool:
    """Return whether what has this key is drawn, of a share between 0 and 1."""
    keyed = _keyed(salt).copy()
    keyed.update(key.encode())
    return int.from_bytes(keyed.digest()[:_SIZE]) < share * _OF


@lru_cache(256)
def _keyed(salt: bytes) -> hmac.HMAC:
    """Return the code of an empty text: a copy of it takes a text in half of the time that a new one takes."""
    return hmac.new(salt, digestmod=hashlib.sha256)


class DrawnPlan(Struct, frozen=True, kw_only=True):
    """A sampling plan as a run finds it. `number`: of its stage. `salt`: of that stage, or None if all is reviewed.

    `plan`: its id, or empty if nothing was counted yet. `owed`: how many are reviewed whatever is drawn. `is_first`:
    nothing was counted yet. These requests get a row, so that each plan has a run; of others the entry in the log says
    how they were drawn.
    """

    plan: str = ""
    number: int = 0
    salt: bytes | None = None
    owed: int = 0
    is_first: bool = False
    models: tuple[tuple[str, str], ...] = ()
    """The language models that drafted what the run is about to do, each with the label of its step."""


class GateDraw(Struct, frozen=True, kw_only=True):
    """A visit of a run to a gate with a sampling plan, which counts it. `class_name`: what is counted by itself.

    `number`: of the stage, and whether `is_sample`: only a share is reviewed in it. `goes_through`: no one reviews it
    before. `is_owed`: it is reviewed in the place of another one. `is_later`: people look at it afterwards.
    """

    step: str
    visit: int
    class_name: str
    plan: str
    number: int
    is_sample: bool
    goes_through: bool
    is_owed: bool = False
    is_later: bool = False
    is_first: bool = False
    models: tuple[tuple[str, str], ...] = ()
    digest: str = ""
    """Of the content that goes through."""


VisitKey: TypeAlias = tuple[str, str, int]
"""A run, its step, and the visit to it. Exports are in the order of these keys."""


class UnreviewedVisit(Struct, frozen=True, kw_only=True):
    """A visit of a run to a step that went through without review, for an export. `at`: when."""

    run: str
    workflow: str
    version: int
    hash: str
    step: str
    step_title: str
    visit: int
    requester: str
    requester_name: str
    at: datetime

    @property
    def key(self) -> VisitKey:
        return self.run, self.step, self.visit


def drawn(found: DrawnPlan, run: str, step: str, visit: int, *, class_name: str, plan: SamplingPlan) -> GateDraw:
    """Draw a visit of a run, by what the run found of its plan."""
    key = visit_key(run, step, visit)
    is_wanted = found.salt is None or is_drawn(found.salt, key, plan.share)
    goes_through = not is_wanted and found.owed == 0
    return GateDraw(
        step=step,
        visit=visit,
        class_name=class_name,
        plan=found.plan,
        number=found.number,
        is_sample=found.salt is not None,
        goes_through=goes_through,
        is_owed=not is_wanted and found.owed > 0,
        is_later=goes_through and found.salt is not None and is_drawn(found.salt, f"{key}/{LATER}", plan.later),
        is_first=found.is_first,
        models=found.models,
    )
