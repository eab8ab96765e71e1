"""The CRM of the demo: what it knows about the prospects of the ready-made workflow for outreach."""

from __future__ import annotations

from aiohttp import web

from engine import json_values

_BAKERY: json_values.Value = {
    "name": "Harbour Bakery",
    "notes": "The sign over the door has faded. Nora decides; she opens early and has little time.",
}


async def look_up(request: web.Request) -> web.Response:  # noqa: ARG001 a handler of aiohttp
    """Answer every number with the same prospect."""
    return web.json_response(text=json_values.dumps(_BAKERY))
