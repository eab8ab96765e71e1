"""The API key that the demo has ready for a program of its user."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from bot.app_parts import App
from bot.presentation import refusals
from engine.domain import Address, Origin, Refusal
from engine.domain.api_keys import ApiKeyRefused, CreateApiKey, RotateApiKey
from engine.errors import SignoffError
from engine.service.api_keys import ApiKeys

OWNER: Final = "operator@example.com"
"""The admin of the demo, who makes the key."""
_NAME: Final = "Your agent"
_TERMINAL: Final = Origin(surface="terminal")


async def ready_key(app: App, file: Path) -> str:
    """Return the text of the key. It is kept in a file, because the database has only its hash."""
    kept = _read(file)
    if kept and not isinstance(await app.engine.authenticate(kept), ApiKeyRefused):
        return kept
    text = await _new_key(app)
    _write(file, text)
    return text


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip() if file.exists() else ""


def _write(file: Path, text: str) -> None:
    with open(file, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as kept_file:
        kept_file.write(f"{text}\n")


async def _new_key(app: App) -> str:
    """Return the text of a new key, or a new text of the key whose file was lost."""
    keys, actor = ApiKeys(app.engine), Address("email", OWNER)
    made = await keys.create(CreateApiKey(name=_NAME, actor=actor, origin=_TERMINAL, workflows=("approvals",)))
    if isinstance(made, Refusal):
        made = await keys.rotate(RotateApiKey(key=_NAME, actor=actor, origin=_TERMINAL))
    if isinstance(made, Refusal):
        raise SignoffError(f"The key for an agent cannot be made: {refusals.sentence(made)}")
    return made.text
