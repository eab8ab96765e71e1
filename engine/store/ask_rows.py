"""Asks as rows: written with their runs, found by id or by what their program calls them, and moved with their runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from msgspec import Struct, structs
from sqlalchemy import bindparam, func, insert, literal_column, select, update

from engine.domain import Address, Work
from engine.domain.asks import AskStatus, OutcomeStatus
from engine.runs import AskProgress
from engine.store.ask_tables import AskRow
from engine.store.columns import Utc
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.statements import Statement

_ask = AskRow.__table__  # type: ignore[attr-defined]
_ONE: Final[Any] = literal_column("1")
_OF_ASKER = (_ask.c.workspace == bindparam("of_workspace"), _ask.c.asker == bindparam("by"))
_NEW = Statement(insert(_ask).values(rev=_ONE))
_of_asker = select(_ask.c.run, _ask.c.body, _ask.c.status).where(*_OF_ASKER)
_BY_KEY = Statement(_of_asker.where(_ask.c.key == bindparam("given_key")))
_BY_EXTERNAL_ID = Statement(_of_asker.where(_ask.c.external_id == bindparam("external")))
_LOAD = Statement(select(_ask).where(_ask.c.run == bindparam("id")))
_MOVED = Statement(
    update(_ask)
    .where(_ask.c.run == bindparam("held"))
    .values(
        rev=_ask.c.rev + _ONE,
        status=bindparam("new_status"),
        step=func.coalesce(bindparam("new_step", type_=_ask.c.step.type), _ask.c.step),
        digest=func.coalesce(bindparam("new_digest", type_=_ask.c.digest.type), _ask.c.digest),
        valid_until=func.coalesce(bindparam("until", type_=Utc), _ask.c.valid_until),
    )
)
_CONSUMED = Statement(
    update(_ask)
    .where(_ask.c.run == bindparam("held"), _ask.c.consumed_at.is_(None))
    .values(consumed_at=bindparam("at"), consume_key=bindparam("given_key"))
)
_OUTCOME = Statement(
    update(_ask)
    .where(_ask.c.run == bindparam("held"))
    .values(
        rev=_ask.c.rev + _ONE, outcome=bindparam("new_outcome"), outcome_at=bindparam("at"), note=bindparam("new_note")
    )
)


_CALLS = Statement(
    update(_ask)
    .where(_ask.c.run == bindparam("held"), func.coalesce(_ask.c.calls, "") == bindparam("seen"))
    .values(calls=bindparam("new_calls"))
)
_TELL = Statement(
    update(_ask)
    .where(
        _ask.c.workspace == bindparam("of_workspace"),
        _ask.c.asker == bindparam("by"),
        _ask.c.status == AskStatus.PENDING.value,
        _ask.c.echo.is_not(None),
    )
    .values(callback=bindparam("new_callback"))
)


class NewAsk(Struct, frozen=True, kw_only=True):
    """An ask that is about to be written with its run. `body`: the digest of what was asked. `echo`: as JSON."""

    run: str
    workspace: str
    asker: Address
    key: str | None
    body: str
    external_id: str | None
    use: str
    callback: str | None
    echo: str | None


def written(asker: Address) -> str:
    """Return the text by which a row names the program that asked."""
    return f"{asker.kind}:{asker.value}"


def read_asker(text: str) -> Address:
    """Return the program that a row names."""
    kind, _, value = text.partition(":")
    return Address(kind, value)


def insert_ask(tx: Tx, new: NewAsk, progress: AskProgress | None) -> AskStatus:
    """Write an ask with the first progress of its run, and return its status."""
    now = progress or AskProgress(status=AskStatus.PENDING)
    state = {"status": now.status.value, "step": now.step, "digest": now.digest, "valid_until": now.valid_until}
    tx.write(_NEW, {**structs.asdict(new), "asker": written(new.asker), **state})
    return now.status


def save(tx: Tx, run: str, progress: AskProgress) -> None:
    """Write how far the ask of a run is now."""
    tx.write(
        _MOVED,
        {
            "held": run,
            "new_status": progress.status.value,
            "new_step": progress.step,
            "new_digest": progress.digest,
            "until": progress.valid_until,
        },
    )
    tx.enqueue(Work("ask", run))


def try_consume(tx: Tx, run: str, *, key: str | None) -> bool:
    """Note that the program uses the approval now. Return False if it was used before."""
    return bool(tx.write(_CONSUMED, {"held": run, "at": tx.now, "given_key": key}))


def save_outcome(tx: Tx, run: str, outcome: OutcomeStatus, note: str | None) -> None:
    """Write what the program reported."""
    tx.write(_OUTCOME, {"held": run, "new_outcome": outcome.value, "at": tx.now, "new_note": note})
    tx.enqueue(Work("ask", run))


def try_save_calls(tx: Tx, run: str, *, seen: str | None, calls: str) -> bool:
    """Write the calls that the program may repeat. Return False if they are not those that were `seen`."""
    return bool(tx.write(_CALLS, {"held": run, "seen": seen or "", "new_calls": calls}))


def tell(tx: Tx, workspace: str, asker: Address, endpoint: str) -> None:
    """Let an endpoint be told of all that waits of what a program asked with an echo."""
    tx.write(_TELL, {"of_workspace": workspace, "by": written(asker), "new_callback": endpoint})


def find_by_key(connection: Connection, workspace: str, asker: Address, key: str) -> Any | None:
    """Return run, body and status of the ask that its program gave this key, or None."""
    return _BY_KEY.one(connection, {"of_workspace": workspace, "by": written(asker), "given_key": key})


def find_by_external_id(connection: Connection, workspace: str, asker: Address, external_id: str) -> Any | None:
    """Return run, body and status of the ask that its program calls so, or None."""
    params = {"of_workspace": workspace, "by": written(asker), "external": external_id}
    return _BY_EXTERNAL_ID.one(connection, params)


def load(connection: Connection, workspace: str, asker: Address, ask: str) -> Any | None:
    """Return the row of an ask by its id, or by what its program calls it; None if there is none."""
    row = _LOAD.one(connection, {"id": ask})
    if row is None:
        named = find_by_external_id(connection, workspace, asker, ask)
        row = None if named is None else _LOAD.one(connection, {"id": named.run})
    return row if row is not None and row.workspace == workspace else None


def is_lapsed(row: Any, now: datetime) -> bool:
    """Return whether the time is over in which the approval of an ask could be used."""
    return row.consumed_at is None and row.valid_until is not None and row.valid_until <= now
