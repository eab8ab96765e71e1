"""The five routes for requests of the Agent Approval Protocol. Each is one command of the engine, translated."""

from __future__ import annotations

from typing import Any, Final

from bot.aap import refused, resources, submissions
from bot.aap.errors import ProtocolError, invalid
from bot.aap.submissions import SubmittedCall
from bot.api import json_bodies
from bot.api.ask_reader import AskReader
from bot.api.calls import ApiCall
from bot.api.waits import Waits
from engine.domain import Address, Refusal
from engine.domain.api_keys import ApiAction, ApiPrincipal
from engine.domain.asks import (
    DEFAULT_WORKFLOW,
    Ask,
    AskContent,
    AskUse,
    AskView,
    CancelAsk,
    Consume,
    OutcomeStatus,
    ReportOutcome,
)
from engine.identifiers import in_words
from engine.json_values import Value
from engine.service import Engine
from engine.service.instances import Instances

_PATTERN_CHARACTERS: Final = frozenset("*?[")
_END_SECONDS: Final = 5.0
"""How long the answer to a withdrawal waits at most for the run to end, in seconds."""
Answer = tuple[int, dict[str, Value]]


class RequestHandlers:
    """`waits`: the calls that wait for a decision. `instances`: know where a program is told of it."""

    def __init__(self, engine: Engine, waits: Waits, instances: Instances) -> None:
        self._engine, self._waits, self._instances = engine, waits, instances

    async def create(self, call: ApiCall, _: str) -> Answer:
        """Answer `POST /v1/requests`. A repeat with the same key gets the same request, as it is now."""
        call.require(ApiAction.ASK, _workflow(call.principal))
        key = idempotency_key(call)
        sent = submissions.read_submission(await json_bodies.read_bytes(call))
        endpoint = await self._instances.endpoint(call.principal.id)
        content = _content(sent, None if endpoint is None else endpoint.id)
        result = await self._engine.ask_with_view(_command(call, key, content))
        if isinstance(result, Refusal):
            raise refused.error(result)
        asked, view = result
        return 201 if asked.created else 200, resources.request(_own(view))

    async def get(self, call: ApiCall, ask: str) -> Answer:
        """Answer `GET /v1/requests/{id}`. With `wait`, once there is a decision or the time is over."""
        wait = submissions.read_wait(call.query_params.get("wait"))
        view = await self._view(call, ask)
        if wait and not _is_decided(view):
            view = await self._decided(call, ask, wait.total_seconds())
        return 200, resources.request(view)

    async def cancel(self, call: ApiCall, ask: str) -> Answer:
        """Answer `DELETE /v1/requests/{id}`. What is approved, denied or expired stays so."""
        view = await self._view(call, ask)
        if not _is_decided(view):
            await self._engine.cancel_ask(CancelAsk(ask=ask, actor=call.actor, origin=call.origin))
            # It is saved; its run ends in a moment, and the answer is the request as it is then.
            view = await self._decided(call, ask, _END_SECONDS)
        if resources.status(view) != "cancelled":
            raise ProtocolError(409, "already_terminal", f"The request is already {resources.status(view)}.")
        return 200, resources.request(view)

    async def consume(self, call: ApiCall, ask: str) -> Answer:
        """Answer `POST /v1/requests/{id}/consume`: take the approval, once. A repeat with the same key is answered."""
        call.require(ApiAction.ASK)
        command = Consume(ask=ask, actor=call.actor, origin=call.origin, key=idempotency_key(call))
        return await self._result(call, await self._engine.consume(command))

    async def report(self, call: ApiCall, ask: str) -> Answer:
        """Answer `POST /v1/requests/{id}/outcome`: what became of the effect."""
        call.require(ApiAction.ASK)
        report = submissions.read_outcome(await json_bodies.read_bytes(call))
        status = OutcomeStatus(report.status)
        command = ReportOutcome(ask=ask, actor=call.actor, origin=call.origin, status=status, note=report.note)
        return await self._result(call, await self._engine.report_outcome(command))

    async def _result(self, call: ApiCall, result: Any) -> Answer:
        if isinstance(result, Refusal):
            raise refused.error(result)
        return await self._shown(call, result.run)

    async def _decided(self, call: ApiCall, ask: str, seconds: float) -> AskView:
        """Return an ask once it is decided, or after some seconds as it is then."""
        return await AskReader(self._engine, self._waits, call, ask).until(_is_decided, seconds)

    async def _shown(self, call: ApiCall, ask: str) -> Answer:
        return 200, resources.request(await self._view(call, ask))

    async def _view(self, call: ApiCall, ask: str) -> AskView:
        """Return an ask that came by this protocol. Those of other keys are not found."""
        view = await self._engine.ask_view(ask, call.actor)
        if isinstance(view, Refusal):
            raise refused.error(view)
        return _own(view)


def _own(view: AskView) -> AskView:
    """Return an ask that came by this protocol. Others are not found."""
    if view.echo is None:
        raise ProtocolError(404, "not_found", "There is no such request of this key.")
    return view


def _is_decided(view: AskView) -> bool:
    return resources.status(view) != "pending"


def idempotency_key(call: ApiCall) -> str:
    """Return the id that the program gave to this call. Raises `ProtocolError` if there is none."""
    key = call.idempotency_key
    if key is None:
        raise invalid("Send the header Idempotency-Key.", "Idempotency-Key")
    return key


def _command(call: ApiCall, key: str, content: AskContent) -> Ask:
    program = call.principal
    return Ask(
        content=content,
        actor=call.actor,
        agent=program.name,
        origin=call.origin,
        key=key,
        workflow=_workflow(program),
        acts_for=Address("email", program.acts_for) if program.acts_for else None,
    )


def _content(sent: SubmittedCall, endpoint: str | None) -> AskContent:
    """Return what people are asked. Nothing can be edited: the protocol cannot carry an edit back."""
    return AskContent(
        title=in_words(sent.tool),
        tool=sent.tool,
        server=sent.server,
        arguments=sent.arguments,
        editable=False,
        reasoning=sent.reasoning,
        use=AskUse.ONCE,
        expires_in=sent.timeout,
        callback=endpoint,
        echo=sent.echo,
    )


def _workflow(program: ApiPrincipal) -> str:
    """Return the workflow of a key. The protocol names none, so a key for exactly one workflow asks by that."""
    named = program.workflows or ()
    return named[0] if len(named) == 1 and not _PATTERN_CHARACTERS & set(named[0]) else DEFAULT_WORKFLOW
