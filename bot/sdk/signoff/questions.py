"""What a call asks: its content as JSON, and the values that come back in the place of those that were passed."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeAlias
from uuid import uuid4

from signoff import json_text
from signoff.errors import UnclearAnswer
from signoff.records import Ask

Editable: TypeAlias = "bool | Collection[str]"
Duration: TypeAlias = "timedelta | str"
FieldDeclaration: TypeAlias = "str | Mapping[str, Any]"


@dataclass(frozen=True)
class Question:
    """An ask before it is sent. It keeps copies of the values, so that a later change of them changes nothing."""

    title: str
    body: Mapping[str, Any]
    key: str
    """The idempotency key: the same in every repetition of this ask."""
    is_named: bool
    """Whether the caller chose the key, so that a restarted program continues with this ask."""
    sent: Mapping[str, Any]
    """The arguments as JSON."""
    kept: Mapping[str, Any]
    """The arguments as they were passed."""

    def values(self, ask: Ask) -> dict[str, Any]:
        """Return the approved arguments: those that were passed, with the edits. Raise if anything else came back."""
        fields = self.body.get("fields", {})
        if ask.arguments.keys() - fields.keys() != self.sent.keys() - fields.keys():
            raise UnclearAnswer(f"{self.title!r}: the approved arguments have other names than those asked for.")
        return {name: self._value(name, value) for name, value in ask.arguments.items()}

    def _value(self, name: str, value: object) -> Any:
        if name not in self.sent:
            return value
        if json_text.same(self.sent[name], value):
            return copy.deepcopy(self.kept[name])
        if not self._may_change(name):
            raise UnclearAnswer(f"{self.title!r}: {name} is not what was asked for, though it may not be edited.")
        return json_text.restored(self.kept[name], value)

    def _may_change(self, name: str) -> bool:
        editable = self.body.get("editable", False)
        return name in self.body.get("fields", {}) or (editable if isinstance(editable, bool) else name in editable)


def question(
    title: str,
    arguments: Mapping[str, object],
    *,
    use: str,
    key: str | None,
    editable: Editable = False,
    fields: Mapping[str, FieldDeclaration] | None = None,
    expires_in: Duration | None = None,
    **texts: str | None,
) -> Question:
    """Return an ask with all that it says. Raise `NotJson` for a value that people cannot be shown."""
    sent = {name: json_text.snapshot(value, name) for name, value in arguments.items()}
    optional = {
        "arguments": sent or None,
        "fields": None if fields is None else json_text.snapshot(dict(fields), "fields"),
        "editable": (editable if isinstance(editable, bool) else list(editable)) or None,
        "expires_in": None if expires_in is None else _duration(expires_in),
        **texts,
    }
    body = {"title": title, "use": use} | {name: value for name, value in optional.items() if value is not None}
    kept = copy.deepcopy(dict(arguments))
    return Question(title, body, key or uuid4().hex, key is not None, sent, kept)


_SECOND: Final = timedelta(seconds=1)


def _duration(duration: Duration) -> str:
    return duration if isinstance(duration, str) else f"{max(1, duration // _SECOND)}s"
