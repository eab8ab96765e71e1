"""Erases a person's names and addresses. Their id stays, so that the record that a person decided stays as well.

What the trigger of a table lets only be emptied is emptied, and so is an audit entry: its content cannot be changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

from msgspec import Struct
from sqlalchemy import delete, literal_column, or_, select, update

from engine import json_values
from engine.audit_entries import EntryKind
from engine.person_mentions import Mentions, is_sure
from engine.store import api_keys, attachments, erasure, person_texts, request_search
from engine.store.attention_tables import AttentionRow, RequestViewRow
from engine.store.connection import Connection
from engine.store.people_tables import (
    AbsenceRow,
    AddressPeriodRow,
    AddressRow,
    AttentionLinkRow,
    BrowserRow,
    ChallengeRow,
    LinkRow,
    PersonRow,
    SignInRow,
)
from engine.store.person_texts import TextTable
from engine.store.port import Tx
from engine.store.seeded_tables import SeededResultRow, SeedingRow
from engine.store.tables import AuditRow, RunRow
from engine.store.view_tables import LastViewRow

RUNS: Final = 25
"""Number of runs that one search looks at."""
ENTRIES: Final = 500
"""Number of audit entries of no run that one search looks at."""
_PSEUDONYM: Final = 6
"""Number of characters of a person's id in their pseudonym."""
_CONTENT_KINDS: Final = frozenset({EntryKind.REQUEST_OPENED.value, EntryKind.REQUEST_CHANGED.value})
"""The entries that together say what a request is about. If one is erased, the others would say something else."""
_KEPT_KINDS: Final = frozenset({EntryKind.CONTENT_ERASED.value, EntryKind.PERSON_ERASED.value})

_absence = AbsenceRow.__table__  # type: ignore[attr-defined]
_address = AddressRow.__table__  # type: ignore[attr-defined]
_last_view = LastViewRow.__table__  # type: ignore[attr-defined]
_audit = AuditRow.__table__  # type: ignore[attr-defined]
_challenge = ChallengeRow.__table__  # type: ignore[attr-defined]
_period = AddressPeriodRow.__table__  # type: ignore[attr-defined]
_person = PersonRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_IDENTIFYING: Final[tuple[Any, ...]] = (
    *(AddressRow, AddressPeriodRow, BrowserRow, LinkRow, AttentionLinkRow, ChallengeRow, SignInRow),
    *(AttentionRow, RequestViewRow, SeedingRow, SeededResultRow),
)
OF_PERSON: Final = tuple(row.__table__ for row in _IDENTIFYING)
"""The tables whose rows identify a person or tell how they work, and nothing else refers to."""


@dataclass(frozen=True)
class ErasablePerson:
    """A person to erase. `ids`: all that they are known as, the first of which names their pseudonym."""

    ids: tuple[str, ...]
    texts: frozenset[str]

    @property
    def pseudonym(self) -> str:
        return f"Erased person {self.ids[0][-_PSEUDONYM:].upper()}"

    @cached_property
    def known(self) -> frozenset[str]:
        return frozenset(self.ids)

    @cached_property
    def sure(self) -> Mentions:
        """Find what names the person in every run."""
        return Mentions(filter(is_sure, self.texts), pseudonym=self.pseudonym)

    @cached_property
    def likely(self) -> Mentions:
        """Find what names the person in a run that they took part in: also a name of one word."""
        return Mentions(self.texts, pseudonym=self.pseudonym)


class PersonRuns(Struct, frozen=True):
    """Runs that name a person. `unfinished`: how many others do that have not ended. `reached`: as in `OldRuns`."""

    runs: tuple[str, ...]
    unfinished: int
    reached: str | None


# -- reading ------------------------------------------------------------------------------------------------


