"""Forms of a messenger as people left them, so that they find their entries when they open the form again.

Each person finds only their own. Forms are kept for a day, and only so many of one person.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import bindparam, delete, or_, select

from engine import json_values
from engine.code_derivation import hashed
from engine.domain.kept_forms import KeptForm
from engine.json_values import Value
from engine.store.connection import Connection
from engine.store.dialect import Upsert
from engine.store.people_tables import KeptFormRow
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.wrong_clock import CLOCK_SLACK

LIFETIME: Final = timedelta(days=1)
"""How long a form is kept."""
MOST: Final = 20
"""Maximum number of forms of one person. The oldest ones go first."""
MOST_BYTES: Final = 100_000
"""Maximum size of a form in bytes. A larger one is not kept."""

_form = KeptFormRow.__table__  # type: ignore[attr-defined]
_SAVE = Statement(Upsert(_form, key=("holder", "form"), replaces=("entries", "kept_at")))
_ONE = Statement(
    select(_form).where(
        _form.c.holder == bindparam("holder"),
        _form.c.form == bindparam("form"),
        _form.c.kept_at > bindparam("since"),
        _form.c.kept_at <= bindparam("latest"),
    )
)
_NEWEST = Statement(
    select(_form.c.form).where(_form.c.holder == bindparam("holder")).order_by(_form.c.kept_at.desc(), _form.c.form)
)
_DROP = Statement(delete(_form).where(_form.c.holder == bindparam("holder"), _form.c.form == bindparam("form")))
_is_old = or_(_form.c.kept_at <= bindparam("before"), _form.c.kept_at > bindparam("latest"))
_OLD = Statement(delete(_form).where(_is_old))


def sweep(tx: Tx) -> None:
    """Delete the expired forms, and those of a clock that was ahead."""
    tx.write(_OLD, {"before": tx.now - LIFETIME, "latest": tx.now + CLOCK_SLACK})


def save(tx: Tx, holder: str, form: str, entries: dict[str, Any]) -> None:
    """Keep a form in the place of an earlier state of it. The oldest ones of this person go if there are too many."""
    text = json_values.dumps(json_values.clean(entries))
    if len(text.encode()) > MOST_BYTES:
        return
    sweep(tx)
    of = hashed(holder)
    tx.write(_SAVE, {"holder": of, "form": form, "entries": text, "kept_at": tx.now})
    others = [row.form for row in _NEWEST.all(tx.connection, {"holder": of}) if row.form != form]
    for other in others[MOST - 1 :]:
        tx.write(_DROP, {"holder": of, "form": other})


def load(connection: Connection, holder: str, form: str, now: datetime) -> KeptForm | None:
    """Return the form as this person left it, or None."""
    span = {"since": now - LIFETIME, "latest": now + CLOCK_SLACK}
    row = _ONE.one(connection, {"holder": hashed(holder), "form": form, **span})
    if row is None:
        return None
    return KeptForm(kept_at=row.kept_at, entries=cast("dict[str, Value]", json_values.loads(row.entries)))


def drop(tx: Tx, holder: str, form: str) -> None:
    """Delete a form, because it was sent, or because its person starts afresh."""
    tx.write(_DROP, {"holder": hashed(holder), "form": form})
