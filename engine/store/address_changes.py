"""Changes of who has an address: it is taken with all that it proved, and the log says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import bindparam, delete, select, update

from engine.audit_entries import EntryKind, entry
from engine.domain import Address
from engine.json_values import Value
from engine.store import links
from engine.store.people_tables import AddressPeriodRow, AddressRow, BrowserRow, ChallengeRow, LinkRow
from engine.store.port import Tx
from engine.store.statements import Statement

_address = AddressRow.__table__  # type: ignore[attr-defined]
_period = AddressPeriodRow.__table__  # type: ignore[attr-defined]
_link = LinkRow.__table__  # type: ignore[attr-defined]
_browser = BrowserRow.__table__  # type: ignore[attr-defined]
_challenge = ChallengeRow.__table__  # type: ignore[attr-defined]


def _is(table: Any) -> Any:
    """Return the condition that a row is about one address."""
    return (
        (table.c.workspace == bindparam("in_workspace"))
        & (table.c.kind == bindparam("of_kind"))
        & (table.c.value == bindparam("held"))
    )


_BY: Final[dict[str, Any]] = {"of": bindparam("of"), "at": bindparam("at_address"), "now": bindparam("now")}
_DROP = Statement(delete(_address).where(_is(_address)))
_END = Statement(
    update(_period)
    .where(_is(_period), _period.c.until.is_(None))
    .values(until=bindparam("now"), ended=bindparam("why"))
)
_REVOKE_LINKS = Statement(
    update(_link)
    .where(links.OF_WAITING, _link.c.person == _BY["of"], _link.c.address == _BY["at"], _link.c.revoked_at.is_(None))
    .values(revoked_at=_BY["now"])
)
_REVOKE_BROWSERS = Statement(
    update(_browser)
    .where(_browser.c.person == _BY["of"], _browser.c.address == _BY["at"], _browser.c.revoked_at.is_(None))
    .values(revoked_at=_BY["now"])
)
_LAPSE_CODES = Statement(
    update(_challenge)
    .where(
        _challenge.c.person == _BY["of"],
        _challenge.c.workspace == bindparam("in_workspace"),
        _challenge.c.address == _BY["at"],
        _challenge.c.used_at.is_(None),
        _challenge.c.expires_at > _BY["now"],
    )
    .values(expires_at=_BY["now"])
)
_PERIODS = Statement(select(_period).where(_is(_period)).order_by(_period.c.since.desc(), _period.c.id.desc()))


def load_periods(tx: Tx, workspace: str, address: Address) -> Sequence[Any]:
    """Return whose the address was, from when until when: the latest period comes first."""
    return _PERIODS.all(tx.connection, _key(workspace, address))


def take(tx: Tx, workspace: str, address: Address, person: str, *, why: str) -> None:
    """Take the address from the person, and revoke everything that it proved for them."""
    key = _key(workspace, address)
    tx.write(_DROP, key)
    tx.write(_END, {**key, "now": tx.now, "why": why})
    for statement in (_REVOKE_LINKS, _REVOKE_BROWSERS):
        _revoke(tx, statement, person, address)
    tx.write(_LAPSE_CODES, {"in_workspace": workspace, "of": person, "at_address": address.value, "now": tx.now})


def revoke_browsers(tx: Tx, person: str, address: Address) -> None:
    """Let browsers prove the address again: another human may read it now."""
    _revoke(tx, _REVOKE_BROWSERS, person, address)


def _revoke(tx: Tx, statement: Statement, person: str, address: Address) -> None:
    tx.write(statement, {"of": person, "at_address": address.value, "now": tx.now})


def _key(workspace: str, address: Address) -> dict[str, Any]:
    return {"in_workspace": workspace, "of_kind": address.kind, "held": address.value}


def record(
    tx: Tx,
    workspace: str,
    kind: EntryKind,
    person: str,
    address: Address,
    evidence: str,
    before: str | None = None,
    moved: dict[str, Value] | None = None,
    actor: str | None = None,
) -> None:
    """Write into the log what became of an address, with what says so."""
    content: dict[str, Value] = {"person": person, "address": str(address), "evidence": evidence}
    if before is not None:
        content["before"] = before
    if moved:
        content["moved"] = moved
    tx.audit(workspace, entry(kind, actor=actor, content=content))
