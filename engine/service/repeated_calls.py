"""Calls about an ask that its program repeats: the same `Idempotency-Key` has to come with the same call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine import json_values
from engine.domain.asks import IdempotencyConflict
from engine.errors import Conflict
from engine.json_values import Value
from engine.store import ask_rows
from engine.store.port import Tx

MOST: Final = 100
"""Number of calls about one ask that are remembered; the one that came first is forgotten first."""


class RepeatedCall:
    """One call with its key. `row`: of the ask. Of the key and of what was sent, only hashes are kept.

    Raises `InvalidValue` for content that cannot be kept.
    """

    def __init__(self, row: Any, key: str | None, name: str, content: Mapping[str, object]) -> None:
        self._row = row
        self._key = None if key is None else json_values.digest(json_values.clean_text(key))
        self._body = json_values.digest({"call": name, "content": json_values.clean(dict(content))})
        self._known: Value = json_values.loads(row.calls) if row.calls else {}

    def look(self) -> IdempotencyConflict | bool:
        """Return whether the call came before, or the refusal if another one came with its key."""
        assert isinstance(self._known, dict)
        body = self._known.get(self._key) if self._key is not None else None
        if body is None:
            return False
        return True if body == self._body else IdempotencyConflict(run=self._row.run)

    def remember(self, tx: Tx) -> None:
        """Keep the call for a repeat. Raises `Conflict` if another one was kept meanwhile."""
        if self._key is None:
            return
        assert isinstance(self._known, dict)
        kept = dict([*self._known.items(), (self._key, self._body)][-MOST:])
        if not ask_rows.try_save_calls(tx, self._row.run, seen=self._row.calls, calls=json_values.dumps(kept)):
            raise Conflict(f"another call about {self._row.run} was faster")
