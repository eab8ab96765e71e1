"""Examples of what people see in Slack, rendered exactly as for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import structs

from bot.presentation import request_card
from bot.slack import details_modal, home_view, ids, message_view, register_modal, request_modals, start_modal
from engine import workflowfile
from engine.domain import Address, Approver, Card, Params, Person, ReasonRequired, RequestState, ReviewPoint, RunStatus
from engine.fields import Field, FieldType
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


def all_of(now: datetime) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What each is called, the argument that it is given as, and itself."""
    asked = request(now)
    shown = request_card.request_card(asked)
    ref = ids.Ref(request=asked.id, content_version=1, digest=_DIGEST, delivery="example")
    metadata = ids.ModalRef(ref=ref)
    yield "a request", "message", _message(shown)
    yield "a decided request", "message", _message(request_card.request_card(_decided(asked, now)))
    yield "the Edit form", "view", request_modals.edit(asked, metadata=metadata)
    yield "the Reject form", "view", request_modals.reject(asked, metadata=metadata)
    yield "the details", "view", details_modal.details(shown, metadata=metadata)
    yield "the form of a run", "view", start_modal.run_form(_workflow(), version=1, metadata=ids.ModalRef())
    yield "the form to register", "view", register_modal.register(metadata=ids.ModalRef())
    yield "the Home tab", "view", home_view.home(pending=[asked], runs=[])


def _message(shown: Card) -> dict[str, Any]:
    made = message_view.message(shown, version=1, delivery="example")
    return {"text": made.text, "blocks": made.blocks}


def _workflow() -> Workflow:
    return workflowfile.load(_SOURCE, kinds=builtin())


def request(now: datetime) -> RequestView:
    """A request that waits."""
    sam = Person("sam", "Sam", (Address("email", "sam@example.com"),))
    lee = Person("lee", "Lee", (Address("email", "lee@example.com"),))
    subject = Subject(
        workflow="example", hash=_DIGEST, run="example", step="pay", visit=1, uses="http", at=ReviewPoint.BEFORE
    )
    money = Field(type=FieldType.MONEY, label="Amount", currency="EUR")
    asked = Request(
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
    return RequestView(
        asked=asked,
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


def _decided(asked: RequestView, now: datetime) -> RequestView:
    lee = asked.approvers[0].person
    closed = structs.replace(asked.asked, state=RequestState.APPROVED, closed_at=now, closed_by=lee)
    decision = DecisionView(
        id="example", person=lee, verdict="Pay it", reason="Fine", edits=(), assurance="slack", decided_at=now
    )
    return replace(asked, asked=closed, decision=decision, run_status=RunStatus.RUNNING)
