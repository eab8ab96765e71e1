"""Core statements that are compiled once, and then run by the driver's cursor with plain tuples.

Core's execution of a statement took three times what all else about it takes (measured on a look-up by key: 20
microseconds, 6 this way), and half of the writing thread's CPU. What it does is the same each time: find the compiled
text, put the parameters in order, convert them, wrap the result. So it is done once here. A statement stays a Core
construct, and text, order and conversions come from compiling it for the dialect of the connection; nothing here knows
SQLite.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Boolean, Dialect, Executable, Insert, LargeBinary, Select, UpdateBase
from sqlalchemy.types import TypeEngine

from engine import timestamps
from engine.store.columns import Utc
from engine.store.connection import Connection
from engine.store.dialect import Upsert

Params = Mapping[str, Any]
_Convert = Callable[[Any], Any]


class Statement:
    """A Core statement for the hot path. Its parameters have the same names each time; `IN` takes none that expand.

    Rows are named tuples of the selected or returned columns. Errors are the driver's own.
    """

    __slots__ = ("_compiled", "_construct")

    def __init__(self, construct: Executable | Upsert) -> None:
        self._construct: Final = construct
        self._compiled: dict[str, _Compiled] = {}

    def one(self, connection: Connection, params: Params) -> Any | None:
        """Return the first row, or None."""
        compiled = self._compiled.get(connection.database) or self._compile(connection, params)
        rows = connection.fetch(compiled, compiled.values(params))
        return compiled.read(rows[0]) if rows else None

    def all(self, connection: Connection, params: Params) -> list[Any]:
        """Return every row."""
        compiled = self._compiled.get(connection.database) or self._compile(connection, params)
        return [*map(compiled.read, connection.fetch(compiled, compiled.values(params)))]

    def scalars(self, connection: Connection, params: Params) -> list[Any]:
        """Return the first column of every row."""
        return [row[0] for row in self.all(connection, params)]

    def write(self, connection: Connection, params: Params) -> int:
        """Run the statement, and return the number of rows that it changed."""
        compiled = self._compiled.get(connection.database) or self._compile(connection, params)
        return connection.change(compiled, compiled.values(params))

    def write_all(self, connection: Connection, rows: Sequence[Params]) -> None:
        """Run the statement once for each of the rows, of which there may be none."""
        if rows:
            compiled = self._compiled.get(connection.database) or self._compile(connection, rows[0])
            connection.change_all(compiled, map(compiled.values, rows))

    def _for(self, dialect: Dialect) -> Executable:
        return self._construct.construct(dialect) if isinstance(self._construct, Upsert) else self._construct

    def _compile(self, connection: Connection, params: Params) -> _Compiled:
        return self._compiled.setdefault(
            connection.database, _Compiled(self._for(connection.core.dialect), connection.core.dialect, params)
        )


class _Compiled:
    """A statement as one dialect writes it. `values` puts parameters in its order, `read` makes a row of a tuple."""

    __slots__ = ("read", "text", "values")

    def __init__(self, construct: Executable, dialect: Dialect, params: Params) -> None:
        keys = list(params) if isinstance(construct, Insert) else None
        compiled = construct.compile(dialect=dialect, column_keys=keys)  # type: ignore[attr-defined]
        self.text: str = compiled.string
        names: list[str] = compiled.positiontup or []
        binds = _having((at, _bind(compiled.binds[name].type, dialect)) for at, name in enumerate(names))
        # Values of the construct itself.
        fixed = {name: compiled.params[name] for name in names if name not in params}
        pick = _picker(names, fixed)
        self.values: Callable[[Params], Sequence[Any]] = _converting(pick, binds) if binds else pick
        columns = construct.exported_columns if isinstance(construct, Select | UpdateBase) else ()
        results = _having((at, _result(column.type, dialect)) for at, column in enumerate(columns))
        self.read = _reader([str(column.key) for column in columns], results)


def _picker(names: list[str], fixed: dict[str, Any]) -> Callable[[Params], Sequence[Any]]:
    if not names:
        return lambda params: ()  # noqa: ARG005 as all others are called
    pick: Callable[[Params], Any] = itemgetter(*names)
    if len(names) == 1:
        return (lambda _: tuple(fixed.values())) if fixed else (lambda params: (pick(params),))
    return (lambda params: pick({**fixed, **params})) if fixed else pick


def _converting(
    pick: Callable[[Any], Iterable[Any]], converts: tuple[tuple[int, _Convert], ...]
) -> Callable[[Any], Sequence[Any]]:
    def values(params: Any) -> Sequence[Any]:
        values = [*pick(params)]
        for at, convert in converts:
            if values[at] is not None:
                values[at] = convert(values[at])
        return values

    return values


def _reader(names: list[str], converts: tuple[tuple[int, _Convert], ...]) -> Callable[[Iterable[Any]], Any]:
    named: Any = namedtuple  # the type checker accepts only literal names
    # Without its constructor, which counts the columns each time.
    make: Callable[[Iterable[Any]], Any] = partial(tuple.__new__, named("Row", names))
    if not converts:
        return make
    converted = _converting(iter, converts)
    return lambda row: make(converted(row))


def _having(converts: Iterable[tuple[int, _Convert | None]]) -> tuple[tuple[int, _Convert], ...]:
    return tuple((at, convert) for at, convert in converts if convert is not None)


def _bind(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    if isinstance(kind, Boolean | LargeBinary):
        return None  # every driver takes these values as they are; the conversions of Core are for older drivers
    return times(dialect)[0] if isinstance(kind, Utc) else kind.dialect_impl(dialect).bind_processor(dialect)


def _result(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    return times(dialect)[1] if isinstance(kind, Utc) else kind.dialect_impl(dialect).result_processor(dialect, None)


@lru_cache(8)
def times(dialect: Dialect) -> tuple[_Convert | None, _Convert | None]:
    """Return the conversions of times to the database and back.

    They cache recent values: a unit writes its `now` several times, and many rows have the same time.
    """
    kind = Utc().dialect_impl(dialect)
    bind, result = kind.bind_processor(dialect), kind.result_processor(dialect, None)
    if bind is not None and bind(_SAMPLE) == _write(_SAMPLE):
        # The dialect writes ISO text, and the standard library does that in a fraction of the time.
        return _write, _read
    return bind, result


_SAMPLE: Final = datetime(2026, 3, 2, 9, 5, tzinfo=UTC)


def _write(moment: datetime) -> str:
    return _written(moment if moment.tzinfo is UTC else timestamps.in_utc(moment))


@lru_cache(256)
def _written(moment: datetime) -> str:
    return timestamps.exact(moment)[:-1].replace("T", " ")


@lru_cache(256)
def _read(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")
