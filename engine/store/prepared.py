"""Core statements that are compiled once, and then run by the driver's cursor with plain tuples.

Core's execution of a statement took three times what all else about it takes (measured on a look-up by key: 20
microseconds, 6 this way), and half of the writing thread's CPU. What it does is the same each time: find the compiled
text, put the parameters in order, convert them, wrap the result. So it is done once here. A statement stays a Core
construct, and text, order and conversions come from compiling it for the dialect of the connection; nothing here
knows SQLite.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Executable, Insert, LargeBinary, Select, UpdateBase
from sqlalchemy.types import TypeEngine

from engine import moments
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
        compiled = self._for(connection, params)
        row = compiled.run(connection, params).fetchone()
        return None if row is None else compiled.read(row)

    def all(self, connection: Connection, params: Params) -> list[Any]:
        """Every row."""
        compiled = self._for(connection, params)
        return compiled.read_all(compiled.run(connection, params).fetchall())

    def scalars(self, connection: Connection, params: Params) -> list[Any]:
        """The first column of every row."""
        return [row[0] for row in self.all(connection, params)]

    def write(self, connection: Connection, params: Params) -> int:
        """The number of rows that it changed."""
        count: int = self._for(connection, params).run(connection, params).rowcount
        return count

    def write_all(self, connection: Connection, rows: Sequence[Params]) -> None:
        """Once for each of the rows; none is fine."""
        if rows:
            compiled = self._for(connection, rows[0])
            _driver(connection).cursor().executemany(compiled.text, [compiled.values(row) for row in rows])

    def _for(self, connection: Connection, params: Params) -> _Compiled:
        try:
            return self._compiled[connection.dialect.name]
        except KeyError:
            known = _Compiled(self._construct, connection.dialect, params)
            return self._compiled.setdefault(connection.dialect.name, known)


class _Compiled:
    """A statement as one dialect writes it. `values` puts parameters in its order, `read` makes a row of a tuple."""

    __slots__ = ("_converts", "_fixed", "_pick", "_reads", "_row", "_uneven", "text")

    def __init__(self, construct: Executable, dialect: Dialect, params: Params) -> None:
        keys = list(params) if isinstance(construct, Insert) else None
        compiled = construct.compile(dialect=dialect, column_keys=keys)  # type: ignore[attr-defined]
        self.text: str = compiled.string
        names: list[str] = compiled.positiontup or []
        self._fixed = tuple((at, compiled.params[name]) for at, name in enumerate(names) if name not in params)
        """Places of values that stand in the construct itself."""
        self._pick = _picker([name if name in params else next(iter(params)) for name in names])
        binds = ((at, compiled.binds[name].type) for at, name in enumerate(names) if name in params)
        self._converts = _having((at, _bind(kind, dialect)) for at, kind in binds)
        self._uneven = bool(self._converts or self._fixed)
        columns = construct.exported_columns if isinstance(construct, Select | UpdateBase) else ()
        self._row = _row([str(column.key) for column in columns])
        self._reads = _having((at, _result(column.type, dialect)) for at, column in enumerate(columns))

    def run(self, connection: Connection, params: Params) -> Any:
        """A cursor that has executed the statement."""
        return _driver(connection).execute(self.text, self.values(params) if self._uneven else self._pick(params))

    def values(self, params: Params) -> Sequence[Any]:
        """The parameters as the driver takes them."""
        picked: tuple[Any, ...] = self._pick(params)
        if not self._uneven:
            return picked
        values = list(picked)
        for at, convert in self._converts:
            if values[at] is not None:
                values[at] = convert(values[at])
        for at, value in self._fixed:
            values[at] = value
        return values

    def read(self, row: Sequence[Any]) -> Any:
        if not self._reads:
            return self._row(row)
        values = list(row)
        for at, convert in self._reads:
            if values[at] is not None:
                values[at] = convert(values[at])
        return self._row(values)

    def read_all(self, rows: Iterable[Sequence[Any]]) -> list[Any]:
        return list(map(self.read if self._reads else self._row, rows))


def _picker(names: list[str]) -> Callable[[Params], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    if not names:
        return lambda _: ()
    (name,) = names
    return lambda params: (params[name],)


def _row(names: list[str]) -> Callable[[Iterable[Any]], Any]:
    named: Any = namedtuple  # the type checker wants the names here and now
    make: Callable[[Iterable[Any]], Any] = named("Row", names)._make
    return make


def _having(converts: Iterable[tuple[int, _Convert | None]]) -> tuple[tuple[int, _Convert], ...]:
    return tuple((at, convert) for at, convert in converts if convert is not None)


def _bind(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    if isinstance(kind, LargeBinary):
        return None  # every driver takes bytes as they are; what Core wraps them in was made for older ones
    return times(dialect)[0] if isinstance(kind, Utc) else kind.dialect_impl(dialect).bind_processor(dialect)


def _result(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    if isinstance(kind, Utc):
        return times(dialect)[1]
    return kind.dialect_impl(dialect).result_processor(dialect, None)


@lru_cache(8)
def times(dialect: Dialect) -> tuple[_Convert | None, _Convert | None]:
    """Both ways for moments, remembering the last: a unit writes its `now` ten times, and reads what one wrote."""
    kind = Utc().dialect_impl(dialect)
    bind, result = kind.bind_processor(dialect), kind.result_processor(dialect, None)
    if bind is not None and bind(_SAMPLE) == _written(_SAMPLE):
        # What it writes is this text: then the standard library does the same in a fraction of the time.
        return lru_cache(256)(_written), lru_cache(256)(_read)
    return (bind and lru_cache(256)(bind)), (result and lru_cache(256)(result))


_SAMPLE: Final = datetime(2026, 3, 2, 9, 5, tzinfo=UTC)


def _written(moment: datetime) -> str:
    text = moments.exact(moment)
    return f"{text[:10]} {text[11:-1]}"


def _read(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def _driver(connection: Connection) -> Any:
    return connection.connection.dbapi_connection
