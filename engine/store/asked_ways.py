"""The ways by which approvers are asked, in the JSON column of a request. The usual ones are not written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from engine.domain import EVERY_WAY, EmailPolicy, Ways
from engine.domain.statuses import by_value
from engine.json_values import Value

_POLICIES = by_value(EmailPolicy)


def details(ways: Ways) -> dict[str, Value]:
    """Return what is written about the ways."""
    written: dict[str, Value] = {}
    if ways.email is not EmailPolicy.FALLBACK:
        written["email"] = ways.email
    if ways.names:
        written["ways"] = list[Value](ways.names)
    if ways.post_to is not None:
        written["post_to"] = ways.post_to
    return written


def read(stored: Mapping[str, Any]) -> Ways:
    """Return the ways that `details` wrote."""
    if stored.keys().isdisjoint(("email", "ways", "post_to")):
        return EVERY_WAY
    names = tuple(cast("list[str]", stored.get("ways", [])))
    return Ways(email=_POLICIES[stored.get("email", "fallback")], names=names, post_to=stored.get("post_to"))
