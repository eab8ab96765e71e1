"""Persons with several accounts, which older versions made, are separated."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, exists, func, insert, literal, literal_column, null, select

from engine.audit_entries import EntryKind
from engine.domain.people import ACCOUNT
from engine.domain.statuses import DeliveryKind
from engine.store import address_changes, people
from engine.store.people_tables import AddressRow
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import ApproverRow, DeliveryRow

_address = AddressRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]

_BY_UPGRADE: Final = "An older version took two accounts for one person, and they were separated."

_JOINED = Statement(
    select(_address.c.person)
    .where(_address.c.workspace == bindparam("workspace"), _address.c.kind == ACCOUNT)
    .group_by(_address.c.person)
    .having(func.count() > literal_column("1"))
)
_asked = _approver.alias("asked")
_ALSO_ASKED = Statement(
    insert(_approver).from_select(
        ["request", "person", "position", "rule", "pending", "named_by", "excluded"],
        select(
            _asked.c.request,
            bindparam("into"),
            _asked.c.position,
            _asked.c.rule,
            literal(True),
            _asked.c.named_by,
            null(),
        ).where(
            _asked.c.person == bindparam("of"),
            _asked.c.pending,
            exists().where(
                _delivery.c.request == _asked.c.request,
                _delivery.c.kind == DeliveryKind.REQUEST.value,
                _delivery.c.channel == ACCOUNT,
                _delivery.c.address == bindparam("account"),
            ),
        ),
    )
)


def separate(tx: Tx, workspace: str) -> int:
    """Separate persons with several accounts, which older versions made, and return how many there were.

    The person keeps the first account. Which addresses belong to which account is unknown until the directory names
    them again, so they belong to no person until then.
    """
    joined = _JOINED.scalars(tx.connection, {"workspace": workspace})
    if joined:
        tx.work_alone()
    for person in people.load_people(tx.connection, joined).values():
        tx.memory.forget()
        accounts = [address for address in person.addresses if address.kind == ACCOUNT]
        for address in person.addresses:
            if address.kind == "email":
                address_changes.take(tx, workspace, address, person.id, why=_BY_UPGRADE)
                address_changes.record(tx, workspace, EntryKind.PERSON_ADDRESS_ENDED, person.id, address, _BY_UPGRADE)
        for account in accounts[1:]:
            address_changes.take(tx, workspace, account, person.id, why=_BY_UPGRADE)
            other = people.insert_person(tx, workspace, name="", split_from=person.id)
            people.give_address(tx, workspace, account, other, evidence=_BY_UPGRADE)
            tx.write(_ALSO_ASKED, {"of": person.id, "into": other, "account": account.value})
            address_changes.record(tx, workspace, EntryKind.PERSON_SEPARATED, other, account, _BY_UPGRADE, person.id)
    return len(joined)