def load(connection: Connection, workspace: str, person: str) -> ErasablePerson:
    """Return a person with all that names them: names, addresses that they have or had, and names of before."""
    into = connection.execute(select(_person.c.joined_into).where(_person.c.id == person)).scalar() or person
    rows = connection.execute(
        select(_person.c.id, _person.c.name).where(
            _person.c.workspace == workspace, or_(_person.c.id == into, _person.c.joined_into == into)
        )
    ).all()
    ids = (into, *sorted(row.id for row in rows if row.id != into))
    texts = {row.name for row in rows}
    for statement in (
        select(_address.c.value).where(_address.c.person.in_(ids)),
        select(_period.c.value).where(_period.c.person.in_(ids)),
        select(_run.c.requester_label).where(_run.c.requester.in_(ids)).distinct(),
    ):
        texts.update(connection.execute(statement).scalars())
    return ErasablePerson(ids, frozenset(texts))


def find_runs(connection: Connection, workspace: str, person: ErasablePerson, after: str) -> PersonRuns:
    """Return which of the next runs after `after` name the person."""
    looked_at = (
        select(_run.c.id, _run.c.ended_at)
        .where(_run.c.workspace == workspace, _run.c.id > after)
        .order_by(_run.c.id)
        .limit(RUNS)
    )
    rows = connection.execute(looked_at).all()
    named = _naming(connection, [row.id for row in rows], person)
    ended = tuple(row.id for row in rows if row.id in named and row.ended_at is not None)
    return PersonRuns(ended, len(named) - len(ended), rows[-1].id if len(rows) == RUNS else None)


def _naming(connection: Connection, runs: list[str], person: ErasablePerson) -> set[str]:
    named: set[str] = set()
    for table, row in person_texts.rows_of(connection, runs):
        if row.of_run not in named and (table.names_one_of(row, person.known) or _names(table, row, person.sure)):
            named.add(row.of_run)
    entries = select(_audit.c.run, _audit.c.leaf, _audit.c.content).where(
        _audit.c.run.in_(runs), _audit.c.content.is_not(None)
    )
    for entry in connection.execute(entries).all():
        if entry.run not in named and _is_about(entry, person, person.sure):
            named.add(entry.run)
    return named


def _names(table: TextTable, row: Any, mentions: Mentions) -> bool:
    texts = (getattr(row, name) for name in table.texts)
    values = (getattr(row, name) for name in table.json)
    return any(mentions.found_in(text) for text in texts if text) or any(
        mentions.found_in_json(text) for text in values if text
    )


def _is_about(entry: Any, person: ErasablePerson, mentions: Mentions) -> bool:
    """Return whether an entry names the person, or their id."""
    kind, actor = _leaf(entry)["kind"], _leaf(entry).get("actor")
    if kind in _KEPT_KINDS:
        return False
    has_id = actor in person.known or any(known in entry.content for known in person.known)
    return has_id or mentions.found_in_json(entry.content)


