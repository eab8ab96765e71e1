"""Checks of API keys: those that have expired, are not used, or are refused; and whether they travel encrypted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from bot.api.application import PREFIX
from bot.doctor import workload
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, ok, warning
from bot.setting_values import is_loopback
from engine.domain import DEFAULT_WORKSPACE
from engine.domain.api_keys import ApiKeyView
from engine.store import api_keys

UNUSED: Final = timedelta(days=90)
"""How long a key may be unused before that is reported."""
SOON: Final = timedelta(days=14)
"""How long before its expiry a key is reported that is in use."""
LATELY: Final = timedelta(days=7)
"""How long a refused use of a key is reported."""
_MOST: Final = 5
"""Keys that are named one by one."""


def keys(context: CheckContext) -> Iterator[Finding]:
    """Check the API keys that programs have."""
    views = workload.read(context, lambda connection: api_keys.views(connection, DEFAULT_WORKSPACE))
    if views is None:
        return
    now = context.clock.now()
    working = [view for view in views if view.state(now) == "active"]
    findings = [*_of_keys(context, views), *(_of_address(context) if working else ())]
    yield from findings
    if not findings:
        yield ok("work.keys", f"API keys that programs can use: {len(working)}.{_where(context)}")


def _where(context: CheckContext) -> str:
    """Return where programs call this server, if it has an address."""
    url = context.settings.public_url
    return f" Programs call {url}{PREFIX}, and {url}{PREFIX}/openapi.json describes it." if url else ""


def _of_keys(context: CheckContext, views: list[ApiKeyView]) -> Iterator[Finding]:
    now = context.clock.now()
    for needs_look, what, advice in _KINDS:
        found = [view for view in views if needs_look(view, now)]
        if found:
            yield warning("work.keys", f"{what}: {_named(found)}.", advice)


def _is_ending(view: ApiKeyView, now: datetime) -> bool:
    return view.state(now) == "active" and view.expires_at is not None and view.expires_at <= now + SOON


def _is_unused(view: ApiKeyView, now: datetime) -> bool:
    return view.state(now) == "active" and (view.used_at or view.rotated_at or view.created_at) <= now - UNUSED


_KINDS: Final[tuple[tuple[Callable[[ApiKeyView, datetime], bool], str, str], ...]] = (
    (
        lambda view, now: view.state(now) == "expired",
        "API keys that have expired",
        "Renew those that are needed: signoff keys rotate KEY. End the others: signoff keys revoke KEY",
    ),
    (
        _is_ending,
        f"API keys that expire within {SOON.days} days",
        "Give their programs new ones: signoff keys rotate KEY",
    ),
    (
        _is_unused,
        f"API keys that no program has used for {UNUSED.days} days",
        "End those without a use: signoff keys revoke KEY",
    ),
    (
        lambda view, now: view.refused_at is not None and view.refused_at > now - LATELY,
        f"API keys of which a use was refused in the last {LATELY.days} days",
        "A program has an old or a wrong key, or tries more than it may. The log says which: signoff audit export",
    ),
)
"""Which keys need a look, what is said of them, and the advice."""


def _named(views: list[ApiKeyView]) -> str:
    more = f" and {len(views) - _MOST} more" if len(views) > _MOST else ""
    return ", ".join(view.name for view in views[:_MOST]) + more


def _of_address(context: CheckContext) -> Iterator[Finding]:
    """Check that programs can call this server, and that their keys cannot be read on the way."""
    url, host = context.settings.public_url, context.settings.host
    if not context.unusable.isdisjoint({"public_url", "host"}):
        return
    if not url:
        said = "There are API keys, and this server has no address that programs can call."
        yield warning("work.keys", said, "Set SIGNOFF_PUBLIC_URL to the address of this server.")
    elif urlsplit(url).scheme == "http" and not is_loopback(host):
        said = "Programs on other machines send their API keys unencrypted: this server listens on"
        advice = (
            "Listen on 127.0.0.1, or put a proxy with TLS in front and set SIGNOFF_PUBLIC_URL to its https address."
        )
        yield warning("work.keys", f"{said} {host}, and SIGNOFF_PUBLIC_URL is {url}.", advice)


CHECKS: Final = (keys,)
