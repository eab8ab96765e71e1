"""The commands of this machine's operator about what goes through without review."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from bot.local.arguments import read_text
from bot.local.reply import CommandReply
from engine.domain import Address, Origin, Refusal
from engine.domain.autonomy_commands import IncidentNoted, PlanTightened, ReportIncident, TightenPlan
from engine.service import Engine


class PlanAct(Protocol):
    """Carries out one of these commands, with its arguments as JSON has them."""

    async def __call__(
        self, engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin
    ) -> PlanTightened | IncidentNoted | Refusal: ...


async def tighten(
    engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> PlanTightened | Refusal:
    """Carry out `autonomy tighten`, with its arguments as JSON has them."""
    plan, reason = read_text(arguments, "plan"), read_text(arguments, "reason")
    return await engine.tighten(TightenPlan(plan=plan, reason=reason, actor=actor, origin=origin))


async def incident(
    engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> IncidentNoted | Refusal:
    """Carry out `incident`, with its arguments as JSON has them."""
    run, reason = read_text(arguments, "run"), read_text(arguments, "reason")
    return await engine.report_incident(ReportIncident(run=run, reason=reason, actor=actor, origin=origin))


def reply(result: PlanTightened | IncidentNoted) -> CommandReply:
    """Return what the operator is told."""
    if isinstance(result, PlanTightened):
        return CommandReply(facts={"plan": result.plan, "was_sample": result.was_sample})
    return CommandReply(facts={"run": result.run, "plans": result.plans, "tightened": result.tightened})


ACTS: Final[Mapping[str, PlanAct]] = {"tighten": tighten, "incident": incident}
