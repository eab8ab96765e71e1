"""Core statements that are compiled once, and then run by the driver's cursor with plain tuples.

Core's execution of a statement took three times what all else about it takes (measured on a look-up by key: 20
microseconds, 6 this way), and half of the writing thread's CPU. What it does is the same each time: find the compiled
text, put the parameters in order, convert them, wrap the result. So it is done once here. A statement stays a Core
construct, and its text and the order of its parameters come from compiling it for the dialect of the connection;
nothing here knows SQLite. What a parameter is made of, the driver has to know: text, numbers, bytes, moments, yes or no
(the one of SQLite learns some of it, see `engine.store.binding`).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Boolean, Dialect, Executable, Insert, LargeBinary, Select, UpdateBase
from sqlalchemy.types import TypeEngine

from engine.store.connection import Connection
from engine.tables import Utc

Params = Mapping[str, Any]
_Convert = Callable[[Any], Any]


class Prepared:
    """A Core statement for the hot path. Its parameters have the same names each time; `IN` takes none that expand.

    Rows are named tuples of the selected or returned columns. Errors are the driver's own.
    """

    __slots__ = ("_compiled", "_construct")

    def __init__(self, construct: Executable) -> None:
        self._construct: Final = construct
        self._compiled: dict[str, _Compiled] = {}

    def one(self, connection: Connection, params: Params) -> Any | None:
        """The first row."""
        compiled = self._compiled.get(connection.database) or self._compile(connection, params)
        # All of them: a row left behind would keep the statement open, and with it what the connection sees.
        rows = connection.cursor.execute(compiled.text, compiled.values(params)).fetchall()
        return compiled.read(rows[0]) if rows else None

    def all(self, connection: Connection, params: Params) -> list[Any]:
        """Every row."""
        compiled = self._compiled.get(connection.database) or self._compile(connection, params)
        return [*map(compiled.read, connection.cursor.execute(compiled.text, compiled.values(params)).fetchall())]

    def scalars(self, connection: Connection, params: Params) -> list[Any]:
        """The first column of every row."""
        return [row[0] for row in self.all(connection, params)]

    def write(self, connection: Connection, params: Params) -> int:
        """The number of rows that it changed."""
        compiled = self._compiled.get(connection.database) or self._compile(connection, params)
        return connection.cursor.execute(compiled.text, compiled.values(params)).rowcount

    def write_all(self, connection: Connection, rows: Sequence[Params]) -> None:
        """Once for each of the rows; none is fine."""
        if rows:
            compiled = self._compiled.get(connection.database) or self._compile(connection, rows[0])
            connection.cursor.executemany(compiled.text, map(compiled.values, rows))

    def _compile(self, connection: Connection, params: Params) -> _Compiled:
        return self._compiled.setdefault(
            connection.database, _Compiled(self._construct, connection.core.dialect, params)
        )


class _Compiled:
    """A statement as one dialect writes it. `values` puts parameters in its order, `read` makes a row of a tuple."""

    __slots__ = ("read", "text", "values")

    def __init__(self, construct: Executable, dialect: Dialect, params: Params) -> None:
        keys = list(params) if isinstance(construct, Insert) else None
        compiled = construct.compile(dialect=dialect, column_keys=keys)  # type: ignore[attr-defined]
        self.text: str = compiled.string
        names: list[str] = compiled.positiontup or []
        for name in names:
            _see_bound_as_it_is(compiled.binds[name].type, dialect)
        # Values that stand in the construct itself.
        fixed = {name: compiled.params[name] for name in names if name not in params}
        self.values: Callable[[Params], Sequence[Any]] = _picker(names, fixed)
        columns = construct.exported_columns if isinstance(construct, Select | UpdateBase) else ()
        converts = ((at, _result(column.type, dialect)) for at, column in enumerate(columns))
        self.read = _reader([str(column.key) for column in columns], _having(converts))


def _picker(names: list[str], fixed: dict[str, Any]) -> Callable[[Params], Sequence[Any]]:
    if not names:
        return lambda params: ()  # noqa: ARG005 as all others are called
    pick: Callable[[Params], Any] = itemgetter(*names)
    if len(names) == 1:
        return (lambda _: tuple(fixed.values())) if fixed else (lambda params: (pick(params),))
    return (lambda params: pick({**fixed, **params})) if fixed else pick


def _reader(names: list[str], converts: tuple[tuple[int, _Convert], ...]) -> Callable[[Iterable[Any]], Any]:
    named: Any = namedtuple  # the type checker wants the names here and now
    # Without its constructor, which counts the columns each time.
    make: Callable[[Iterable[Any]], Any] = partial(tuple.__new__, named("Row", names))
    if not converts:
        return make

    def read(row: Iterable[Any]) -> Any:
        values = list(row)
        for at, convert in converts:
            if values[at] is not None:
                values[at] = convert(values[at])
        return make(values)

    return read


def _having(converts: Iterable[tuple[int, _Convert | None]]) -> tuple[tuple[int, _Convert], ...]:
    return tuple((at, convert) for at, convert in converts if convert is not None)


def _see_bound_as_it_is(kind: TypeEngine[Any], dialect: Dialect) -> None:
    """Raises `TypeError` for a type whose values Core converts and no driver is known to take."""
    taken = isinstance(kind, Utc | Boolean | LargeBinary)
    if not taken and kind.dialect_impl(dialect).bind_processor(dialect) is not None:
        raise TypeError(f"a prepared statement cannot bind {kind!r} for {dialect.name}")


def _result(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    return times(dialect) if isinstance(kind, Utc) else kind.dialect_impl(dialect).result_processor(dialect, None)


@lru_cache(8)
def times(dialect: Dialect) -> _Convert | None:
    """What makes a moment of what the driver gives for it; it remembers the last, for many rows have the same."""
    result = Utc().dialect_impl(dialect).result_processor(dialect, None)
    if result is not None and result(_TEXT) == _read(_TEXT):
        # It reads this text: then the standard library does the same in a fraction of the time.
        return _read
    return result and lru_cache(256)(result)


_TEXT: Final = "2026-03-02 09:05:00.120000"


@lru_cache(256)
def _read(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")
