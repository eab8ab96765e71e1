"""Faults on demand, for calls of the Web API (and of response_urls) and for deliveries to the app.

A fault names what it hits: a method such as `chat.update`, `response_url`, `*` (every call), or `deliver:interactive`,
`deliver:slash_commands`, `deliver:events_api`. Faults that hit the same thing are used in the order they were added.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final, Literal

from bot.devtools.sandbox.armed_faults import ArmedFaults
from bot.devtools.sandbox.jsontypes import Json

FaultKind = Literal["error", "status", "ratelimited", "slow", "reset", "lost", "hang", "duplicate", "drop", "signature"]
KINDS: Final = frozenset(FaultKind.__args__)  # type: ignore[attr-defined]
DELIVERY_KINDS: Final = frozenset({"slow", "duplicate", "drop", "signature"})


@dataclass(kw_only=True)
class Fault:
    """One fault, to be used `times` times (None: until it is cleared).

    | kind | what happens |
    |---|---|
    | error | `{"ok": false, "error": code}`; with `landed` the call's effect happened all the same |
    | status | an HTTP status with `body` (default: a page of HTML) as `content_type`; `landed` as above |
    | ratelimited | HTTP 429 with Retry-After: `seconds` |
    | slow | `seconds` by the sandbox's clock, then as usual; for a delivery: before it is made |
    | reset | the connection is cut before anything happened |
    | lost | it happens, then the connection is cut: the caller cannot know |
    | hang | it happens, and no answer ever comes |
    | duplicate | a delivery is made twice |
    | drop | a delivery never arrives; the person waits for nothing |
    | signature | a delivery is signed with the wrong secret |
    """

    on: str
    kind: FaultKind
    times: int | None = 1
    skip: int = 0
    """Calls to let pass first."""
    code: str = "internal_error"
    status: int = 503
    seconds: float = 1.0
    landed: bool = False
    body: str = "<html><body>Slack is down</body></html>"
    """Of `status`. A proxy, or Slack on a bad day, answers 200 with a page, with nothing, or with half of its JSON."""
    content_type: str = "text/html"


class Faults(ArmedFaults[Fault]):
    """The queue. `down`: all of Slack answers 503 to the app and delivers nothing."""

    def add(self, fault: Fault) -> Fault:
        """Arm a fault. Raises `ValueError` for a kind that cannot hit what it names."""
        if fault.kind not in KINDS:
            raise ValueError(f"there is no fault {fault.kind!r}; there are {', '.join(sorted(KINDS))}")
        if fault.on.startswith("deliver:") != (fault.kind in DELIVERY_KINDS) and fault.kind != "slow":
            raise ValueError(f"a fault {fault.kind!r} cannot hit {fault.on!r}")
        self.queue.append(fault)
        return fault

    def take(self, on: str) -> Fault | None:
        """The fault that hits this call, used up by one."""
        return self.first(lambda fault: fault.on == on or (fault.on == "*" and not on.startswith("deliver:")))

    def clear(self) -> None:
        """No faults any more."""
        self.queue.clear()
        self.down = False

    def to_json(self) -> Json:
        """What is armed."""
        return {"down": self.down, "queue": [asdict(one) for one in self.queue]}
