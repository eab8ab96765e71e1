"""A process that owns a database and obeys the lines of its standard input; answers are lines of JSON.

`python -m tests.support.store_process PATH [bound]`; `bound`: the permissions of files bind it, even if it is root.
"""

from __future__ import annotations

import asyncio
import ctypes
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
from engine.store.port import Tx
from engine.store.sqlite import SqliteStore
from engine.store.tables import WorkspaceRow
from engine.system import RandomIds, SystemClock

BOUND = "SIGNOFF_TEST_BOUND"
PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2


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
            tx.connection.execute(
                insert(WorkspaceRow), {"id": one, "name": "x" * (length if one[-1] == "b" else 1), "created_at": tx.now}
            )
        return name

    return unit


async def _write(store: SqliteStore, name: str, count: int, length: int) -> None:
    units = [store.transact(row(f"{name}{number}", length)) for number in range(count)]
    came = await asyncio.gather(*units, return_exceptions=True)
    say(
        kept=[one for one in came if isinstance(one, str)],
        failed=[[type(one).__name__, str(one)] for one in came if isinstance(one, BaseException)],
    )


async def _insist(store: SqliteStore, name: str, length: int) -> None:
    say(insisted=await store.transact_with_retry(row(name, length)))


async def _count(store: SqliteStore) -> None:
    names = await store.read(lambda connection: list(connection.execute(text("SELECT id FROM workspace")).scalars()))
    say(rows=sorted(names))


async def _obey(store: SqliteStore) -> None:
    say(ready=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        word, *rest = line.split()
        if word == "write":
            await _write(store, rest[0], int(rest[1]), int(rest[2]))
        elif word == "transact_with_retry":
            await _insist(store, rest[0], int(rest[1]))
        elif word == "count":
            await _count(store)
        else:
            return


def _bind() -> None:
    """Give up the capabilities that let root pass by permissions. They are lost with the next program, so begin anew.

    Another user would not do: it need not be able to reach this checkout.
    """
    if os.environ.get(BOUND):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "the capabilities of root cannot be given up")
    os.environ[BOUND] = "1"
    os.execv(sys.executable, [sys.executable, "-m", "tests.support.store_process", *sys.argv[1:]])


def main() -> None:
    logging.getLogger("engine").addHandler(_Telling())
    logging.getLogger("engine").setLevel(logging.INFO)
    if sys.argv[2:] == ["bound"] and os.geteuid() == 0:
        _bind()
    try:
        with schema.owned(Path(sys.argv[1]), clock=SystemClock(), ids=RandomIds()) as store:
            asyncio.run(_obey(store))
    except SignoffError as error:
        say(refused=type(error).__name__, sentence=str(error), store=isinstance(error, StoreError))


if __name__ == "__main__":
    main()
