"""The audit log's chain: what one entry is, how it is hashed to the one before, and its line in an export.

An entry's leaf is what the chain holds for ever; it names its content only by a salted hash. So retention may erase
content and salt, and the chain still verifies. `engine.verify_audit` checks an export and trusts nothing here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from engine import json_values, timestamps
from engine.json_values import Value

GENESIS: Final = bytes(32)
"""What stands for the hash before the first entry."""
MIN_SALT: Final = 16
"""Bytes of salt. With fewer, content that was erased could be found again by trying what it may have been."""


class Entry(Struct, frozen=True):
    """What happened. `kind` and ids stay for ever; whatever retention may erase belongs into `content`.

    `content`: clean values (`engine.json_values.clean`).
    """

    kind: str
    run: str | None
    request: str | None
    step: str | None
    actor: str | None
    content: Mapping[str, Value]


class _Leaf(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the chain holds of an entry, in the order in which it is written; `content` is a salted hash."""

    seq: int
    workspace: str
    at: str
    kind: str
    run: str | None = None
    request: str | None = None
    step: str | None = None
    actor: str | None = None
    content: str


class SealedEntry(Struct, frozen=True):
    """An entry in its place in the chain. `leaf` and `content` are the exact JSON texts that were hashed."""

    seq: int
    leaf: str
    hash: bytes
    salt: bytes
    content: str


def seal(entry: Entry, *, workspace: str, at: datetime, seq: int, previous: bytes, salt: bytes) -> SealedEntry:
    """Chain an entry to the hash of entry `seq - 1` of the same workspace; `GENESIS` before the first, which is 1.

    `at` is aware; `salt` is at least `MIN_SALT` fresh random bytes. Raises `ValueError` where that is not so.
    """
    if at.tzinfo is None or seq < 1 or len(previous) != len(GENESIS) or len(salt) < MIN_SALT:
        raise ValueError("an entry is sealed with an aware time, a seq from 1, a hash of 32 bytes and a salt of 16")
    content = json_values.encoded(entry.content if type(entry.content) is dict else dict(entry.content))
    leaf = json_values.encoded(
        _Leaf(
            seq=seq,
            workspace=workspace,
            at=timestamps.exact(at),
            kind=entry.kind,
            run=entry.run,
            request=entry.request,
            step=entry.step,
            actor=entry.actor,
            content=hashlib.sha256(salt + content).hexdigest(),
        )
    )
    return SealedEntry(seq, leaf.decode(), hashlib.sha256(previous + leaf).digest(), salt, content.decode())


def abridged(name: str, value: dict[str, Value], limit: int) -> dict[str, Value]:
    """The value under its name; of one that is longer than `limit` as JSON, its digest and length, which prove it."""
    written = json_values.canonical(value)
    length = len(written.decode())
    if length <= limit:
        return {name: value}
    return {f"{name}_digest": hashlib.sha256(written).hexdigest(), f"{name}_length": length}


def export_line(seq: int, leaf: str, *, hash: bytes, salt: bytes | None, content: str | None) -> str:
    """One line of an export, without the newline. `salt` and `content` are both None where they were erased."""
    return json_values.dumps(
        {
            "seq": seq,
            "leaf": leaf,
            "hash": hash.hex(),
            "salt": None if salt is None else salt.hex(),
            "content": content,
        }
    )
