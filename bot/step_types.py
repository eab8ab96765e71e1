"""The step types that workflows may use on this server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from bot.ai import setup
from bot.settings import Settings
from engine.ports import StepServices, StepType
from engine.steps import registry

_NO_SERVICES: Final = StepServices()


def load_step_types(settings: Settings, services: StepServices = _NO_SERVICES) -> dict[str, StepType[Any]]:
    """Return the step types by name, limited by the settings. Raises `PluginError`.

    Without services, they can check a workflow file, but steps that send messages cannot run.
    """
    missing = setup.missing(settings) or ""
    return registry.all_step_types(replace(services, http_allow=settings.http_allow, no_language_model=missing))
