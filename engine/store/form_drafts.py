"""Forms as they were typed, kept while a person fetches a code, so that they can go back on any process.

A browser finds only its own. What one request keeps is limited, so that the holder of its link cannot fill the disk.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, cast

from sqlalchemy import bindparam, delete, or_, select, tuple_

from engine import json_values
from engine.code_derivation import hashed
from engine.domain import FormDraft
from engine.store.connection import Connection
from engine.store.dialect import Upsert
from engine.store.people_tables import FormDraftRow
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.wrong_clock import CLOCK_SLACK

LIFETIME: Final = timedelta(days=1)
"""How long a draft is kept. A browser that asked for a code is known for as long."""
MOST: Final = 10
"""Maximum number of drafts of one request, or of the questions of one run. The oldest ones go first."""
MOST_BYTES: Final = 4_000_000
"""Maximum size of these drafts together, in bytes. The largest form that a page takes fits in it."""
PORTION: Final = 20
"""Maximum number of expired drafts that are deleted at once."""

_draft = FormDraftRow.__table__  # type: ignore[attr-defined]
_SAVE = Statement(Upsert(_draft, key=("holder", "about"), replaces=("run", "digest", "typed", "size", "kept_at")))
_ONE = Statement(
    select(_draft).where(
        _draft.c.holder == bindparam("holder"),
        _draft.c.about == bindparam("about"),
        _draft.c.kept_at > bindparam("since"),
        _draft.c.kept_at <= bindparam("latest"),
    )
)
_SIZES = Statement(
    select(_draft.c.holder, _draft.c.size)
    .where(_draft.c.about == bindparam("about"))
    .order_by(_draft.c.kept_at.desc(), _draft.c.holder)
)
_DROP = Statement(delete(_draft).where(_draft.c.holder == bindparam("holder"), _draft.c.about == bindparam("about")))
_key = tuple_(_draft.c.holder, _draft.c.about)
_OLD = Statement(
    delete(_draft).where(
        _key.in_(
            select(_draft.c.holder, _draft.c.about)
            .where(or_(_draft.c.kept_at <= bindparam("before"), _draft.c.kept_at > bindparam("latest")))
            .order_by(_draft.c.kept_at, _draft.c.holder, _draft.c.about)
            .limit(PORTION)
            # What another process deletes at the same moment is deleted. SQLite has no rivals, and ignores this.
            .with_for_update(skip_locked=True)
        )
    )
)


def sweep(tx: Tx) -> None:
    """Delete some expired drafts, and some of a clock that was ahead."""
    tx.write(_OLD, {"before": tx.now - LIFETIME, "latest": tx.now + CLOCK_SLACK})


def save(tx: Tx, holder: str, draft: FormDraft) -> None:
    """Keep a draft in the place of an earlier one, and delete what is over the limits."""
    typed = json_values.dumps(json_values.clean({name: list(values) for name, values in draft.typed.items()}))
    size = len(typed.encode())
    if size > MOST_BYTES:
        return
    of, about = hashed(holder), draft.about
    _make_room(tx, about, of, size)
    row = {"holder": of, "about": about, "run": draft.run, "digest": draft.digest, "typed": typed}
    tx.write(_SAVE, {**row, "size": size, "kept_at": tx.now})


def _make_room(tx: Tx, about: str, holder: bytes, size: int) -> None:
    """Delete the oldest drafts that would be too many, or too large, together with one of this size."""
    others = [row for row in _SIZES.all(tx.connection, {"about": about}) if bytes(row.holder) != holder]
    for number, other in enumerate(others, 2):
        size += other.size
        if number > MOST or size > MOST_BYTES:
            tx.write(_DROP, {"holder": bytes(other.holder), "about": about})


def load(connection: Connection, holder: str, about: str, now: datetime) -> FormDraft | None:
    """Return what was typed in this browser about a request, or about the step of a run."""
    span = {"since": now - LIFETIME, "latest": now + CLOCK_SLACK}
    row = _ONE.one(connection, {"holder": hashed(holder), "about": about, **span})
    if row is None:
        return None
    typed = cast("dict[str, list[str]]", json_values.loads(row.typed))
    return FormDraft(about=row.about, run=row.run, digest=row.digest, typed=typed)


def drop(tx: Tx, holder: str, about: str) -> None:
    """Delete what was typed in this browser, because it was sent."""
    tx.write(_DROP, {"holder": hashed(holder), "about": about})
