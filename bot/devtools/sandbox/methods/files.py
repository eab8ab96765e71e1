"""files.*; the contents are served by `web_api`."""

from __future__ import annotations

from bot.devtools.sandbox import render
from bot.devtools.sandbox.errors import ApiError
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.methods.registry import Call, method


@method("files.info", tier=4, scopes=("files:read",))
def info(call: Call) -> Json:
    """https://docs.slack.dev/reference/methods/files.info"""
    file = call.world.files.get(call.arguments.required("file"))
    if file is None:
        raise ApiError("file_not_found")
    return {
        "file": render.file(call.world, file, base_url=call.slack.base_url),
        "comments": [],
        "content_truncated": False,
    }
