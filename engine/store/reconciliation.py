"""Compares the audit log with the tables: the chain proves that no entry was changed, this that the rows agree with it.

A person who can write the file can write a decision into its table, or keep one out of the log; neither breaks the
chain. So every run, request, decision, draw, version, secret and API key must have its entry, and every such entry its
row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from datetime import datetime
from itertools import chain
from typing import Any, Final, cast

from msgspec import Struct
from sqlalchemy import exists, select

from engine import json_values
from engine.domain import PolicyKind, RequestState, RunStatus
from engine.store import builder_reconciliation, key_reconciliation, oversight_reconciliation, plan_reconciliation
from engine.store.ask_tables import AskRow
from engine.store.connection import Connection
from engine.store.tables import (
    AuditRow,
    ContentChangeRow,
    DecisionRow,
    RequestRow,
    RunRow,
    WorkflowRow,
    WorkflowVersionRow,
)

_ask = AskRow.__table__  # type: ignore[attr-defined]
_audit = AuditRow.__table__  # type: ignore[attr-defined]
_change = ContentChangeRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_version = WorkflowVersionRow.__table__  # type: ignore[attr-defined]

PAGE: Final = 200
"""Runs that are compared at a time, so that a large log takes time but no memory."""
_CHANGED: Final = "request.changed"
_UNDONE: Final = "request.undone"
_DECIDED: Final[Mapping[str, tuple[str, ...]]] = {
    RequestState.APPROVED.value: ("request.approved", "request.voted", _CHANGED),
    RequestState.REJECTED.value: ("request.rejected",),
    RequestState.CHANGES_REQUESTED.value: ("request.changes_requested",),
    RequestState.SKIPPED.value: ("request.skipped",),
}
"""The entries that tell of a decision, by its verdict. A change tells of one unless its person may not approve it."""
_ENDED: Final = frozenset(f"run.{status.value}" for status in RunStatus if status.ended)
_CLOSED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    RequestState.APPROVED.value: ("request.approved", "request.expired"),
    RequestState.REJECTED.value: ("request.rejected", "request.expired"),
    RequestState.CHANGES_REQUESTED.value: ("request.changes_requested",),
    RequestState.SKIPPED.value: ("request.skipped",),
    RequestState.CANCELLED.value: ("request.withdrawn",),
    RequestState.UNDONE.value: (_UNDONE,),
}
"""The entries that close a request, by its state; all other closed states come from its expiry."""
_EXPIRED: Final = ("request.expired",)
_CLOSING: Final = frozenset({*chain.from_iterable(_CLOSED_BY.values()), *_EXPIRED})
_RECORDED: Final = ("reason", "assurance", "shown_digest", "approved_digest")
"""Facts of a decision that its row and its entry hold under the same name."""


class _LoggedEntry(Struct, frozen=True):
    """The compared parts of an entry. `content` is None if it was erased."""

    seq: int
    at: datetime
    kind: str
    run: str | None
    request: str | None
    actor: str | None
    content: dict[str, Any] | None


def compare(connection: Connection, workspace: str) -> Iterator[str]:
    """Yield a sentence for every difference between the log and the tables."""
    began = _first(connection, workspace)
    yield from _begun_anew(connection, workspace, began)
    yield from _versions(connection, workspace)
    of_no_run = select(_audit).where(_audit.c.workspace == workspace, _audit.c.run.is_(None)).order_by(_audit.c.seq)
    for compared in (key_reconciliation, builder_reconciliation):
        yield from compared.differences(connection, workspace, _entries(connection.execute(of_no_run)))
    yield from _without_run(connection, workspace)
    yield from plan_reconciliation.compare_plans(connection, workspace)
    after = ""
    while rows := _runs(connection, workspace, after):
        around = _around(connection, workspace, [row.id for row in rows])
        for row in rows:
            if began is None or row.started_at >= began.at:
                yield from _compare_run(row, around)
        after = rows[-1].id


def _entries(rows: Iterable[Any]) -> Iterator[_LoggedEntry]:
    """Yield the entries of these rows. Unreadable ones are left out: the check of the chain names them."""
    for row in rows:
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            yield _read(row)


def _read(row: Any) -> _LoggedEntry:
    leaf = cast("dict[str, Any]", json_values.loads(row.leaf))
    content = None if row.content is None else cast("dict[str, Any]", json_values.loads(row.content))
    at = datetime.fromisoformat(leaf["at"])
    return _LoggedEntry(row.seq, at, leaf["kind"], leaf.get("run"), leaf.get("request"), leaf.get("actor"), content)


def _first(connection: Connection, workspace: str) -> _LoggedEntry | None:
    row = connection.execute(
        select(_audit).where(_audit.c.workspace == workspace).order_by(_audit.c.seq).limit(1)
    ).first()
    return None if row is None else _read(row)


# -- the log as a whole -------------------------------------------------------------------------------------


def _begun_anew(connection: Connection, workspace: str, began: _LoggedEntry | None) -> Iterator[str]:
    """Yield runs from before the first entry: then the log was removed, and another one begun."""
    earlier = _run.c.workspace == workspace
    if began is not None:
        earlier = earlier & (_run.c.started_at < began.at)
    run = connection.execute(select(_run.c.id, _run.c.started_at).where(earlier).order_by(_run.c.id).limit(1)).first()
    if run is None:
        return
    when = f"{run.started_at:%Y-%m-%d %H:%M} UTC"
    if began is None:
        yield f"the log is empty, and the tables hold runs (the first is {run.id}, of {when}): it was removed"
    else:
        yield (
            f"the log begins at {began.at:%Y-%m-%d %H:%M} UTC, and the tables hold runs from before that "
            f"(the first is {run.id}, of {when}): it was begun anew"
        )


def _versions(connection: Connection, workspace: str) -> Iterator[str]:
    """Compare the versions of workflows. Their entries belong to no run, and there are few."""
    columns = (_workflow.c.name, _version.c.version, _version.c.hash, _version.c.source)
    joined = _version.join(_workflow, _workflow.c.id == _version.c.workflow)
    rows = connection.execute(select(*columns).select_from(joined).where(_workflow.c.workspace == workspace)).all()
    stored = {(row.name, row.version): row for row in rows}
    registered: dict[tuple[Any, Any], Any] = {}
    erased = False
    entries = select(_audit).where(_audit.c.workspace == workspace, _audit.c.run.is_(None)).order_by(_audit.c.seq)
    for entry in _entries(connection.execute(entries)):
        if entry.kind != "workflow.registered":
            continue
        if entry.content is None:
            erased = True
            continue
        name, number = entry.content.get("workflow"), entry.content.get("version")
        registered[name, number] = entry.content.get("hash")
        if (name, number) not in stored:
            yield f"entry {entry.seq} says that {name}, version {number}, was registered, and the tables do not hold it"
    for (name, number), row in stored.items():
        # A source that is text and not bytes was written by hand.
        source = row.source if isinstance(row.source, bytes) else str(row.source).encode()
        if hashlib.sha256(source).hexdigest() != row.hash or registered.get((name, number), row.hash) != row.hash:
            yield f"the file of {name}, version {number}, is not the one that was registered"
        if (name, number) not in registered and not erased:
            yield f"{name}, version {number}, is in the tables, and no entry says that it was registered"


def _without_run(connection: Connection, workspace: str) -> Iterator[str]:
    """Yield entries, requests and decisions of runs that do not exist, which the comparison by runs does not meet."""
    missing = ~exists().where(_run.c.id == _audit.c.run)
    entries = select(_audit).where(_audit.c.workspace == workspace, _audit.c.run.is_not(None), missing)
    named: set[str | None] = set()
    for entry in _entries(connection.execute(entries.order_by(_audit.c.seq))):
        if entry.run not in named:
            named.add(entry.run)
            yield f"entry {entry.seq} is about run {entry.run}, and the tables hold no such run"
    orphans = select(_request.c.id).where(
        _request.c.workspace == workspace, ~exists().where(_run.c.id == _request.c.run)
    )
    for request in connection.execute(orphans).scalars():
        yield f"request {request} is in the tables, and its run is not"
    alone = ~exists().where(_request.c.id == _decision.c.request)
    for decision in connection.execute(
        select(_decision.c.id).where(_decision.c.workspace == workspace, alone)
    ).scalars():
        yield f"decision {decision} is in the tables, and its request is not"


# -- run by run ---------------------------------------------------------------------------------------------


def _runs(connection: Connection, workspace: str, after: str) -> Sequence[Any]:
    columns = (_run.c.id, _run.c.status, _run.c.started_at, _run.c.ended_at)
    statement = select(*columns).where(_run.c.workspace == workspace, _run.c.id > after).order_by(_run.c.id).limit(PAGE)
    return connection.execute(statement).all()


class _Around(Struct, frozen=True):
    """The rows and entries about some runs: by request, or by run (requests, counted ones, asks, draws, entries)."""

    requests: Mapping[str, Sequence[Any]]
    decisions: Mapping[str, Sequence[Any]]
    changes: Mapping[str, Sequence[Any]]
    entries: Mapping[str, Sequence[_LoggedEntry]]
    asks: Mapping[str, Sequence[Any]]
    oversight: Mapping[str, Sequence[Any]]
    draws: Mapping[str, Sequence[Any]]
    counted: Mapping[str, Sequence[Any]]


def _around(connection: Connection, workspace: str, runs: Sequence[str]) -> _Around:
    names = ("id", "run", "state", "digest", "content", "content_version", "policy")
    requests = connection.execute(select(*(_request.c[name] for name in names)).where(_request.c.run.in_(runs)))
    entries = select(_audit).where(_audit.c.workspace == workspace, _audit.c.run.in_(runs)).order_by(_audit.c.seq)
    return _Around(
        requests=_by(lambda row: row.run, requests),
        decisions=_by(lambda row: row.request, _of_requests(connection, _decision, runs)),
        changes=_by(lambda row: row.request, _of_requests(connection, _change, runs)),
        entries=_by(lambda entry: str(entry.run), _entries(connection.execute(entries))),
        asks=_by(lambda row: row.run, connection.execute(select(_ask).where(_ask.c.run.in_(runs)))),
        oversight=_by(lambda row: row.run, oversight_reconciliation.load(connection, runs)),
        draws=_by(lambda row: row.run, plan_reconciliation.load_draws(connection, runs)),
        counted=_by(lambda row: row.run, plan_reconciliation.load_counted(connection, runs)),
    )


def _of_requests(connection: Connection, table: Any, runs: Sequence[str]) -> Iterable[Any]:
    """Return the rows of a table about the requests of these runs."""
    joined = table.join(_request, _request.c.id == table.c.request)
    return connection.execute(select(table).select_from(joined).where(_request.c.run.in_(runs)))


def _by(key: Callable[[Any], str], values: Iterable[Any]) -> dict[str, list[Any]]:
    """Return the values grouped by a key, in their order."""
    groups: dict[str, list[Any]] = {}
    for value in values:
        groups.setdefault(key(value), []).append(value)
    return groups


def _compare_run(row: Any, around: _Around) -> Iterator[str]:
    requests, entries = around.requests.get(row.id, ()), around.entries.get(row.id, ())
    kinds = {entry.kind for entry in entries}
    if "run.started" not in kinds:
        yield f"run {row.id} is in the tables, and no entry says that it was started"
    ends = kinds & _ENDED
    if row.ended_at is not None and f"run.{row.status}" not in ends:
        yield f"run {row.id} is {row.status} in the tables, and no entry says so"
    if row.ended_at is None and ends:
        yield f"run {row.id} ended by its entries ({', '.join(sorted(ends))}), and is {row.status} in the tables"
    yield from _compare_ask(row.id, around.asks.get(row.id, ()), entries)
    yield from oversight_reconciliation.differences(row.id, around.oversight.get(row.id, ()), requests, entries)
    draws, counted = around.draws.get(row.id, ()), around.counted.get(row.id, ())
    yield from plan_reconciliation.compare_draws(row.id, draws, counted, entries)
    requests_by_id = {request.id: request for request in requests}
    for entry in entries:
        if entry.kind == "request.opened" and entry.request not in requests_by_id:
            yield f"entry {entry.seq} says that request {entry.request} was opened, and the tables do not hold it"
    for request in requests:
        about = [entry for entry in entries if entry.request == request.id]
        yield from _compare_request(request, about)
        yield from _compare_decisions(request.id, around.decisions.get(request.id, ()), about)
        yield from _compare_changes(request, around.changes.get(request.id, ()), about)


def _compare_ask(run: str, asks: Sequence[Any], entries: Sequence[_LoggedEntry]) -> Iterator[str]:
    """Yield what of an ask was written without the log: that its approval was used, for what, and how that went."""
    used = [entry for entry in entries if entry.kind == "ask.consumed"]
    told = [entry.content.get("status") for entry in entries if entry.kind == "ask.outcome" and entry.content]
    consumed = [ask for ask in asks if ask.consumed_at is not None]
    if len(used) != len(consumed):
        yield f"the approval of ask {run} was used {len(consumed)} times by the tables, and {len(used)} by its entries"
    for ask in consumed:
        if any(entry.content is not None and entry.content.get("digest") != ask.digest for entry in used):
            yield f"the approval of ask {run} was used for another content than its entry says"
        if told and ask.outcome != told[-1]:
            yield f"the outcome of ask {run} is {ask.outcome} in the tables, and {told[-1]} by its entries"


def _compare_request(row: Any, entries: Sequence[_LoggedEntry]) -> Iterator[str]:
    opened_entries = [entry for entry in entries if entry.kind == "request.opened"]
    if not opened_entries:
        yield f"request {row.id} is in the tables, and no entry says that it was opened"
    for entry in opened_entries:
        if entry.content is None:
            continue
        if _policy(entry.content) != row.policy:
            yield f"request {row.id} does not need as many approvals as entry {entry.seq} says"
        changes = [change for change in entries if change.kind == _CHANGED]
        if not _is_about(row, entry.content, [change.content for change in changes]):
            yield f"request {row.id} is not about what entry {(changes or [entry])[-1].seq} says"
    yield from _compare_end(row, {entry.kind for entry in entries} & _CLOSING)


def _compare_end(row: Any, closed: Set[str]) -> Iterator[str]:
    """Yield what is wrong with the state of a request. `closed`: the kinds of its entries that close one."""
    if row.state == RequestState.PENDING.value:
        if closed:
            yield f"request {row.id} was closed by its entries ({', '.join(sorted(closed))}), and waits in the tables"
    elif _UNDONE in closed and row.state != RequestState.UNDONE.value:
        yield f"request {row.id} was undone by its entries, and is {row.state} in the tables"
    elif not closed & set(_CLOSED_BY.get(row.state, _EXPIRED)):
        yield f"request {row.id} is {row.state} in the tables, and no entry says so"


def _policy(content: Mapping[str, Any]) -> str:
    """Return the policy that a request was opened with, as its row has it."""
    return f"{content['policy']}:{content.get('needed')}" if "policy" in content else PolicyKind.ANY.value


def _is_about(row: Any, content: Mapping[str, Any], changes: Sequence[Mapping[str, Any] | None]) -> bool:
    """Return whether a request has the content that it was opened with, after the changes of approvers."""
    expected, digest = content.get("content"), content.get("digest")
    try:
        for change in filter(None, changes):
            edits = {("value", *path): after for path, after in _edits(change["edits"])}
            expected, digest = json_values.replace_all(expected, edits), change["approved_digest"]
        return bool((row.digest, json_values.loads(row.content)) == (digest, expected))
    except (ValueError, LookupError, TypeError):
        return False


def _compare_decisions(request: str, rows: Sequence[Any], log_entries: Sequence[_LoggedEntry]) -> Iterator[str]:
    entries = [entry for entry in log_entries if entry.kind in chain.from_iterable(_DECIDED.values())]
    for row in rows:
        entry = next((candidate for candidate in entries if _is_of(row, candidate)), None)
        if entry is None:
            yield (
                f"decision {row.id} ({row.verdict} by person {row.person}, request {request}) is in the tables, "
                "and no entry says so"
            )
        elif entry.content is not None:
            yield from _compare_fields(row, entry, entry.content)
    for entry in entries:
        if _tells_of_decision(entry) and not any(_is_of(row, entry) for row in rows):
            yield f"entry {entry.seq} says {entry.kind} of request {request}, and the tables hold no such decision"


def _tells_of_decision(entry: _LoggedEntry) -> bool:
    """Return whether an entry must have its decision: that of a change has none if it names the request instead."""
    if entry.kind != _CHANGED:
        return True
    return entry.content is not None and entry.content.get("decision") != entry.request


def _is_of(row: Any, entry: _LoggedEntry) -> bool:
    named = row.id if entry.content is None else entry.content.get("decision")
    return (named, row.person) == (row.id, entry.actor) and entry.kind in _DECIDED.get(row.verdict, ())


def _compare_fields(row: Any, entry: _LoggedEntry, content: Mapping[str, Any]) -> Iterator[str]:
    if row.record == "{}":
        yield f"the contents of decision {row.id} were erased in the tables, and not in entry {entry.seq}"
        return
    wrong = [name for name in _RECORDED if getattr(row, name) != content.get(name)]
    if row.content_version != _version_after(entry, content):
        wrong.append("content_version")
    # What a change of the content changed is in its own row.
    edits = [] if entry.kind == _CHANGED else content.get("edits", [])
    if _edits(json_values.loads(row.edits) if row.edits else []) != _edits(edits):
        wrong.append("edits")
    if wrong:
        yield f"decision {row.id} says something else in the tables than entry {entry.seq}: {', '.join(wrong)}"


def _version_after(entry: _LoggedEntry, content: Mapping[str, Any]) -> Any:
    """Return the version of the content that a decision is about. A change makes the next one."""
    return content.get("content_version", 1) + (entry.kind == _CHANGED)


def _compare_changes(request: Any, rows: Sequence[Any], log_entries: Sequence[_LoggedEntry]) -> Iterator[str]:
    """Compare who changed the content of a request, and how: some of them may not approve it."""
    entries = [entry for entry in log_entries if entry.kind == _CHANGED]
    changes = sorted(rows, key=lambda row: row.version)
    if not len(entries) == len(changes) == request.content_version - 1:
        yield f"request {request.id} was changed {len(entries)} times by its entries, and not so in the tables"
    for row, entry in zip(changes, entries, strict=False):
        if row.person != entry.actor or (entry.content is not None and not _is_same_change(row, entry, entry.content)):
            yield f"version {row.version} of request {request.id} is not what entry {entry.seq} says"


def _is_same_change(row: Any, entry: _LoggedEntry, content: Mapping[str, Any]) -> bool:
    stored = (row.version, row.digest, _edits(json_values.loads(row.edits)))
    logged = (_version_after(entry, content), content.get("approved_digest"), _edits(content.get("edits", [])))
    return stored == logged


def _edits(value: Any) -> list[tuple[Any, Any]]:
    return [(edit["path"], edit["after"]) for edit in value]
