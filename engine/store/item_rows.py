"""The items of a foreach: how they are written down, taken by lanes, finished, and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import bindparam, false, func, insert, literal_column, select, true, update

from engine import json_values
from engine.domain import ItemStatus, Params
from engine.domain.statuses import by_value
from engine.json_values import Value
from engine.runs import MAX_OUTPUT, ItemEnd, ItemList, PreparedItem, TakenItem
from engine.runs.items import SHOWN, is_too_large
from engine.store.connection import Connection
from engine.store.item_tables import ItemListRow, ItemRow
from engine.store.port import Tx
from engine.store.statements import Statement

_list = ItemListRow.__table__  # type: ignore[attr-defined]
_item = ItemRow.__table__  # type: ignore[attr-defined]
_STATUSES: Final = by_value(ItemStatus)
_TAKEN: Final = ("number", "value", "params", "digest")
"""What a lane reads of an item."""
_WAITING: Final[Any] = literal_column(f"'{ItemStatus.WAITING.value}'")

_OF_LIST = (_list.c.run == bindparam("of"), _list.c.step == bindparam("at"), _list.c.visit == bindparam("in_visit"))
_OF_ITEM = (_item.c.run == bindparam("of"), _item.c.step == bindparam("at"), _item.c.visit == bindparam("in_visit"))
_NEW_LIST = Statement(insert(_list))
_NEW_ITEM = Statement(insert(_item))
_WRITTEN = Statement(
    update(_list)
    .where(*_OF_LIST, _list.c.written == bindparam("seen"))
    .values(written=bindparam("now_written"), fingerprint=bindparam("new_fingerprint"))
)
_LIST = Statement(
    select(*(column for column in _list.c if column.name not in ("run", "step", "visit"))).where(*_OF_LIST)
)
_FIRST = Statement(
    select(_item.c.params)
    .where(*_OF_ITEM, _item.c.status == _WAITING, _item.c.params.is_not(None))
    .order_by(_item.c.number)
    .limit(SHOWN)
)
_COUNTS = Statement(select(_item.c.status, func.count().label("count")).where(*_OF_ITEM).group_by(_item.c.status))
_FAILURE = Statement(
    select(_item.c.number, _item.c.error)
    .where(*_OF_ITEM, _item.c.status == literal_column(f"'{ItemStatus.FAILED.value}'"))
    .order_by(_item.c.number)
    .limit(1)
)
_OUTPUTS = Statement(select(_item.c.output).where(*_OF_ITEM).order_by(_item.c.number))
_DIGESTS = Statement(select(_item.c.digest).where(*_OF_ITEM).order_by(_item.c.number))
_next: Final[Any] = (
    select(_item.c.number)
    .where(
        _item.c.run == _list.c.run,
        _item.c.step == _list.c.step,
        _item.c.visit == _list.c.visit,
        _item.c.number > _list.c.taken,
        _item.c.status == _WAITING,
    )
    .order_by(_item.c.number)
    .limit(1)
    .correlate(_list)
    .scalar_subquery()
)


def _of_taken(column: str) -> Any:
    """Return a column of the item that was just taken; null if there was none."""
    # As text: SQLAlchemy does not correlate a query in RETURNING, and would read every list.
    own: dict[str, Any] = {name: literal_column(f"item_list.{name}") for name in ("run", "step", "visit")}
    same = [_item.c[name] == column_ for name, column_ in {**own, "number": literal_column("item_list.taken")}.items()]
    return select(_item.c[column]).where(*same).scalar_subquery().label(column)


_TAKE = Statement(
    update(_list)
    .where(*_OF_LIST, _list.c.stopped.is_(false()), _list.c.taken < _list.c.total)
    .values(taken=func.coalesce(_next, _list.c.total + literal_column("1")))
    .returning(*(_of_taken(name) for name in _TAKEN))
)
_STOP = Statement(update(_list).where(*_OF_LIST).values(stopped=true()))
_ONE = Statement(
    select(_item.c.number, _item.c.value, _item.c.params, _item.c.digest).where(
        *_OF_ITEM, _item.c.number == bindparam("which")
    )
)
_FINISH = Statement(
    update(_item)
    .where(*_OF_ITEM, _item.c.number == bindparam("which"))
    .values(
        status=bindparam("new_status"),
        output=bindparam("new_output"),
        error=bindparam("new_error"),
        lane=bindparam("by_lane"),
    )
)


class ForeachVisit(Struct, frozen=True):
    """A visit of a run to a foreach: what its items belong to."""

    run: str
    step: str
    visit: int

    @property
    def params(self) -> dict[str, Any]:
        return {"of": self.run, "at": self.step, "in_visit": self.visit}


class StoredList(Struct, frozen=True, kw_only=True):
    """The list of a visit as it is stored."""

    total: int
    written: int
    parallel: int
    taken: int
    stopped: bool
    fingerprint: str | None


def load_list(connection: Connection, of: ForeachVisit) -> StoredList | None:
    """Return the list of a visit, or None before its first items are written down."""
    row = _LIST.one(connection, of.params)
    return None if row is None else StoredList(**row._asdict())


def insert_list(tx: Tx, of: ForeachVisit, *, total: int, parallel: int) -> None:
    tx.write(
        _NEW_LIST,
        {
            "run": of.run,
            "step": of.step,
            "visit": of.visit,
            "total": total,
            "written": 0,
            "parallel": parallel,
            "taken": 0,
            "stopped": False,
            "fingerprint": None,
        },
    )


def insert_items(
    tx: Tx, of: ForeachVisit, items: Sequence[PreparedItem], *, seen: int, fingerprint: str | None
) -> bool:
    """Write down more items. `seen`: how many were. Return False if another unit was faster."""
    more = {"seen": seen, "now_written": seen + len(items), "new_fingerprint": fingerprint}
    if not tx.write(_WRITTEN, {**of.params, **more}):
        return False
    _NEW_ITEM.write_all(tx.connection, [_item_row(of, item) for item in items])
    return True


def _item_row(of: ForeachVisit, item: PreparedItem) -> dict[str, Any]:
    return {
        "run": of.run,
        "step": of.step,
        "visit": of.visit,
        "number": item.number,
        "status": item.status,
        "value": None if item.params is not None else json_values.dumps(item.value),
        "params": None if item.params is None else json_values.dumps(item.params.as_value()),
        "digest": item.digest,
        "output": None,
        "error": item.error,
        "lane": None,
    }


def load_prepared(connection: Connection, of: ForeachVisit) -> ItemList | None:
    """Return what is written down of the items, with the first of them once all are."""
    stored = load_list(connection, of)
    if stored is None:
        return None
    if stored.written < stored.total:
        return ItemList(total=stored.total, written=stored.written, fingerprint=stored.fingerprint)
    first = (Params.from_value(json_values.loads(row.params)).shown() for row in _FIRST.all(connection, of.params))
    return ItemList(
        total=stored.total,
        written=stored.written,
        fingerprint=stored.fingerprint,
        first=tuple(first),
        waiting=load_counts(connection, of).get(ItemStatus.WAITING, 0),
        failure=_failure(connection, of),
    )


def load_results(connection: Connection, of: ForeachVisit) -> ItemList | None:
    """Return what became of all items."""
    stored = load_list(connection, of)
    if stored is None:
        return None
    outputs = _OUTPUTS.scalars(connection, of.params)
    kept = None if is_too_large(outputs, MAX_OUTPUT) else _read_outputs(outputs)
    return ItemList(
        total=stored.total,
        written=stored.written,
        counts=load_counts(connection, of),
        failure=_failure(connection, of),
        outputs=kept,
    )


def _read_outputs(outputs: Sequence[str | None]) -> list[Value]:
    read = json_values.loads(f"[{','.join(output or 'null' for output in outputs)}]")
    assert isinstance(read, list)
    return read


def load_counts(connection: Connection, of: ForeachVisit) -> Mapping[ItemStatus, int]:
    """Return how many items have which status."""
    return {_STATUSES[row.status]: row.count for row in _COUNTS.all(connection, of.params)}


def _failure(connection: Connection, of: ForeachVisit) -> tuple[int, str] | None:
    row = _FAILURE.one(connection, of.params)
    return None if row is None else (row.number, row.error or "")


def load_digests(connection: Connection, of: ForeachVisit) -> list[str | None]:
    """Return the digests of all items in their order."""
    return _DIGESTS.scalars(connection, of.params)


def load_item(connection: Connection, of: ForeachVisit, number: int) -> TakenItem:
    """Return an item of a visit."""
    row = _ONE.one(connection, {**of.params, "which": number})
    assert row is not None
    return _read(row)


def take(tx: Tx, of: ForeachVisit) -> TakenItem | None:
    """Take the next item that was not begun, or return None if there is none, or no more are begun."""
    row = _TAKE.one(tx.connection, of.params)
    return None if row is None or row.number is None else _read(row)


def _read(row: Any) -> TakenItem:
    return TakenItem(
        number=row.number,
        value=None if row.value is None else json_values.loads(row.value),
        params=None if row.params is None else Params.from_value(json_values.loads(row.params)),
        digest=row.digest,
    )


def finish(tx: Tx, of: ForeachVisit, end: ItemEnd, *, lane: str) -> None:
    """Note what became of an item."""
    params = {
        "which": end.number,
        "new_status": end.status,
        "new_output": None if end.output is None else json_values.dumps(end.output),
        "new_error": end.error,
        "by_lane": lane,
    }
    tx.write(_FINISH, {**of.params, **params})


def stop(tx: Tx, of: ForeachVisit) -> None:
    """Let no more items be begun."""
    tx.write(_STOP, of.params)
