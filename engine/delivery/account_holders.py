"""The people who can decide a request that is decided with an account: those who have one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.domain import Approver, Person
from engine.ports import Directory
from engine.references import EMAIL, Reference

_ANY_EMAIL: Final = Reference(EMAIL, "", "")


def may_decide(directory: Directory, person: Person, *, needs_account: bool) -> bool:
    """Return whether the person can prove who they are as the gate wants it.

    A directory that knows no accounts, as in a trial, cannot tell who has one.
    """
    return not needs_account or person.account is not None or not directory.asks(_ANY_EMAIL)


def with_accounts(
    directory: Directory, named: Sequence[Approver], *, needs_account: bool
) -> tuple[list[Approver], list[str]]:
    """Return the people who can decide, and a note for each of the others."""
    if not needs_account:
        return [*named], []
    able, notes = list[Approver](), list[str]()
    for row in named:
        if may_decide(directory, row.person, needs_account=True):
            able.append(row)
        else:
            notes.append(f"{row.person.label} has no Slack account to sign in with and is not asked.")
    return able, notes
