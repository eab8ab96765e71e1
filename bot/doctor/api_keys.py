"""Checks of API keys: those that have expired, are not used, or are refused; and whether they travel encrypted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

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
        yield ok("work.keys", f"API keys that programs can use: {len(working)}.")


def _of_keys(context: CheckContext, views: list[ApiKeyView]) -> Iterator[Finding]:
    now = context.clock.now()
    working = [view for view in views if view.state(now) == "active"]
    expired = [view for view in views if view.state(now) == "expired"]
    ending = [view for view in working if view.expires_at is not None and view.expires_at <= now + SOON]
    unused = [view for view in working if (view.used_at or view.rotated_at or view.created_at) <= now - UNUSED]
    refused = [view for view in views if view.refused_at is not None and view.refused_at > now - LATELY]
    rotate, revoke = "signoff keys rotate KEY", "signoff keys revoke KEY"
    for found, what, advice in (
        (expired, "API keys that have expired", f"Renew those that are needed: {rotate}. End the others: {revoke}"),
        (ending, f"API keys that expire within {SOON.days} days", f"Give their programs new ones: {rotate}"),
        (unused, f"API keys that no program has used for {UNUSED.days} days", f"End those without a use: {revoke}"),
        (
            refused,
            f"API keys of which a use was refused in the last {LATELY.days} days",
            "A program has an old or a wrong key, or tries more than it may. The log says which: signoff audit export",
        ),
    ):
        if found:
            yield warning("work.keys", f"{what}: {_named(found)}.", advice)


def _named(views: list[ApiKeyView]) -> str:
    more = f" and {len(views) - _MOST} more" if len(views) > _MOST else ""
    return ", ".join(view.name for view in views[:_MOST]) + more


def _of_address(context: CheckContext) -> Iterator[Finding]:
    """Check that programs can call this server, and that their keys cannot be read on the way."""
    settings = context.settings
    if not context.unusable.isdisjoint({"public_url", "host"}):
        return
    if not settings.public_url:
        yield warning(
            "work.keys",
            "There are API keys, and this server has no address that programs can call.",
            "Set SIGNOFF_PUBLIC_URL to the address of this server.",
        )
    elif urlsplit(settings.public_url).scheme == "http" and not is_loopback(settings.host):
        yield warning(
            "work.keys",
            f"Programs on other machines send their API keys unencrypted: this server listens on {settings.host}, and "
            f"SIGNOFF_PUBLIC_URL is {settings.public_url}.",
            "Listen on 127.0.0.1, or put a proxy with TLS in front and set SIGNOFF_PUBLIC_URL to its https address.",
        )


CHECKS: Final = (keys,)
