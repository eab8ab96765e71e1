"""A process that owns a database and obeys the lines of its standard input; answers are lines of JSON.

`python -m tests.support.storeproc PATH [nobody]`; `nobody` gives up the rights of root first, if it has them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

from engine.errors import SignoffError, StoreError
from engine.store import schema
from engine.store.tx import Tx
from engine.store.writer import SqliteFile
from engine.system import RandomIds, SystemClock
from engine.tables import WorkspaceRow

NOBODY = 65534


def say(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


class _Telling(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(log=record.getMessage())


def row(name: str, length: int) -> Callable[[Tx], str]:
    """A unit that keeps two rows, the second of them large: both are kept or none."""

    def unit(tx: Tx) -> str:
        for one in (f"{name}-a", f"{name}-b"):
            tx.write(
                insert(WorkspaceRow), {"id": one, "name": "x" * (length if one[-1] == "b" else 1), "created_at": tx.now}
            )
        return name

    return unit


async def _write(store: SqliteFile, name: str, count: int, length: int) -> None:
    units = [store.transact(row(f"{name}{number}", length)) for number in range(count)]
    came = await asyncio.gather(*units, return_exceptions=True)
    say(
        kept=[one for one in came if isinstance(one, str)],
        failed=[[type(one).__name__, str(one)] for one in came if isinstance(one, BaseException)],
    )


async def _insist(store: SqliteFile, name: str, length: int) -> None:
    say(insisted=await store.insist(row(name, length)))


async def _count(store: SqliteFile) -> None:
    names = await store.read(lambda connection: list(connection.execute(text("SELECT id FROM workspace")).scalars()))
    say(rows=sorted(names))


async def _obey(store: SqliteFile) -> None:
    say(ready=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        word, *rest = line.split()
        if word == "write":
            await _write(store, rest[0], int(rest[1]), int(rest[2]))
        elif word == "insist":
            await _insist(store, rest[0], int(rest[1]))
        elif word == "count":
            await _count(store)
        else:
            return


def main() -> None:
    logging.getLogger("engine").addHandler(_Telling())
    logging.getLogger("engine").setLevel(logging.INFO)
    if sys.argv[2:] == ["nobody"] and os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        with schema.owned(Path(sys.argv[1]), clock=SystemClock(), ids=RandomIds()) as store:
            asyncio.run(_obey(store))
    except SignoffError as error:
        say(refused=type(error).__name__, sentence=str(error), store=isinstance(error, StoreError))


if __name__ == "__main__":
    main()
