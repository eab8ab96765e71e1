"""Pins a connection to the addresses that were vetted."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from engine.ports import Resolve
from engine.steps.url_guard import CallTarget, Guard


class PinnedResolver(AbstractResolver):
    """Gives aiohttp the vetted addresses of one target, so that it connects to one of these.

    aiohttp asks no resolver about a literal address; `Guard.check` has vetted those before.
    """

    def __init__(self, guard: Guard, target: CallTarget, resolve: Resolve) -> None:
        self._guard = guard
        self._target = target
        self._resolve = resolve

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002
    ) -> list[ResolveResult]:
        """Return the target's addresses of every family. Raises `StepError`, which aiohttp passes on."""
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in await self._guard.addresses(self._target, self._resolve)
        ]

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""
