"""The kinds of steps, within the limits that are set here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from bot.settings import Settings
from engine.ports import StepServices, StepType
from engine.steps import registry

_ONLY_CHECKED: Final = StepServices()


def step_types(settings: Settings, services: StepServices = _ONLY_CHECKED) -> dict[str, StepType[Any]]:
    """Return the kinds of steps that workflows may use here. Raises `PluginError`.

    Without services they can check a file, and those that send something cannot run.
    """
    return registry.all_kinds(replace(services, http_allow=settings.http_allow))
