"""The kinds of steps, within the limits that are set here."""

from __future__ import annotations

from typing import Any

from bot.settings import Settings
from engine.ports import Mailer, Sender, StepType
from engine.steps import registry
from engine.steps.http import Http


def step_types(
    settings: Settings, sender: Sender | None = None, mailer: Mailer | None = None
) -> dict[str, StepType[Any]]:
    """The kinds of steps that workflows may use here. `sender`, `mailer`: what some send with. Raises `PluginError`."""
    return registry.all_kinds(http=Http(allow=settings.http_allow), sender=sender, mailer=mailer)
