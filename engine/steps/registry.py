"""The step types: those that come with Signoff, and those of other distributions."""

from __future__ import annotations

import inspect
import re
import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from pydantic import BaseModel

from engine.errors import PluginError
from engine.ports import StepServices, StepType
from engine.steps.ai import AiStep
from engine.steps.ask import AskStep
from engine.steps.branch import BranchStep
from engine.steps.email import EmailStep
from engine.steps.foreach import ForeachStep
from engine.steps.form import FormStep
from engine.steps.http import HttpStep
from engine.steps.message import MessageStep
from engine.steps.run import RunStep
from engine.steps.set import SetStep
from engine.steps.wait import WaitStep

GROUP: Final = "signoff.steps"
RESERVED: Final = frozenset(
    {"set", "http", "email", "message", "ai", "ask", "form", "wait", "run", "foreach", "branch"}
)
"""Every name that the workflow format reserves, also those that are bound outside of `builtin`."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")


_BUILTIN: Final[tuple[type[StepType[Any]], ...]] = (
    *(SetStep, FormStep, WaitStep, BranchStep, HttpStep),
    *(MessageStep, EmailStep, AiStep, AskStep, RunStep, ForeachStep),
)
_NO_SERVICES: Final = StepServices()


def builtin(services: StepServices = _NO_SERVICES) -> dict[str, StepType[Any]]:
    """Return the step types of Signoff by name."""
    return {kind.name: kind.create(services) for kind in _BUILTIN}


def discover(services: StepServices = _NO_SERVICES, *, group: str = GROUP) -> dict[str, StepType[Any]]:
    """Return the step types of installed distributions by name.

    Each entry point loads to a `StepType` class (its `create` is called) or to an instance. Raises `PluginError`,
    naming distribution and entry point, for the first that cannot be used: a workflow must not find out at run time.
    """
    kinds: dict[str, StepType[Any]] = {}
    owners: dict[str, EntryPoint] = {}
    for entry in _installed(group, tuple(sys.path)):
        kind = _load(entry, services)
        if kind.name in RESERVED:
            raise _error(entry, f"calls itself {kind.name!r}, a name of Signoff's own", "rename it")
        if kind.name in owners:
            other = _name_entry_point(owners[kind.name])
            raise _error(entry, f"calls itself {kind.name!r}, as {other} does", "rename or uninstall one of the two")
        kinds[kind.name] = kind
        owners[kind.name] = entry
    return kinds


@lru_cache(4)
def _installed(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:  # noqa: ARG001 another path, another answer
    """Return the entry points of what is installed on the path. They are kept: looking at each distribution is slow."""
    return tuple(sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)))


def all_step_types(services: StepServices = _NO_SERVICES) -> dict[str, StepType[Any]]:
    """Return `builtin` and `discover` together."""
    return builtin(services) | discover(services)


def _load(entry: EntryPoint, services: StepServices) -> StepType[Any]:
    try:
        loaded = entry.load()
        kind = loaded.create(services) if inspect.isclass(loaded) and issubclass(loaded, StepType) else loaded
    except Exception as error:  # code of others may raise anything when imported or constructed
        raise _error(entry, f"cannot be loaded ({type(error).__name__}: {error})", "repair or uninstall it") from error
    if not isinstance(kind, StepType):
        raise _error(entry, "is not a StepType", "derive the class from engine.ports.StepType")
    name: object = getattr(kind, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _error(entry, "has no usable name", "set `name` to lower-case letters, digits, '-' or '_'")
    params: object = getattr(kind, "Params", None)
    if not (inspect.isclass(params) and issubclass(params, BaseModel)):
        raise _error(entry, "has no Params", "set `Params` to a pydantic model of what `with` may hold")
    return kind


def _name_entry_point(entry: EntryPoint) -> str:
    owner = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unnamed distribution"
    return f"{entry.name} = {entry.value} of {owner}"


def _error(entry: EntryPoint, what: str, advice: str) -> PluginError:
    return PluginError(f"the step type {_name_entry_point(entry)} {what}; {advice}")
