"""The deployment service: takes a version for a token, and has a health page that can look ill."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from engine import json_values

_ILL: Final = "broken"
"""A version with this in its name makes the service ill, so that people see what happens then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One version that was deployed. `key`: the idempotency key."""

    key: str
    version: str


@dataclass(kw_only=True)
class Deployments:
    """`made`: every deployment, oldest first. `token`: without it nothing is deployed."""

    token: str
    made: list[Deployment] = field(default_factory=list)

    async def deploy(self, request: web.Request) -> web.Response:
        """Deploy once for each key: a repeated call gets the first answer again."""
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401, text="this is not the token")
        key = request.headers.get("Idempotency-Key", "")
        try:
            asked = _read(key, json_values.loads(await request.read()))
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        if key not in (one.key for one in self.made):
            self.made.append(asked)
        number = 1 + next(number for number, one in enumerate(self.made) if one.key == key)
        answer: json_values.Value = {"deployment": f"D-{number}", "version": asked.version}
        return web.Response(status=201, text=json_values.dumps(answer), content_type="application/json")

    async def health(self, request: web.Request) -> web.Response:  # noqa: ARG002 the shape of a handler
        """How the service is, with the version that was deployed last."""
        version = self.made[-1].version if self.made else "none yet"
        if _ILL in version:
            return web.Response(status=503, text=f"ill, since version {version}")
        return web.Response(text=f"well, version {version}")


def _read(key: str, body: json_values.Value) -> Deployment:
    """The deployment. Raises `ValueError` for a body that asks for none."""
    match body:
        case {"version": str(version), "environment": "production"} if key:
            return Deployment(key=key, version=version)
    raise ValueError("this is no deployment: an Idempotency-Key, a version and the environment production are needed")
