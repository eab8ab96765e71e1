"""What an email with a code is about, for the channel that renders it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.domain import Decide, Person, Resume
from engine.read_models import RequestView, RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeDelivery:
    """The content of an email with a code. `digits`: the length of the code. `label`: the name of the browser.

    The code confirms the `decision` on the `request`, or the `answer` for the `run` with the `shown_values`, or it
    signs in. `wanted` is False if the code was used or has expired.
    """

    delivery: str
    person: Person
    challenge: str
    until: datetime
    wanted: bool
    digits: int
    reference: str = ""
    label: str = ""
    request: RequestView | None = None
    decision: Decide | None = None
    run: RunView | None = None
    answer: Resume | None = None
    shown_values: tuple[tuple[str, str], ...] = ()
