"""What is said to the server, step by step, without input or output: the two clients carry it out in their own ways.

Each function is a generator that yields calls and pauses, and is sent the replies. A lost connection, a restart of the
server and a rate limit are retried here, with the same idempotency key, so that nothing happens twice.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from uuid import uuid4

from signoff import json_text
from signoff.errors import (
    AlreadyUsed,
    Cancelled,
    Expired,
    Lapsed,
    NotApproved,
    Refused,
    Rejected,
    SignoffError,
    StillWaiting,
    UnclearAnswer,
    Unreachable,
)
from signoff.records import Ask, Unreadable

_LOG: Final = logging.getLogger("signoff")
POLL: Final = 30
"""How long the server holds one poll, in seconds."""
PATIENCE: Final = 60.0
"""How long a call other than a poll is repeated by default while the server does not answer, in seconds."""
_LONGEST_PAUSE: Final = 5.0
_SHORTEST_POLL: Final = 0.5
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_ENDS: Final[Mapping[str, type[NotApproved]]] = {"rejected": Rejected, "expired": Expired, "cancelled": Cancelled}
_REFUSALS: Final[Mapping[str, type[NotApproved]]] = {"already-consumed": AlreadyUsed, "approval-lapsed": Lapsed}


@dataclass(frozen=True)
class Call:
    """A request to send. The answer is a `Reply`, or `Lost`."""

    method: str
    path: str
    body: bytes | None = None
    key: str | None = None
    seconds: float = 30.0
    """How long to wait for the answer."""


@dataclass(frozen=True)
class Pause:
    """A time to wait, in seconds."""

    seconds: float


@dataclass(frozen=True)
class Reply:
    """An answer of the server."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Lost:
    """No answer came, and it is not known whether the server got the request."""

    why: str


Steps: TypeAlias = Generator[Call | Pause, Reply | Lost, Any]
Talk: TypeAlias = Generator[Call | Pause, Reply | Lost, Ask]


def create(body: Mapping[str, Any], key: str, patience: float) -> Talk:
    """Ask. The same key with the same body is the same ask."""
    call = Call("POST", "/asks", json_text.encode(dict(body)), key)
    return (yield from _ask_of(call, patience))


def look(ask: str, patience: float) -> Talk:
    """Return an ask as it is now."""
    return (yield from _ask_of(Call("GET", f"/asks/{ask}"), patience, ask))


def wait(ask: Ask, timeout: float | None) -> Talk:
    """Wait until an ask is decided, over restarts of the server and lost connections."""
    end = None if timeout is None else time.monotonic() + timeout
    while ask.status == "pending":
        left = POLL if end is None else end - time.monotonic()
        if left <= 0:
            raise StillWaiting(
                f"{ask.title!r} was not decided within {timeout:g} second{'' if timeout == 1 else 's'}.", ask
            )
        seconds = max(1, min(POLL, int(left)))
        began = time.monotonic()
        call = Call("GET", f"/asks/{ask.id}?wait={seconds}s", seconds=seconds + 15.0)
        ask = yield from _ask_of(call, left if end is not None else None, ask.id)
        if ask.status == "pending" and time.monotonic() - began < _SHORTEST_POLL:
            yield Pause(1.0)  # a proxy that holds no answer back must not make this loop spin
    return ask


def approved(ask: Ask) -> Ask:
    """Return an ask that is approved and not used. Raise what it is instead."""
    if ask.consumed_at is not None:
        raise AlreadyUsed(ask)
    if ask.status == "approved":
        return ask
    if ask.status == "expired" and ask.decision is not None and ask.decision.verdict == "approved":
        raise Lapsed(ask)
    raise _ENDS.get(ask.status, NotApproved)(ask)


