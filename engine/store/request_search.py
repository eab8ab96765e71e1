"""Finds requests by their words, the newest first, with a bounded number of rows read however many there are.

The words are written a moment after a request was opened (see `engine.store.log_followers`). Erasing a run deletes the
words of its requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    true,
    union,
)

from engine import id_times, json_values, search_words
from engine.audit_entries import EntryKind
from engine.domain import Params
from engine.store.connection import Connection
from engine.store.dialect import Upsert
from engine.store.oversight_tables import OversightRequestRow
from engine.store.port import Tx
from engine.store.search_tables import SearchProgressRow, SearchWordRow
from engine.store.statements import Statement
from engine.store.tables import ContentChangeRow, DecisionRow, RequestRow, RunRow, WorkflowRow

MOST_BEGINNINGS: Final = 20
"""A typed word stands for all words that begin with it if there are at most this many of them."""

_OPENED: Final = f'"{EntryKind.REQUEST_OPENED.value}"'
_LAST: Final = "~"
"""Comes after every character of an id."""
_ALL_WORDS: Final = 100_000
"""Maximum number of words that are looked for when they are deleted: with an edit, others may be the first ones."""
_LEAST: Final = "\x01"
"""Comes before every character of a word."""

_word = SearchWordRow.__table__  # type: ignore[attr-defined]
_progress = SearchProgressRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_change = ContentChangeRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_seeded = OversightRequestRow.__table__  # type: ignore[attr-defined]

_PROGRESS = Statement(select(_progress.c.seq).where(_progress.c.workspace == bindparam("workspace")))
_SET_PROGRESS = Statement(Upsert(_progress, key=["workspace"], replaces=["seq"]))
_TEXTS = (
    select(_request.c.id, _request.c.title, _request.c.details, _request.c.content)
    .add_columns(_run.c.requester_label, _workflow.c.title.label("workflow_title"), _workflow.c.name)
    .select_from(
        _request.join(_run, _run.c.id == _request.c.run)
        .outerjoin(_seeded, and_(_seeded.c.run == _run.c.id, _seeded.c.looks_like.is_not(None)))
        # A seeded request has the words of the workflow that it looks like.
        .join(_workflow, _workflow.c.id == func.coalesce(_seeded.c.about_workflow, _run.c.workflow))
    )
)
_INSERT = Statement(insert(_word))
_DELETE = Statement(
    delete(_word).where(
        _word.c.workspace == bindparam("of_workspace"),
        _word.c.word == bindparam("of_word"),
        _word.c.request == bindparam("of_request"),
    )
)
_NEXT_WORD = Statement(
    select(_word.c.word)
    .where(_word.c.workspace == bindparam("workspace"), _word.c.word >= bindparam("from"))
    .order_by(_word.c.word)
    .limit(1)
)


# -- writing ----------------------------------------------------------------------------------------------------


def take_turn(tx: Tx, workspace: str) -> None:
    """Wait until no other unit writes words, or erases texts that it has read."""
    tx.take_turn(f"search {workspace}")


def reached(tx: Tx, workspace: str) -> int:
    """Return the number of the last entry of the log whose requests can be found. Call it in its turn."""
    row = _PROGRESS.one(tx.connection, {"workspace": workspace})
    return row.seq if row is not None else 0


def write_opened(tx: Tx, workspace: str, entries: Sequence[Any]) -> None:
    """Write the words of the requests that these entries, the next ones of the log, say were opened."""
    write_words(tx.connection, workspace, [*_opened(entries)])
    _SET_PROGRESS.write(tx.connection, {"workspace": workspace, "seq": entries[-1].seq})


def _opened(entries: Sequence[Any]) -> Iterator[str]:
    for entry in entries:
        if _OPENED in entry.leaf:
            yield cast("dict[str, str]", json_values.loads(entry.leaf))["request"]


def write_words(connection: Connection, workspace: str, requests: Sequence[str]) -> None:
    """Write the words of these requests, which have none."""
    rows = connection.execute(_TEXTS.where(_request.c.id.in_(requests))).all() if requests else []
    _INSERT.write_all(
        connection,
        [{"workspace": workspace, "word": word, "request": row.id} for row in rows for word in _words_of(row)],
    )


def _words_of(row: Any) -> tuple[str, ...]:
    """Return the words of a request."""
    return search_words.words(_texts_of(row))


def _texts_of(row: Any) -> list[str]:
    """Return the texts of a request. Secrets are not among them: content has only their names."""
    details = cast("dict[str, Any]", json_values.loads(row.details))
    content = Params.from_value(json_values.loads(row.content)).value
    shown = [text for pair in details.get("show", ()) for text in pair]
    texts = [row.title, *shown, details.get("reason") or "", row.requester_label, row.workflow_title, row.name]
    return [*texts, *search_words.texts_of(content)]


def erase_words(tx: Tx, workspace: str, run: str) -> list[str]:
    """Delete the words of the requests of a run, and return the requests that had some.

    Call it in its turn, and before their texts are erased. Words of texts that were edited since are deleted as well.
    """
    edited = _edited_texts(tx.connection, run)
    had_words: list[str] = []
    for row in tx.connection.execute(_TEXTS.where(_request.c.run == run)).all():
        words = search_words.words([*_texts_of(row), *edited.get(row.id, ())], _ALL_WORDS)
        keys = [{"of_workspace": workspace, "of_word": word, "of_request": row.id} for word in words]
        if sum(tx.write(_DELETE, key) for key in keys):
            had_words.append(row.id)
    return had_words


def _edited_texts(connection: Connection, run: str) -> dict[str, list[str]]:
    """Return the texts in the edits of the requests of a run, before and after them, by request."""
    texts: dict[str, list[str]] = {}
    for table in (_decision, _change):
        joined = table.join(_request, _request.c.id == table.c.request)
        edits = select(table.c.request, table.c.edits).select_from(joined).where(_request.c.run == run)
        for row in connection.execute(edits.where(table.c.edits.is_not(None))).all():
            texts.setdefault(row.request, []).extend(search_words.texts_of(json_values.loads(row.edits)))
    return texts


# -- reading ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SearchMeaning:
    """The stored words that each typed word stands for, and the typed words that begin too many others."""

    terms: tuple[tuple[str, ...], ...]
    vague: tuple[str, ...] = ()
    fewest: int = 0
    """How many requests have the first of them, if the rarest is first."""

    @property
    def finds_some(self) -> bool:
        return all(self.terms) and not self.vague


def look_up(connection: Connection, workspace: str, text: str) -> SearchMeaning:
    """Return what a typed text means: each of its words stands for itself and for the words that begin with it."""
    terms: list[tuple[str, ...]] = []
    vague: list[str] = []
    for word in search_words.typed(text):
        stored = _beginnings(connection, workspace, word)
        if len(stored) <= MOST_BEGINNINGS:
            terms.append(tuple(stored))
        elif stored[0] == word:
            terms.append((word,))
        else:
            vague.append(word)
    return SearchMeaning(tuple(terms), tuple(vague))


def rarest_first(
    connection: Connection, workspace: str, meaning: SearchMeaning, within: IdRange, *, most: int
) -> SearchMeaning:
    """Return the meaning with the words in order, from the one that the fewest requests of a period have.

    At most so many are counted; of words with more, the one whose newest requests go back the furthest comes first.
    """
    bounds = {"workspace": workspace, "first": within.first or "", "last": (within.end or "") + _LAST, "most": most}
    counts = {
        terms: _count(len(terms)).all(connection, bounds | {f"word{at}": term for at, term in enumerate(terms)})[0]
        for terms in meaning.terms
    }
    terms = sorted(meaning.terms, key=lambda terms: (counts[terms].requests, counts[terms].oldest or ""))
    return replace(meaning, terms=tuple(terms), fewest=counts[terms[0]].requests)


@lru_cache(MOST_BEGINNINGS)
def _count(words: int) -> Statement:
    """Return the statement that counts the newest requests with any of so many words, `word0` and so on."""
    parts = [
        select(_word.c.request)
        .where(_word.c.workspace == bindparam("workspace"), _word.c.word == bindparam(f"word{at}"))
        .where(_word.c.request >= bindparam("first"), _word.c.request <= bindparam("last"))
        .order_by(_word.c.request.desc())
        .limit(bindparam("most"))
        .subquery()
        for at in range(words)
    ]
    together = union(*(select(part.c.request) for part in parts)).subquery()
    whole = select(together).order_by(together.c.request.desc()).limit(bindparam("most")).subquery()
    return Statement(select(func.count().label("requests"), func.min(whole.c.request).label("oldest")))


@dataclass(frozen=True, slots=True)
class IdRange:
    """Ids of a period: at least `first`, and less than `end`. None: no bound."""

    first: str | None = None
    end: str | None = None

    @classmethod
    def of(cls, since: datetime | None, until: datetime | None) -> IdRange:
        return cls(id_times.time_digits(since) if since else None, id_times.time_digits(until) if until else None)

    @property
    def only_until(self) -> IdRange:
        return IdRange(end=self.end)

    def conditions(self, id: ColumnElement[str]) -> list[ColumnElement[bool]]:
        """Return the conditions that an id is in the range. They are not exact to the millisecond."""
        first = [id >= self.first] if self.first is not None else []
        return first if self.end is None else [*first, id <= self.end + _LAST]


def newest_with(
    workspace: str,
    terms: Sequence[str],
    *,
    before: str | None = None,
    within: IdRange = IdRange(),
    most: int,
) -> Select[Any]:
    """Select the newest requests with at least one of these words, as `id` and `key`.

    One index read for each word, each in order and limited: a single IN would read every request with the words.
    """
    older = _word.c.request <= before if before is not None else true()
    parts = [
        select(_word.c.request)
        .where(_word.c.workspace == workspace, _word.c.word == term, older, *within.conditions(_word.c.request))
        .order_by(_word.c.request.desc())
        .limit(most)
        .subquery()
        for term in terms
    ]
    if len(parts) == 1:
        return select(parts[0].c.request.label("id"), parts[0].c.request.label("key"))
    whole = union(*(select(part.c.request) for part in parts)).subquery()
    newest = select(whole.c.request.label("id"), whole.c.request.label("key"))
    return newest.order_by(whole.c.request.desc()).limit(most)


def has_words(request: ColumnElement[str], workspace: str, meaning: SearchMeaning) -> list[ColumnElement[bool]]:
    """Return the conditions that a request has all of the typed words."""
    return [
        select(literal_column("1"))
        .where(_word.c.workspace == workspace, _word.c.word.in_(terms), _word.c.request == request)
        # PostgreSQL would read every request with a common word for an EXISTS, to look them up in a table of its own.
        .limit(1)
        .correlate_except(_word)
        .scalar_subquery()
        .is_not(None)
        for terms in meaning.terms
    ]


def _beginnings(connection: Connection, workspace: str, word: str) -> list[str]:
    """Return the stored words that begin with a word, one more than may count at most. The word itself is the first."""
    found: list[str] = []
    start = word
    while len(found) <= MOST_BEGINNINGS:
        row = _NEXT_WORD.one(connection, {"workspace": workspace, "from": start})
        if row is None or not row.word.startswith(word):
            break
        found.append(row.word)
        start = row.word + _LEAST
    return found
