"""What clients of the Agent Approval Protocol send, read strictly: one value for one text, nothing unknown. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Final

from msgspec import Struct

from bot.aap.errors import invalid
from bot.api import json_bodies
from bot.api.problems import ApiProblem
from engine.json_values import Value

MOST_WAIT: Final = timedelta(seconds=30)
"""How long one call waits for a decision at most, whatever it asks for."""
LONGEST: Final = timedelta(days=366)
"""The longest time that a client can leave for a decision."""
_FIELDS: Final = ("tool", "server", "arguments", "timeout", "agent_reasoning", "context")
_DURATION: Final = re.compile(r"([1-9][0-9]{0,8})([smh])", re.ASCII)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours"}


class SubmittedCall(Struct, frozen=True, kw_only=True):
    """A tool call that waits for approval. `echo`: the fields as they were sent, which every answer gives back."""

    tool: str
    server: str | None
    arguments: Mapping[str, Value]
    timeout: timedelta
    reasoning: str | None
    context: Mapping[str, Value]
    echo: Mapping[str, Value]


class OutcomeReport(Struct, frozen=True):
    """What became of the effect: `succeeded` or `failed`."""

    status: str
    note: str | None


def read_submission(body: bytes) -> SubmittedCall:
    """Return the tool call of a body. Raises `ProtocolError`, which names the field."""
    sent = read_object(body, _FIELDS, required=("tool", "arguments", "timeout"))
    return SubmittedCall(
        tool=text(sent, "tool"),
        server=text(sent, "server") if "server" in sent else None,
        arguments=_mapping(sent, "arguments"),
        timeout=_timeout(sent),
        reasoning=text(sent, "agent_reasoning", empty=True) if "agent_reasoning" in sent else None,
        context=_mapping(sent, "context") if "context" in sent else {},
        echo=sent,
    )


def read_outcome(body: bytes) -> OutcomeReport:
    """Return the outcome that a body reports. Raises `ProtocolError`."""
    sent = read_object(body, ("status", "note"), required=("status",))
    status = text(sent, "status")
    if status not in ("succeeded", "failed"):
        raise invalid("`status` has to be succeeded or failed.", "status")
    return OutcomeReport(status, text(sent, "note") if "note" in sent else None)


def read_wait(written: str | None) -> timedelta:
    """Return how long a call waits. Raises `ProtocolError` for anything but a duration."""
    if written is None:
        return timedelta()
    wait = duration(written)
    if wait is None:
        raise invalid("`wait` has to be a whole number with its unit, such as 30s.", "wait")
    return min(wait, MOST_WAIT)


def duration(written: str) -> timedelta | None:
    """Return the time of a text such as 30s, 30m or 24h, or None if it is no such text."""
    match = _DURATION.fullmatch(written)
    return timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None


def _timeout(sent: Mapping[str, Value]) -> timedelta:
    timeout = duration(text(sent, "timeout"))
    if timeout is None:
        raise invalid("`timeout` has to be a whole number with its unit, such as 30s, 30m or 24h.", "timeout")
    if timeout > LONGEST:
        raise invalid(f"`timeout` has to be at most {LONGEST // timedelta(hours=1)}h.", "timeout")
    return timeout


def text(sent: Mapping[str, Value], name: str, *, empty: bool = False) -> str:
    """Return a field that has to be a text. Raises `ProtocolError`."""
    value = sent[name]
    if not isinstance(value, str) or not (value or empty):
        raise invalid(f"`{name}` has to be a text{'' if empty else ' that is not empty'}.", name)
    return value


def _mapping(sent: Mapping[str, Value], name: str) -> Mapping[str, Value]:
    value = sent[name]
    if not isinstance(value, dict):
        raise invalid(f"`{name}` has to be an object.", name)
    return value


def read_object(
    body: bytes, known: Collection[str], *, required: Collection[str], nullable: Collection[str] = ()
) -> dict[str, Value]:
    """Return the fields of a body, each of which is known, and not null unless it may be. Raises `ProtocolError`."""
    sent = read_json(body)
    if not isinstance(sent, dict):
        raise invalid("The body has to be a JSON object.")
    for name, value in sent.items():
        if name not in known:
            raise invalid(f"The field `{name}` is unknown here.", name)
        if value is None and name not in nullable:
            raise invalid(f"`{name}` is null. Leave it out instead.", name)
    if missing := next((name for name in required if name not in sent), None):
        raise invalid(f"`{missing}` is missing.", missing)
    return sent


def read_json(body: bytes) -> Value:
    """Return the value of a body with its exact numbers.

    Raises `ProtocolError` for what cannot be given back exactly, and for a key that comes twice: readers of JSON differ
    about those, so what people approve might not be what the client then runs.
    """
    try:
        value = json_bodies.parse(body)
    except ApiProblem as problem:
        raise invalid(problem.detail) from None
    if json.loads(body, parse_float=Decimal) != value or _has_nul(value):
        raise invalid("The body has characters that cannot be kept: U+0000, or half of an emoji.")
    return value


def _has_nul(value: Value) -> bool:
    match value:
        case str():
            return "\0" in value
        case list():
            return any(map(_has_nul, value))
        case dict():
            return any("\0" in key or _has_nul(item) for key, item in value.items())
    return False
