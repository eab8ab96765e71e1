"""Faults on demand, for calls of the Web API (and of response_urls) and for deliveries to the app.

A fault names what it hits: a method such as `chat.update`, `response_url`, `*` (every call), or `deliver:interactive`,
`deliver:slash_commands`, `deliver:events_api`. Faults with the same target are used in the order of
their addition.
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
    | error | `{"ok": false, "error": code}`; with `landed` the call takes effect nevertheless |
    | status | an HTTP status with `body` (default: a page of HTML) as `content_type`; `landed` as above |
    | ratelimited | HTTP 429 with Retry-After: `seconds` |
    | slow | `seconds` by the sandbox's clock, then as usual; for a delivery: before it is sent |
    | reset | the connection is closed before the call takes effect |
    | lost | the call takes effect, then the connection is closed: the caller cannot know |
    | hang | the call takes effect, and is never answered |
    | duplicate | a delivery is sent twice |
    | drop | a delivery never arrives, and the person gets no answer |
    | signature | a delivery is signed with the wrong secret |
    """

    on: str
    kind: FaultKind
    times: int | None = 1
    skip: int = 0
    """Matching calls that pass before the fault is used."""
    code: str = "internal_error"
    status: int = 503
    seconds: float = 1.0
    landed: bool = False
    body: str = "<html><body>Slack is down</body></html>"
    """The body of `status`. Proxies, and Slack during outages, answer 200 with a page, no body, or half of the JSON."""
    content_type: str = "text/html"


class Faults(ArmedFaults[Fault]):
    """The armed faults. `down`: Slack answers 503 to all calls, and delivers nothing."""

    def add(self, fault: Fault) -> Fault:
        """Arm a fault. Raises `ValueError` for a kind that its target cannot have."""
        if fault.kind not in KINDS:
            raise ValueError(f"there is no fault {fault.kind!r}; there are {', '.join(sorted(KINDS))}")
        if fault.on.startswith("deliver:") != (fault.kind in DELIVERY_KINDS) and fault.kind != "slow":
            raise ValueError(f"a fault {fault.kind!r} cannot hit {fault.on!r}")
        self.queue.append(fault)
        return fault

    def take(self, on: str) -> Fault | None:
        """Use and return the fault for this call, if there is one."""
        return self.first(lambda fault: fault.on == on or (fault.on == "*" and not on.startswith("deliver:")))

    def clear(self) -> None:
        """Remove all faults."""
        self.queue.clear()
        self.down = False

    def to_json(self) -> Json:
        """Return the armed faults as JSON."""
        return {"down": self.down, "queue": [asdict(fault) for fault in self.queue]}
