"""Erases the contents of old runs, and a person: much at once, in small units that no other unit waits for."""

from __future__ import annotations

from functools import partial
from typing import Final

from engine.domain import DEFAULT_WORKSPACE, Erase, ErasedRuns, EraseOld, ErasePerson, PersonErased, Refusal
from engine.service import erase, erase_person
from engine.service.engine import Engine
from engine.service.erase_person import Erasing, Position
from engine.store import old_runs, person_erasure, retention
from engine.store.old_runs import OldRuns
from engine.store.person_erasure import PersonRuns

PAGES: Final = 20
"""Number of searches of one call: then the command reports how far it has come."""


class Erasures:
    """The commands that erase much. Each call erases a part, and says where the next one goes on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def begin_retention(self, *, workspace: str = DEFAULT_WORKSPACE) -> None:
        """Let old contents be erased from now on, if this server has a retention."""
        if self._engine.context.retention is not None:
            await self._engine.transact(lambda tx: retention.begin(tx, workspace))

    async def erase_old(self, command: EraseOld) -> ErasedRuns | Refusal:
        """Erase the contents of some old runs, each as `Engine.erase` does."""
        runs = entries = 0
        after: str | None = command.after
        for _ in range(PAGES):
            old = await self._old_runs(command, str(after), most=erase.MOST_TOGETHER - runs)
            for run in old.runs:
                of_run = Erase(run=run, reason=command.reason, actor=command.actor, origin=command.origin)
                result = await self._engine.erase(of_run)
                if isinstance(result, Refusal):
                    return result
                runs, entries = runs + 1, entries + result.entries
            after = old.reached
            if after is None or runs == erase.MOST_TOGETHER:
                break
        return ErasedRuns(runs=runs, entries=entries, reached=after)

    async def _old_runs(self, command: EraseOld, after: str, *, most: int) -> OldRuns:
        workspace, before, workflow = command.workspace, command.before, command.workflow
        return await self._engine.store.read(
            lambda connection: old_runs.find(connection, workspace, before, workflow=workflow, after=after, most=most)
        )

    async def erase_person(self, command: ErasePerson) -> PersonErased | Refusal:
        """Erase a part of what names a person. Their own row comes last, once no open run names them."""
        position = Position.read(command.after)
        step = erase_person.finish if position.is_last else erase_person.begin
        erasing = await self._engine.transact_with_directory(
            lambda tx, resolved: step(self._engine.context, tx, command, resolved), required=False
        )
        if isinstance(erasing, Refusal):
            return erasing
        match position.stage:
            case "runs":
                return await self._erase_in_runs(erasing, position)
            case "log":
                unit = partial(erase_person.erase_entries, erasing=erasing, after=position.after)
                entries, reached = await self._engine.transact(unit)
                return erase_person.result(erasing, entries=entries, after=position.after_entries(reached))
            case "person":
                return erase_person.result(erasing, unfinished=position.unfinished)

    async def _erase_in_runs(self, erasing: Erasing, position: Position) -> PersonErased:
        """Erase what names a person in the next runs, each in a unit of its own."""
        runs = entries = 0
        for _ in range(PAGES):
            found = await self._runs_of(erasing, position.after)
            for run in found.runs:
                entries += await self._engine.transact(partial(erase_person.erase_run, erasing=erasing, run=run))
            runs, position = runs + len(found.runs), position.after_runs(found)
            if position.stage != "runs" or runs >= erase.MOST_TOGETHER:
                break
        return erase_person.result(erasing, runs=runs, entries=entries, after=position)

    async def _runs_of(self, erasing: Erasing, after: str) -> PersonRuns:
        return await self._engine.store.read(
            lambda connection: person_erasure.find_runs(connection, erasing.workspace, erasing.person, after)
        )
