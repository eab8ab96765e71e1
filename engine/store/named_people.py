"""The people that requests name by account or email address, read by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.domain import Person
from engine.read_models import RequestView
from engine.requests import by_name, is_account, is_email, mentioned, person_places
from engine.store import people
from engine.store.connection import Connection


def with_names(connection: Connection, views: Sequence[RequestView]) -> list[RequestView]:
    """Return the views with the people that they name by their account or their email address."""
    named = {view.id: ids for view in views if (ids := _mentioned(view))}
    if not named:
        return [*views]
    known, workspace = sorted({known for mentions in named.values() for known in mentions}), views[0].model.workspace
    accounts, emails = [one for one in known if not is_email(one)], [one for one in known if is_email(one)]
    persons = people.load_by_accounts(connection, workspace, accounts) if accounts else {}
    persons |= people.load_by_emails(connection, workspace, emails) if emails else {}
    return [
        _with_people(view, {account: persons[account] for account in named.get(view.id, ()) if account in persons})
        for view in views
    ]


def _mentioned(view: RequestView) -> tuple[str, ...]:
    request = view.model
    context = request.content.context.values()
    texts = (view.title, view.reason or "", *(text for _, text in view.show), *context)
    accounts = mentioned(request.content.value, (*request.declared, *request.editable), texts)
    typed = person_places(request.editable)
    edited = [(edit.after, edit.path in typed) for edit in view.edits if isinstance(edit.after, str)]
    return (*accounts, *(after for after, is_typed in edited if is_account(after) or (is_typed and is_email(after))))


def _with_people(view: RequestView, persons: Mapping[str, Person]) -> RequestView:
    return replace(
        view,
        people=persons,
        title=by_name(view.title, persons),
        reason=by_name(view.reason, persons) if view.reason else view.reason,
        show=tuple((label, by_name(text, persons)) for label, text in view.show),
    )
