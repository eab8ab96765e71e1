"""The hash chain of the audit log: an entry, its hash, and its line in an export.

The leaf of an entry stays for ever and names the content only by a salted hash. So content and salt can be erased, and
the chain still verifies. `engine.verify_audit` checks an export without any code of this module.
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
"""The hash that precedes the first entry."""
MIN_SALT: Final = 16
"""Minimum length of a salt, in bytes. With a shorter salt, erased content could be found by guessing."""


class Entry(Struct, frozen=True):
    """An event of the audit log. `kind` and ids stay for ever; data that may be erased later belongs into `content`.

    `content`: clean values (`engine.json_values.clean`).
    """

    kind: str
    run: str | None
    request: str | None
    step: str | None
    actor: str | None
    content: Mapping[str, Value]


class _Leaf(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The part of an entry that the chain holds, in the order of its JSON. `content` is a salted hash."""

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
    """An entry at its position in the chain. `leaf` and `content` are the exact JSON texts that were hashed."""

    seq: int
    leaf: str
    hash: bytes
    salt: bytes
    content: str


def seal(entry: Entry, *, workspace: str, at: datetime, seq: int, previous: bytes, salt: bytes) -> SealedEntry:
    """Chain an entry to the hash of entry `seq - 1` of the same workspace; `GENESIS` before the first, which is 1.

    `at` has a time zone; `salt` is at least `MIN_SALT` new random bytes. Raises `ValueError` otherwise.
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
    """Return the value under its name, or its digest and length if its JSON is longer than `limit`."""
    canonical = json_values.canonical(value)
    length = len(canonical.decode())
    if length <= limit:
        return {name: value}
    return {f"{name}_digest": hashlib.sha256(canonical).hexdigest(), f"{name}_length": length}


def export_line(seq: int, leaf: str, *, hash: bytes, salt: bytes | None, content: str | None) -> str:
    """Return one line of an export, without the newline. `salt` and `content` are both None if they were erased."""
    return json_values.dumps(
        {
            "seq": seq,
            "leaf": leaf,
            "hash": hash.hex(),
            "salt": None if salt is None else salt.hex(),
            "content": content,
        }
    )