def consume(ask: Ask, patience: float, key: str | None = None) -> Talk:
    """Take the approval of an ask, exactly once.

    Without a `key` it is new in each call: only this call, repeated after a lost connection, gets the approval twice.
    """
    bound = {"arguments": ask.arguments} if ask.digest is None else {"digest": ask.digest}
    call = Call("POST", f"/asks/{ask.id}/consume", json_text.encode(bound), key or uuid4().hex)
    try:
        used = yield from _ask_of(call, patience, ask.id)
    except Refused as refusal:
        if (kind := _REFUSALS.get(refusal.code)) is None:
            raise
        now = yield from look(ask.id, patience)
        raise kind(now) from None
    if used.consumed_at is None or used.status != "approved" or used.digest != ask.digest:
        raise UnclearAnswer(f"The server did not confirm that the approval of {ask.title!r} was used. Nothing has run.")
    return used


def report(ask: str, status: str, note: str | None, result: object, patience: float) -> Talk:
    """Report what became of the effect."""
    body = {"status": status} | ({"note": note} if note else {}) | ({} if result is None else {"result": result})
    call = Call("POST", f"/asks/{ask}/outcome", json_text.encode(body), uuid4().hex)
    return (yield from _ask_of(call, patience, ask))


def cancel(ask: str, reason: str, patience: float) -> Talk:
    """Cancel an ask."""
    call = Call("POST", f"/asks/{ask}/cancel", json_text.encode({"reason": reason} if reason else {}), uuid4().hex)
    return (yield from _ask_of(call, patience, ask))


def _ask_of(call: Call, patience: float | None, ask: str | None = None) -> Talk:
    """Make a call whose answer is an ask, the one that was meant."""
    answer = yield from _answered(call, patience)
    try:
        found = Ask.read(answer)
    except Unreadable as error:
        raise UnclearAnswer(f"The server sent an answer that is no ask: {error}. {_ADVICE}") from None
    if ask is not None and found.id != ask:
        raise UnclearAnswer(f"The server sent another ask than {ask}. {_ADVICE}")
    return found


_ADVICE: Final = "Nothing has run. Check that SIGNOFF_URL is the address of a Signoff server."


def _answered(call: Call, patience: float | None) -> Steps:
    """Make a call until it is answered, and return the JSON of the answer. `patience`: None never gives up."""
    end = None if patience is None else time.monotonic() + patience
    tries = 0
    while True:
        reply = yield call
        if isinstance(reply, Reply) and reply.status not in _AGAIN:
            return _read(reply)
        if tries == 1 and isinstance(reply, Lost):
            _LOG.warning("Signoff does not answer (%s). Trying again.", reply.why)
        pause = max(_pause(reply), min(_LONGEST_PAUSE, 0.2 * 2**tries) * random.uniform(0.5, 1.0))  # noqa: S311
        if end is not None and time.monotonic() + pause > end:
            raise _given_up(reply)
        yield Pause(pause)
        tries = min(tries + 1, 10)


def _pause(reply: Reply | Lost) -> float:
    """Return for how long the server asks to wait, in seconds."""
    text = reply.headers.get("retry-after", "") if isinstance(reply, Reply) else ""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0.0


def _read(reply: Reply) -> Any:
    is_json = reply.headers.get("content-type", "").partition(";")[0].strip().endswith("json")
    try:
        value = json_text.decode(reply.body) if is_json else None
    except ValueError:
        value = None
    if reply.status in (200, 201) and value is not None:
        return value
    if reply.status >= 400 and isinstance(value, dict) and isinstance(value.get("code"), str):
        raise _refused(reply.status, value)
    raise UnclearAnswer(f"The server answered with {reply.status}, and not as Signoff does. {_ADVICE}")


def _refused(status: int, problem: Mapping[str, Any]) -> Refused:
    errors = problem.get("errors")
    return Refused(
        str(problem.get("detail") or problem.get("title") or problem["code"]),
        code=problem["code"],
        status=status,
        errors={str(path): str(text) for path, text in errors.items()} if isinstance(errors, dict) else None,
    )


def _given_up(reply: Reply | Lost) -> SignoffError:
    if isinstance(reply, Lost):
        return Unreachable(f"Signoff did not answer ({reply.why}). Check SIGNOFF_URL, and whether the server runs.")
    if reply.status == 429:
        return Unreachable("Signoff answers that this API key makes too many calls. Wait a minute, or raise its limit.")
    return Unreachable(f"Signoff answered with the error {reply.status} each time. Try again later.")
