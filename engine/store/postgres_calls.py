"""Carries out the calls of functions that share one connection, in one transaction.

The functions go in step: all that ask for the same statement are answered by one round trip. What one function writes
the others see, as they would see what another transaction has committed; so units rely on conditions in their
statements, and on `take_turn`, and never on being alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import asyncpg
from msgspec import structs
from sqlalchemy.util import greenlet_spawn

from engine import json_values
from engine.store.postgres_batches import Batch, Kind, batch_of, sorted_out
from engine.store.postgres_connection import Alone, Call, Change, ChangeAll, Core, Fetch, Function, Turn

_TURNS: Final = "SELECT pg_advisory_xact_lock($1, $2)"
TURN_SPACE: Final = int.from_bytes(b"Sign", "big") & 0x7FFFFFFF
"""The first key of our advisory locks, so that they are not those of another program in the same database."""


_UNITS: Final = f"{TURN_SPACE}, 2"
BEGIN: Final = f"BEGIN; SELECT pg_advisory_xact_lock_shared({_UNITS})"
"""Begins a transaction of units, among any number of others."""
UNITS_EXCLUDED: Final = f"SELECT pg_advisory_xact_lock({_UNITS})"
"""Waits until no transaction of units runs, and lets none begin before this one ends."""
BEGIN_ALONE: Final = f"BEGIN; {UNITS_EXCLUDED}"
"""Begins a transaction of units when all others have ended, and lets none begin before it ends."""


class MustBeAlone(Exception):
    """A function has to be the only one that runs, so its transaction has to be begun anew by `BEGIN_ALONE`."""


class Calls:
    """The calls of one transaction on `driver`.

    `alone`: it was begun by `BEGIN_ALONE`, for one function. `cleans`: write U+FFFD for what PostgreSQL does not store.
    """

    def __init__(self, driver: asyncpg.Connection[Any], *, alone: bool = False, cleans: bool = False) -> None:
        self._driver, self._alone, self._cleans = driver, alone, cleans
        self._turns: dict[str, Function] = {}

    async def run(self, functions: Sequence[Callable[[], Any]]) -> list[Function]:
        """Run the functions until each has ended. Raises the error of a statement, which has ended the transaction."""
        started = [Function(function) for function in functions]
        waiting = [function for function in started if function.call is not None]
        try:
            while waiting:
                await self._answer(waiting)
                waiting = [function for function in waiting if function.call is not None]
        except BaseException as error:
            for function in waiting:
                # It ends, so that no greenlet stays behind. What it says is of no interest: all is rolled back.
                while function.call is not None:
                    function.fail(error)
            raise
        return started

    async def _answer(self, waiting: Sequence[Function]) -> None:
        alike: dict[str, list[Function]] = {}
        inserting: dict[str, list[Function]] = {}
        progress = False
        for function in waiting:
            call = function.call = _cleaned(function.call) if self._cleans else function.call
            if isinstance(call, Fetch | Change):
                alike.setdefault(call.statement.text, []).append(function)
            elif isinstance(call, Turn):
                progress = await self._take_turn(function, call.key) or progress
            elif isinstance(call, Alone):
                progress = True
                self._go_on_alone(function)
            elif isinstance(call, ChangeAll):
                inserting.setdefault(call.statement.text, []).append(function)
            elif isinstance(call, Core):
                progress = True
                await self._core(function, call)
        for text, functions in alike.items():
            await self._answer_alike(text, functions)
        for text, functions in inserting.items():
            await self._change_all(text, functions)
        if not progress and not alike and not inserting:
            raise RuntimeError("units of one group wait for each other's turns; take two in the same order everywhere")

    async def _take_turn(self, function: Function, key: str) -> bool:
        holder = self._turns.get(key)
        if holder is not None and holder is not function and holder.call is not None:
            return False
        if holder is None:
            await self._driver.fetch(_TURNS, TURN_SPACE, zlib.crc32(key.encode()) - 2**31)
        self._turns[key] = function
        function.go_on(None)
        return True

    def _go_on_alone(self, function: Function) -> None:
        if not self._alone:
            raise MustBeAlone
        function.go_on(None)

    async def _change_all(self, text: str, functions: Sequence[Function]) -> None:
        """Write the rows of all functions that write with the same statement."""
        batch = batch_of(text)
        rows = [row for function in functions for row in _rows(function)]
        # One function may replace its own row twice, which a single statement cannot do.
        if batch is not None and (batch.kind is Kind.NOTHING or (batch.kind is Kind.UPSERT and len(functions) > 1)):
            await self._driver.fetch(batch.text, *batch.arrays(rows))
        else:
            await self._driver.executemany(text, rows)
        for function in functions:
            function.wrote = True
            function.go_on(None)

    async def _core(self, function: Function, call: Core) -> None:
        result = await greenlet_spawn(call.run)
        function.wrote = function.wrote or not result.returns_rows
        function.go_on(result)

    async def _answer_alike(self, text: str, functions: list[Function]) -> None:
        """Answer functions that ask for the same statement: together where that is possible."""
        if len(functions) > 1 and text.startswith("SELECT"):
            await self._answer_readers(text, functions)
            return
        batch = batch_of(text) if len(functions) > 1 else None
        if batch is not None:
            functions = await self._answer_together(batch, functions)
        for function in functions:
            await self._answer_alone(text, function)

    async def _answer_readers(self, text: str, functions: list[Function]) -> None:
        """Answer functions that read: those that ask the same get the same rows, for they ask at the same moment."""
        asked: dict[tuple[Any, ...], list[Function]] = {}
        for function in functions:
            asked.setdefault(tuple(_values(function)), []).append(function)
        for values, rows in (await self._rows(text, [*asked])).items():
            for function in asked[values]:
                function.go_on(rows)

    async def _rows(self, text: str, questions: Sequence[tuple[Any, ...]]) -> dict[tuple[Any, ...], Sequence[Any]]:
        """Return the rows of a SELECT for each tuple of parameters."""
        batch = batch_of(text) if len(questions) > 1 else None
        if batch is None:
            return {values: await self._driver.fetch(text, *values) for values in questions}
        rows = await self._driver.fetch(batch.text, *batch.arrays(questions))
        return dict(zip(questions, sorted_out(rows, len(questions)), strict=True))

    async def _answer_together(self, batch: Batch, functions: list[Function]) -> list[Function]:
        """Answer what can be answered by one statement. Return the functions that have to ask alone."""
        alone: list[Function] = []
        if batch.condition:
            functions, alone = _apart(batch, functions)
        rows = await self._driver.fetch(batch.text, *batch.arrays([_values(function) for function in functions]))
        if batch.kind in (Kind.NOTHING, Kind.UPSERT):
            for function in functions:
                function.wrote = True
                function.go_on(1)
            return alone
        results = sorted_out(rows, len(functions))
        for function, result in zip(functions, results, strict=True):
            function.wrote = function.wrote or bool(batch.condition and result)
            function.go_on(result if isinstance(function.call, Fetch) else len(result))
        return alone

    async def _answer_alone(self, text: str, function: Function) -> None:
        values = _values(function)
        if isinstance(function.call, Fetch):
            rows = await self._driver.fetch(text, *values)
            function.wrote = function.wrote or (bool(rows) and not text.startswith("SELECT"))
            function.go_on(rows)
            return
        count = changed(await self._driver.execute(text, *values))
        function.wrote = function.wrote or count > 0
        function.go_on(count)


def _cleaned(call: Call | None) -> Call | None:
    if isinstance(call, Fetch | Change):
        return structs.replace(call, values=[*map(_clean, call.values)])
    if isinstance(call, ChangeAll):
        return structs.replace(call, rows=[[*map(_clean, row)] for row in call.rows])
    return call


def _clean(value: Any) -> Any:
    return json_values.clean_text(value) if isinstance(value, str) else value


def changed(status: str) -> int:
    """Return the number of rows in the status of a command, such as `UPDATE 1` or `INSERT 0 1`."""
    return int(status.rpartition(" ")[2])


def _values(function: Function) -> Sequence[Any]:
    call = function.call
    assert isinstance(call, Fetch | Change)
    return call.values


def _rows(function: Function) -> Sequence[Sequence[Any]]:
    call = function.call
    assert isinstance(call, ChangeAll)
    return call.rows


def _apart(batch: Batch, functions: list[Function]) -> tuple[list[Function], list[Function]]:
    """Return the functions that are about different rows, and those about the rows of an earlier one."""
    first: dict[tuple[Any, ...], Function] = {}
    others = [
        function for function in functions if first.setdefault(batch.key(_values(function)), function) is not function
    ]
    # All groups lock rows in the same order, so that they wait for each other and not in a circle.
    return [first[key] for key in sorted(first, key=repr)], others
