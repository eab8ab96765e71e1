"""Checks of what Signoff itself asks: whether there is a person who may answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bot.doctor import workload
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, warning
from engine.store import health

_ADVICE: Final = (
    "Nothing is approved meanwhile. Name an admin who did not register that workflow in SIGNOFF_ADMINS, or give the "
    "workflow another owner. Signoff asks again by itself."
)


def requests(context: CheckContext) -> Iterator[Finding]:
    """Check that a person can decide each request that Signoff itself opened."""
    found = workload.read(context, health.oversight_without_deciders)
    if found is None or not found.count:
        return
    more = f", and {found.count - len(found.first)} more" if found.count > len(found.first) else ""
    named = ", ".join(found.first)
    yield warning("work.oversight", f"No person can decide what Signoff asks: {named}{more}.", _ADVICE)


CHECKS: Final = (requests,)
