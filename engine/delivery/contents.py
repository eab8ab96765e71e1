"""What copies are about, read from the current state after they were claimed."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeAlias

import msgspec

from engine.delivery.results import ClaimedDelivery
from engine.domain import DeliveryKind, Person, Receipt, RunStatus
from engine.read_models import DeliveryContent, RequestView, RunView
from engine.requests import questions
from engine.store import delivery_leases, delivery_queries, request_queries, run_queries
from engine.store.connection import Connection
from engine.store.delivery_leases import LeasedDelivery

Key: TypeAlias = tuple[str, str | None, DeliveryKind, bool]
"""Run, request, kind, and whether the copy is about the end of the run. Copies with the same key share one read."""
Subject: TypeAlias = tuple[RunView, RequestView | None]
_ENDS: Final = frozenset(status.value for status in RunStatus if status.ended)


def subject_key(delivery: LeasedDelivery, run: str) -> Key:
    """Return the key of what a copy is about."""
    is_end = delivery.kind is DeliveryKind.OUTCOME or delivery.topic in _ENDS
    return run, delivery.request, delivery.kind, is_end


def content_of(delivery: LeasedDelivery, person: Person, subject: Subject) -> DeliveryContent:
    """Return the content of a copy, of what it is about."""
    run, request = subject
    return DeliveryContent(
        delivery=delivery.id,
        kind=delivery.kind,
        topic=delivery.topic,
        person=person,
        run=run,
        request=request,
        created_at=delivery.created_at,
    )


def load_below(connection: Connection, delivery: LeasedDelivery) -> Receipt | None:
    """Return the copy of its request that a question or an answer belongs below, or None."""
    assert delivery.request is not None
    is_shared = questions.is_shared_answer(delivery.topic)
    return delivery_queries.load_copy(connection, delivery, delivery.request, shared=is_shared)


def load_newer(connection: Connection, claimed: ClaimedDelivery) -> ClaimedDelivery | None:
    """Return the delivery with the version that is wanted now and its content, or None if that has not changed."""
    delivery, content = claimed.delivery, claimed.content
    if not isinstance(content, DeliveryContent) or delivery.run is None or delivery.kind is DeliveryKind.REMINDER:
        return None
    wanted = delivery_leases.load_wanted_version(connection, delivery.id)
    if wanted <= delivery.wanted_version:
        return None
    newer = msgspec.structs.replace(delivery, wanted_version=wanted)
    subject = load_subject(connection, subject_key(delivery, delivery.run))
    person = find_person(delivery, *subject) or content.person
    return replace(claimed, delivery=newer, content=content_of(delivery, person, subject))


def load_subject(connection: Connection, key: Key) -> Subject:
    """Return the run and the request that a copy is about. At the end of a run, that is its last request."""
    run_id, request_id, kind, is_end = key
    run = run_queries.run_view(connection, run_id, steps=kind is DeliveryKind.ALERT)
    assert run is not None
    if is_end:
        return run, next(reversed(request_queries.requests_of_run(connection, run_id)), None)
    return run, request_queries.request_view(connection, request_id) if request_id else None


def find_person(delivery: LeasedDelivery, run: RunView, request: RequestView | None) -> Person | None:
    """Return the person that the copy is for if they were loaded with the run or the request, which is usual."""
    approvers = [approver.person for approver in request.approvers] if request is not None else []
    asked = [question.asked_to for question in request.model.questions] if request is not None else []
    persons = (*approvers, *asked, run.owner, run.requester)
    return next((person for person in persons if person.id == delivery.person), None)
