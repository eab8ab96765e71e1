"""What programs ask of the engine: ask people, take an approval, say what became of it, withdraw, look."""

from __future__ import annotations

from collections.abc import Sequence

from engine.domain import DEFAULT_WORKSPACE, Address, NotFound, Refusal
from engine.domain.asks import (
    Ask,
    AskCancelled,
    Asked,
    AskPage,
    AskView,
    CancelAsk,
    Consume,
    Consumed,
    InvalidAsk,
    OutcomeReported,
    ReportOutcome,
)
from engine.service import ask, ask_validation, cancel_ask, consume, own_asks, report_outcome
from engine.service.units import Units, or_contested
from engine.store import ask_queries


class AskCommands(Units):
    """The commands of programs. None of them decides anything."""

    async def ask(self, command: Ask) -> Asked | Refusal:
        """Ask people, in one transaction. `Asked` means that it is on the disk; people are asked from there."""
        result = await self.ask_with_view(command)
        return result if isinstance(result, Refusal) else result[0]

    async def ask_with_view(self, command: Ask) -> tuple[Asked, AskView] | Refusal:
        """Ask people, and return the ask as the same transaction left it."""
        scope = ask_validation.check(command)
        if isinstance(scope, InvalidAsk):
            return scope
        result: tuple[Asked, AskView] | Refusal = await self.start_by(ask.ask, ask.CheckedAsk.of(command, scope))
        return result

    async def consume(self, command: Consume) -> Consumed | Refusal:
        """Take an approval before acting on it. Of all who try, one gets it, and gets it again with the same key."""
        return await or_contested(self.transact(lambda tx: consume.consume(self.context, tx, command)), "run")

    async def report_outcome(self, command: ReportOutcome) -> OutcomeReported | Refusal:
        """Say what became of an approval that was taken. Raises `ChannelError` as `resume` does."""
        report = self.transact_with_directory(
            lambda tx, resolved: report_outcome.report_outcome(self.context, tx, command, resolved)
        )
        return await or_contested(report, "run")

    async def cancel_ask(self, command: CancelAsk) -> AskCancelled | Refusal:
        """Withdraw an ask. An approval that was taken ends with its outcome."""
        return await or_contested(self.transact(lambda tx: cancel_ask.cancel_ask(tx, command)), "run")

    async def ask_view(
        self, ask: str, actor: Address, *, reads_all: bool = False, workspace: str = DEFAULT_WORKSPACE
    ) -> AskView | NotFound:
        """Return an ask for the program that made it. `reads_all`: it may read what others asked as well."""
        view = await self.store.read(lambda connection: ask_queries.ask_view(connection, workspace, actor, ask))
        if view is not None and (reads_all or view.asker == actor):
            return view
        if view is not None:
            await self.transact(lambda tx: own_asks.refuse_to_show(tx, workspace, ask, actor))
        return NotFound(what="ask", name=ask)

    async def asks(self, page: AskPage, actor: Address) -> Sequence[AskView]:
        """Return a page of what a program asked, the newest first."""
        return await self.store.read(lambda connection: ask_queries.ask_views(connection, page, actor))

    async def ask_rev(self, ask: str) -> int | None:
        """Return the `rev` of an ask by its id: a cheap way to see whether it has changed."""
        return await self.store.read(lambda connection: ask_queries.load_rev(connection, ask))
