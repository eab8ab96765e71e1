"""Samples of the messages and views that people see in Slack, rendered as in the product."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import structs

from bot.presentation import request_card
from bot.slack import (
    details_modal,
    home_filter_modal,
    home_view,
    ids,
    message_view,
    register_modal,
    request_modals,
    several_modal,
    start_modal,
)
from bot.slack.home_view import HomeContent
from bot.slack.ids import HomeRef
from engine import workflowfile
from engine.access import Reader
from engine.domain import Address, Approver, Card, Params, Person, ReasonRequired, RequestState, ReviewPoint, RunStatus
from engine.fields import Field, FieldType
from engine.inbox import InboxPage
from engine.read_models import DecisionView, RequestView
from engine.requests import Deadlines, Editable, Request, Subject
from engine.steps.registry import builtin
from engine.workflowfile import Workflow

_SOURCE: Final = b"""\
name: example
title: Refund a customer
description: Pays back what a customer is owed.
inputs:
  order: {type: text, label: Order}
  amount: {type: money, currency: EUR, label: Amount}
  reason: {type: choice, options: [Broken, Late], label: Reason}
  paid_on: {type: date, required: false, label: Paid on}
  express: {type: boolean, default: false, label: Express}
  note: {type: long_text, required: false, label: Note}
steps:
  - {id: keep, uses: set, with: {order: "{{ inputs.order }}"}}
"""
_DIGEST: Final = "00" * 32


def build_samples(now: datetime) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return for each sample its name, the argument of blocks.validate, and the sample."""
    pending = pending_request(now)
    pending_card = request_card.request_card(pending)
    ref = ids.Ref(request=pending.id, content_version=1, digest=_DIGEST, delivery="example")
    metadata = ids.ModalRef(ref=ref)
    yield "a request", "message", _message(pending_card)
    yield "a decided request", "message", _message(request_card.request_card(_decided(pending, now)))
    yield "the Edit form", "view", request_modals.edit(pending, metadata=metadata)
    yield "the Reject form", "view", request_modals.reject(pending, metadata=metadata)
    yield "the details", "view", details_modal.details(pending_card, metadata=metadata)
    yield "the form of a run", "view", start_modal.run_form(_workflow(), version=1, metadata=ids.ModalRef())
    yield "the form to register", "view", register_modal.register_form(metadata=ids.ModalRef())
    reader = Reader(person=pending.approvers[0].person)
    page = InboxPage(requests=(pending,), need_you=1)
    yield "the Home tab", "view", home_view.home(HomeContent(reader=reader, page=page, can_decide_several=True))
    yield "the filter", "view", home_filter_modal.filter_form(HomeRef(), [("example", "Refund a customer")])
    several = several_modal.several_form([pending], [], reader.person, HomeRef())
    yield "the form to decide several", "view", several


def _message(sample: Card) -> dict[str, Any]:
    message = message_view.message(sample, delivery="example")
    return {"text": message.text, "blocks": message.blocks}


def _workflow() -> Workflow:
    return workflowfile.load(_SOURCE, kinds=builtin())


def pending_request(now: datetime) -> RequestView:
    """Return the view of a pending request."""
    sam = Person("sam", "Sam", (Address("email", "sam@example.com"),))
    return RequestView(
        model=_request(now),
        run="example",
        run_status=RunStatus.WAITING,
        workflow="example",
        workflow_title="Refund a customer",
        requester=sam,
        started_at=now,
        title="Pay 84.50 EUR back?",
        reason="Everything over 50 EUR is looked at.",
        show=(("Order", "A-1001"),),
        notes=(),
        confirm="This pays 84.50 EUR. Sure?",
        approve_label="Pay it",
        reject_label="Do not pay",
        decision=None,
    )


def _request(now: datetime) -> Request:
    lee = Person("lee", "Lee", (Address("email", "lee@example.com"),))
    subject = Subject(
        workflow="example", hash=_DIGEST, run="example", step="pay", visit=1, uses="http", at=ReviewPoint.BEFORE
    )
    money = Field(type=FieldType.MONEY, label="Amount", currency="EUR")
    return Request(
        id="example",
        workspace="default",
        subject=subject,
        state=RequestState.PENDING,
        rev=1,
        content_version=1,
        content=Params({"amount": {"amount": "84.50", "currency": "EUR"}, "note": "Arrived broken"}),
        editable=(
            Editable(("amount",), money),
            Editable(("note",), Field(type=FieldType.LONG_TEXT, label="Note")),
        ),
        digest=_DIGEST,
        approvers=(Approver(lee, "lee@example.com"),),
        reason_required=ReasonRequired.REJECT,
        deadlines=Deadlines(opened_at=now, expires_at=now + timedelta(days=1)),
    )


def _decided(pending: RequestView, now: datetime) -> RequestView:
    lee = pending.approvers[0].person
    closed = structs.replace(pending.model, state=RequestState.APPROVED, closed_at=now, closed_by=lee)
    decision = DecisionView(
        id="example", person=lee, verdict="Pay it", reason="Fine", edits=(), assurance="slack", decided_at=now
    )
    return replace(pending, model=closed, decision=decision, run_status=RunStatus.RUNNING)
