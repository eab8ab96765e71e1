"""The other services that the ready-made workflows call: they accept what they get, and the ledger says what it was."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from aiohttp import web

from engine import json_values
from engine.ports import Clock
from engine.system import SystemClock

_RECORDS: Final[json_values.Value] = {
    "records": [
        {"id": 1, "name": "Harbour Bakery", "total": "420 EUR"},
        {"id": 2, "name": "Corner Shop", "total": "95 EUR"},
        {"id": 3, "name": "Old Mill", "total": "1310 EUR"},
    ]
}
_SAID: Final = {
    "transfers": "Paid a vendor",
    "rollbacks": "Went back from a version",
    "grants": "Changed an access",
    "inbox": "Sent records to a partner",
    "posts": "Published a post",
    "companies": "Updated a company",
    "issues": "Opened a follow-up",
}
"""What a call to each path does, as the ledger says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedCall:
    """A call that was accepted. `key`: the idempotency key; `what`: what it did; `note`: what it said."""

    key: str
    what: str
    note: str = ""
    at: datetime | None = None


@dataclass(kw_only=True)
class OtherServices:
    """The accepted calls, oldest first."""

    accepted: list[AcceptedCall] = field(default_factory=list)
    clock: Clock = field(default_factory=SystemClock)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of all these services."""
        found = [web.get("/records", self.records)]
        for name in _SAID:
            for path in (f"/{name}", f"/{name}/{{rest:.+}}"):
                found += [web.route(method, path, self.accept) for method in ("POST", "PUT", "DELETE")]
        return found

    async def records(self, request: web.Request) -> web.Response:  # noqa: ARG002 the shape of a handler
        """Return some records."""
        return _json(_RECORDS, 200)

    async def accept(self, request: web.Request) -> web.Response:
        """Accept a call once for each key; a repeated call gets the first response again."""
        key = request.headers.get("Idempotency-Key", "")
        name = request.path.split("/")[1]
        if not key:
            return web.Response(status=400, text="an Idempotency-Key is needed")
        keys = [call.key for call in self.accepted]
        if key not in keys:
            note = (await request.read()).decode("utf-8", "replace")[:200]
            what = "Took an access away" if request.method == "DELETE" else _SAID[name]
            self.accepted.append(AcceptedCall(key=key, what=what, note=note, at=self.clock.now()))
            keys.append(key)
        return _json({"id": f"{name[0].upper()}-{keys.index(key) + 1}"}, 201)


def _json(value: json_values.Value, status: int) -> web.Response:
    return web.Response(status=status, text=json_values.dumps(value), content_type="application/json")
