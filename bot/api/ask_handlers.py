"""The calls about asks: create, read, wait, consume, report, cancel."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final

from fastapi import Query

from bot.api.ask_bodies import (
    ANYTHING,
    NO_REASON,
    AskBody,
    AskListQuery,
    CancelBody,
    ConsumeBody,
    OutcomeBody,
    WaitQuery,
)
from bot.api.ask_events import AskStream
from bot.api.ask_reader import AskReader, has_answer
from bot.api.ask_resources import AskListResource, AskResource, AskWriter
from bot.api.calls import ApiCall
from bot.api.waits import Waits
from engine.domain import Address, Refusal
from engine.domain.api_keys import ApiAction
from engine.domain.asks import (
    Ask,
    AskPage,
    CancelAsk,
    Consume,
    OutcomeStatus,
    ReportOutcome,
)
from engine.domain.results import NotAllowed
from engine.service import Engine

END_SECONDS: Final = 2
"""How long the answer to a cancellation waits for the end of the run, in seconds."""


class AskHandlers:
    """The handlers. A refusal that one returns becomes a problem."""

    def __init__(self, engine: Engine, waits: Waits, writer: AskWriter) -> None:
        self._engine, self._waits, self._writer = engine, waits, writer

    async def create(self, call: ApiCall, body: AskBody) -> AskResource | Refusal:
        """Ask people.

        The operator's workflow says who is asked. A repeat with the same `Idempotency-Key` and the same body answers
        200 with the ask that the first call created.
        """
        call.require(ApiAction.ASK, body.workflow)
        acts_for = _requester(call, body.requester)
        if isinstance(acts_for, Refusal):
            return acts_for
        result = await self._engine.ask_with_view(
            Ask(
                content=body.content,
                actor=call.actor,
                agent=call.principal.name,
                origin=call.origin,
                key=call.idempotency_key,
                workflow=body.workflow,
                acts_for=acts_for,
            )
        )
        if isinstance(result, Refusal):
            return result
        asked, view = result
        call.status = 201 if asked.created else 200
        return self._writer.write(view, created=asked.created)

    async def list(self, call: ApiCall, query: Annotated[AskListQuery, Query()]) -> AskListResource | Refusal:
        """List the asks of this key, the newest first."""
        page = AskPage(status=query.status, workflow=query.workflow, limit=query.limit + 1, before=query.cursor)
        views = await self._engine.asks(page, call.actor)
        shown = views[: query.limit]
        more = shown[-1].id if len(views) > query.limit else None
        return {"asks": [self._writer.write(view) for view in shown], "next_cursor": more}

    async def get(self, call: ApiCall, ask: str, query: Annotated[WaitQuery, Query()]) -> AskResource | Refusal:
        """Read an ask, or wait for its next change.

        With `wait`, the answer comes as soon as `rev` is no longer `after`; without `after`, as soon as the ask is no
        longer pending. It comes after that time in any case, with the present state and the status 200.
        """
        view = await self._engine.ask_view(ask, call.actor)
        seconds, after = query.seconds, query.after
        if isinstance(view, Refusal) or not seconds or has_answer(view, after):
            return view if isinstance(view, Refusal) else self._writer.write(view)
        reader = self._reader(call, view.id)
        # Thousands may wait here, and hardly any of them names a state.
        is_over = has_answer if after is None else partial(has_answer, after=after)
        del view, query
        return self._writer.write(await reader.until(is_over, seconds))

    async def events(self, call: ApiCall, ask: str) -> AskStream | Refusal:
        """Follow an ask: server-sent events.

        Each event has the name `ask` and the whole ask as its data: the first at once, one after each change, and the
        last when no change will follow.
        """
        view = await self._engine.ask_view(ask, call.actor)
        if isinstance(view, Refusal):
            return view
        return AskStream(call, view, self._reader(call, view.id), self._writer)

    async def consume(self, call: ApiCall, ask: str, body: ConsumeBody = ANYTHING) -> AskResource | Refusal:
        """Take an approval, exactly once, before you act on it.

        A repeat with the same `Idempotency-Key` gets the same answer; any other one is refused.
        """
        call.require(ApiAction.ASK)
        result = await self._engine.consume(
            Consume(
                ask=ask,
                actor=call.actor,
                origin=call.origin,
                key=call.idempotency_key,
                arguments=body.arguments,
                digest=body.digest,
            )
        )
        return result if isinstance(result, Refusal) else await self._written(call, result.run)

    async def report(self, call: ApiCall, ask: str, body: OutcomeBody) -> AskResource | Refusal:
        """Say what became of an approval that was consumed. The same outcome may be reported again."""
        call.require(ApiAction.ASK)
        result = await self._engine.report_outcome(
            ReportOutcome(
                ask=ask,
                actor=call.actor,
                origin=call.origin,
                status=OutcomeStatus(body.status),
                key=call.idempotency_key,
                note=body.note,
                result=body.result,
            )
        )
        return result if isinstance(result, Refusal) else await self._written(call, result.run)

    async def cancel(self, call: ApiCall, ask: str, body: CancelBody = NO_REASON) -> AskResource | Refusal:
        """Withdraw an ask. Its cards say so, and no one can decide it any more."""
        key = call.idempotency_key
        command = CancelAsk(ask=ask, actor=call.actor, origin=call.origin, key=key, reason=body.reason)
        result = await self._engine.cancel_ask(command)
        if isinstance(result, Refusal):
            return result
        # The run ends in a moment, in this process or another one.
        reader = self._reader(call, result.run)
        return self._writer.write(await reader.until(lambda now: now.is_final, END_SECONDS))

    def _reader(self, call: ApiCall, ask: str) -> AskReader:
        return AskReader(self._engine, self._waits, call, ask)

    async def _written(self, call: ApiCall, ask: str) -> AskResource:
        return self._writer.write(await self._reader(call, ask).present())


def _requester(call: ApiCall, email: str | None) -> Address | Refusal | None:
    """Return the person in whose name the program asks: the one that its key names, and no other."""
    allowed = call.principal.acts_for
    if email is not None and (allowed is None or email.casefold() != allowed.casefold()):
        why = f"The API key “{call.principal.name}” may not ask in the name of {email}."
        return NotAllowed(why=f"{why} Leave out “requester”, or ask the operator for a key that may.")
    return None if allowed is None else Address("email", allowed)