def _leaf(entry: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", json_values.loads(entry.leaf))


# -- the rows of a run --------------------------------------------------------------------------------------


def erase_in_run(tx: Tx, workspace: str, run: str, person: ErasablePerson) -> list[int]:
    """Erase what names the person in a run that has ended, and return the numbers of the entries that were emptied."""
    if not erasure.lock_ended(tx, run):
        return []
    tx.connection.overwrite_deleted()
    rows = [*person_texts.rows_of(tx.connection, [run])]
    took_part = any(table.names_one_of(row, person.known) for table, row in rows)
    mentions = person.likely if took_part else person.sure
    searchable = request_search.erase_words(tx, workspace, run)
    changed: set[str] = set()
    for table, row in rows:
        values = _erased_values(table, row, person, mentions)
        if values:
            tx.connection.execute(update(table.table).where(table.is_row(row)).values(values))
            changed.update({row.id} if table in (person_texts.REQUEST, person_texts.DECISION) else ())
    # A new try of the run that begins now has read the texts before.
    tx.connection.execute(update(_run).where(_run.c.id == run).values(rev=_run.c.rev + literal_column("1")))
    erasure.erase_what_waits(tx, run)
    request_search.write_words(tx.connection, workspace, searchable)
    numbers = _entries_to_empty(tx.connection, run, person, mentions, changed)
    erasure.empty_entries(tx, workspace, numbers)
    return numbers


def _erased_values(table: TextTable, row: Any, person: ErasablePerson, mentions: Mentions) -> Mapping[str, Any]:
    """Return the new values of the columns of a row that name the person."""
    is_theirs = table.names_one_of(row, person.known)
    erased: dict[str, str | None]
    erased = {name: mentions.erased(text) for name in table.texts if (text := getattr(row, name))}
    erased |= {name: mentions.erased_json(text) for name in table.json if (text := getattr(row, name))}
    if table is person_texts.RUN:
        # A text by which a run is found again is not changed: it would no longer find it.
        erased["key"] = row.key if erased.get("key") == row.key else None
        if is_theirs:
            erased |= {"requester_label": person.pseudonym, "origin": _without_place(row.origin)}
    if table is person_texts.DELIVERY and is_theirs:
        erased |= {"address": person.pseudonym, "last_error": None}
    erased = {name: value for name, value in erased.items() if value != getattr(row, name)}
    if table is person_texts.DELIVERY and is_theirs and erased:
        erased["next_at"] = None
    if table is person_texts.DECISION and (erased or is_theirs):
        return {"record": "{}", **dict.fromkeys(erased.keys() - {"record"})}
    return erased


def _without_place(origin: str) -> str:
    """Return where a run was started, without the ids of the person there."""
    return json_values.dumps({**cast("dict[str, Any]", json_values.loads(origin)), "place": {}})


def _entries_to_empty(
    connection: Connection, run: str, person: ErasablePerson, mentions: Mentions, changed: set[str]
) -> list[int]:
    """Return the numbers of the entries that name the person, or that tell of a row in `changed`."""
    has_content = (_audit.c.run == run, _audit.c.content.is_not(None))
    statement = select(_audit.c.seq, _audit.c.leaf, _audit.c.content).where(*has_content)
    entries = connection.execute(statement.order_by(_audit.c.seq)).all()
    named = {entry.seq for entry in entries if _is_about(entry, person, mentions)}
    tells = {entry.seq: _leaf(entry).get("request") for entry in entries if _leaf(entry)["kind"] in _CONTENT_KINDS}
    changed = changed | {str(request) for seq, request in tells.items() if seq in named}
    named.update(seq for seq, request in tells.items() if request in changed)
    named.update(entry.seq for entry in entries if _decision_of(entry) in changed)
    return sorted(named)


def _decision_of(entry: Any) -> Any:
    return cast("dict[str, Any]", json_values.loads(entry.content)).get("decision")


# -- what belongs to no run ---------------------------------------------------------------------------------


def find_entries(
    connection: Connection, workspace: str, person: ErasablePerson, after: int
) -> tuple[list[int], int | None]:
    """Return which of the next entries of no run name the person, and the last one that was looked at."""
    looked_at = (
        select(_audit.c.seq, _audit.c.leaf, _audit.c.content)
        .where(_audit.c.run.is_(None), _audit.c.workspace == workspace, _audit.c.seq > after)
        .where(_audit.c.content.is_not(None))
        .order_by(_audit.c.seq)
        .limit(ENTRIES)
    )
    entries = connection.execute(looked_at).all()
    named = [entry.seq for entry in entries if _is_about(entry, person, person.likely)]
    return named, entries[-1].seq if len(entries) == ENTRIES else None


def erase_rows(tx: Tx, person: ErasablePerson) -> None:
    """Erase the person's name, addresses, browsers, links, codes, absences and files. Their id stays."""
    tx.connection.overwrite_deleted()
    attachments.release_of(tx, sorted(person.texts))
    for table in OF_PERSON:
        tx.connection.execute(delete(table).where(table.c.person.in_(person.ids)))
    addresses = [text.lower() for text in person.texts if "@" in text]
    tx.connection.execute(delete(_challenge).where(_challenge.c.address.in_(addresses)))
    tx.connection.execute(delete(_absence).where(_absence.c.person.in_(person.ids)))
    tx.connection.execute(update(_absence).where(_absence.c.delegate.in_(person.ids)).values(delegate=None))
    tx.connection.execute(
        update(_person).where(_person.c.id.in_(person.ids)).values(name=person.pseudonym, zone=None, preferences=None)
    )
    api_keys.erase_person(tx, person.ids, addresses, person.pseudonym, person.sure)
    # What people search for can name the person. Without these rows their lists begin at the first page.
    tx.connection.execute(delete(_last_view))
    tx.memory.forget()
