"""Checks of callbacks: the endpoints of programs that are switched off, or whose calls fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from bot.doctor import workload
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, ok, warning
from engine.domain import DEFAULT_WORKSPACE
from engine.domain.callbacks import CallbackEndpointView, EndpointState
from engine.store import callback_endpoints

_MOST: Final = 3
"""Endpoints that are named one by one."""


def endpoints(context: CheckContext) -> Iterator[Finding]:
    """Check the endpoints that programs have for callbacks."""
    views = workload.read(context, lambda connection: callback_endpoints.views(connection, DEFAULT_WORKSPACE))
    if not views:
        return
    off = [view for view in views if view.state is EndpointState.OFF]
    failing = [view for view in views if view.state is EndpointState.ACTIVE and view.failures]
    if off:
        advice = "If a program wants callbacks again: signoff callbacks enable ENDPOINT. Else: signoff callbacks remove"
        yield warning("work.callbacks", f"Callbacks are switched off: {_named(off, _why_off)}.", advice)
    if failing:
        yield warning("work.callbacks", f"Callbacks do not arrive: {_named(failing, _why_failing)}.", _CORRECT)
    if not off and not failing:
        yield ok("work.callbacks", f"Endpoints of callbacks: {len(views)}. The last call to each arrived.")


_CORRECT: Final = (
    "Correct the program or its address. A running server repeats these callbacks for three days. After that, "
    "send each again: signoff retry REQUEST"
)


def _why_off(view: CallbackEndpointView) -> str:
    return (view.error or "").rstrip(".")


def _why_failing(view: CallbackEndpointView) -> str:
    calls = "the last call" if view.failures == 1 else f"the last {view.failures} calls"
    since = view.failing_since and f" since {view.failing_since:%Y-%m-%d %H:%M} UTC"
    return f"{calls} failed{since}. {_why_off(view)}"


def _named(views: list[CallbackEndpointView], why: Callable[[CallbackEndpointView], str]) -> str:
    """Return which endpoints these are, without their URLs: a path may hold a secret, and reports are passed on."""
    more = f"; and {len(views) - _MOST} more" if len(views) > _MOST else ""
    return "; ".join(f"{view.key_name} ({view.id}): {why(view)}" for view in views[:_MOST]) + more


CHECKS: Final = (endpoints,)
