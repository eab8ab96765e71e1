"""A process that owns a database, reads commands from standard input and prints answers as lines of JSON.

`python -m tests.support.store_process PATH [bound]`. With `bound`, file permissions apply to it even if it is root.
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


def print_json(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


class _JsonHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print_json(log=record.getMessage())


def row(name: str, length: int) -> Callable[[Tx], str]:
    """Return a unit that inserts two rows, the second of them large. Both are stored or neither."""

    def unit(tx: Tx) -> str:
        for row_id in (f"{name}-a", f"{name}-b"):
            tx.connection.execute(
                insert(WorkspaceRow),
                {"id": row_id, "name": "x" * (length if row_id[-1] == "b" else 1), "created_at": tx.now},
            )
        return name

    return unit


async def _write(store: SqliteStore, name: str, count: int, length: int) -> None:
    units = [store.transact(row(f"{name}{number}", length)) for number in range(count)]
    results = await asyncio.gather(*units, return_exceptions=True)
    print_json(
        kept=[result for result in results if isinstance(result, str)],
        failed=[[type(result).__name__, str(result)] for result in results if isinstance(result, BaseException)],
    )


async def _write_with_retry(store: SqliteStore, name: str, length: int) -> None:
    print_json(insisted=await store.transact_with_retry(row(name, length)))


async def _count(store: SqliteStore) -> None:
    names = await store.read(lambda connection: list(connection.execute(text("SELECT id FROM workspace")).scalars()))
    print_json(rows=sorted(names))


async def _run_commands(store: SqliteStore) -> None:
    print_json(ready=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        word, *rest = line.split()
        if word == "write":
            await _write(store, rest[0], int(rest[1]), int(rest[2]))
        elif word == "transact_with_retry":
            await _write_with_retry(store, rest[0], int(rest[1]))
        elif word == "count":
            await _count(store)
        else:
            return


def _drop_capabilities() -> None:
    """Drop the capabilities with which root bypasses file permissions, and execute this program again without them.

    Running as another user is no alternative, because that user may not be able to read this checkout.
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
    logging.getLogger("engine").addHandler(_JsonHandler())
    logging.getLogger("engine").setLevel(logging.INFO)
    if sys.argv[2:] == ["bound"] and os.geteuid() == 0:
        _drop_capabilities()
    try:
        with schema.owned(Path(sys.argv[1]), clock=SystemClock(), ids=RandomIds()) as store:
            asyncio.run(_run_commands(store))
    except SignoffError as error:
        print_json(refused=type(error).__name__, sentence=str(error), store=isinstance(error, StoreError))


if __name__ == "__main__":
    main()
