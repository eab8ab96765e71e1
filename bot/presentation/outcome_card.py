"""The card about the end of a run, for the person who started it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bot.presentation import dates, request_content, request_outcome, states
from bot.presentation.characters import line, visible
from engine.domain import Card, CardField, DeliveryKind, RequestState
from engine.read_models import DeliveryContent, RequestView, RunView


def outcome_card(copy: DeliveryContent) -> Card:
    """Return the card that tells the requester how a run ended."""
    run = copy.run
    decided, changed = decision_facts(copy.request)
    return Card(
        kind=DeliveryKind.OUTCOME,
        title=f"{line(run.workflow_title)}: {states.run_end(run.status)}",
        facts=(*run_facts(run), *decided),
        fields=changed,
        run=run.id,
    )


def decision_facts(request: RequestView | None) -> tuple[tuple[tuple[str, str], ...], tuple[CardField, ...]]:
    """Return the end of a closed request: who decided, if anyone did, and the fields that were changed."""
    if request is None or request.model.state is RequestState.PENDING:
        return (), ()
    changed = tuple(field for field in request_content.content_fields(request) if field.before is not None)
    return ((line(request.title), request_outcome.outcome(request)), *request_outcome.reason_facts(request)), changed


def run_facts(run: RunView) -> Iterator[tuple[str, str]]:
    yield "Workflow", line(run.workflow_title)
    yield "Run", run.id
    yield "Started by", f"{line(run.requester.label)}, {dates.moment(run.started_at)}"
    if run.error:
        yield "Error", visible(run.error)
