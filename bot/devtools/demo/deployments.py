"""The deployment service: deploys a version if the call has the token. Its health page can report a failure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from aiohttp import web

from engine import json_values
from engine.ports import Clock
from engine.system import SystemClock

_UNHEALTHY: Final = "broken"
"""A version with this word in its name makes the service unhealthy, so that people see the failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One deployed version. `key`: the idempotency key; `at`: when it was deployed."""

    key: str
    version: str
    at: datetime | None = None


@dataclass(kw_only=True)
class Deployments:
    """All deployments, oldest first, and the token that a call must have."""

    token: str
    deployed: list[Deployment] = field(default_factory=list)
    clock: Clock = field(default_factory=SystemClock)

    async def deploy(self, request: web.Request) -> web.Response:
        """Deploy once for each key; a repeated call gets the first response again."""
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401, text="this is not the token")
        key = request.headers.get("Idempotency-Key", "")
        try:
            deployment = _parse(key, json_values.loads(await request.read()))
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        keys = [deployed.key for deployed in self.deployed]
        if key not in keys:
            self.deployed.append(replace(deployment, at=self.clock.now()))
            keys.append(key)
        result: json_values.Value = {"deployment": f"D-{keys.index(key) + 1}", "version": deployment.version}
        return web.Response(status=201, text=json_values.dumps(result), content_type="application/json")

    async def health(self, request: web.Request) -> web.Response:  # noqa: ARG002 the shape of a handler
        """Report the health of the version that was deployed last."""
        version = self.deployed[-1].version if self.deployed else "none yet"
        if _UNHEALTHY in version:
            return web.Response(status=503, text=f"ill, since version {version}")
        return web.Response(text=f"well, version {version}")


def _parse(key: str, body: json_values.Value) -> Deployment:
    """Parse a deployment. Raises `ValueError` for any other body."""
    match body:
        case {"version": str(version), "environment": "production"} if key:
            return Deployment(key=key, version=version)
    raise ValueError(
        "this is not a deployment: an Idempotency-Key, a version and the environment production are needed"
    )
