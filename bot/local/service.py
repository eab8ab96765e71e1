"""Carries out the commands of this machine's operator: plain mappings in, a `Reply` out.

The same desk answers the socket of a running server and a command that owns the database file itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from bot.local.reply import NEEDS_CONFIRMATION, CommandReply
from bot.presentation import refusals
from engine import fields, requests, workflowfile
from engine.domain import (
    Address,
    Assurance,
    Cancel,
    Decide,
    Erase,
    InvalidEdits,
    InvalidInputs,
    NotFound,
    Origin,
    Refusal,
    Register,
    RequestState,
    Resume,
    ResumeAnswer,
    ReturnAddress,
    Start,
    Verdict,
)
from engine.errors import DefinitionError
from engine.json_values import Value
from engine.service import Engine, Identity
from engine.workflowfile import StepKind

NO_OPERATOR: Final = (
    "Deciding in a terminal is off: set SIGNOFF_OPERATOR to the email address of the person who uses this machine, "
    "where `signoff serve` runs."
)


class OperatorCommands:
    """`operator`: the email address of this machine's operator, if it is set; `login`: the user's name here."""

    def __init__(
        self, engine: Engine, identity: Identity, kinds: Mapping[str, StepKind], *, operator: str, login: str
    ) -> None:
        self.kinds, self.login = kinds, login
        self._engine, self._identity, self._operator = engine, identity, operator
        self._commands: dict[str, Callable[[dict[str, Any]], Awaitable[CommandReply]]] = {
            "register": self._register,
            "start": self._start,
            "decide": self._decide,
            "cancel": self._cancel,
            "resume": self._resume,
            "revoke": self._revoke,
            "return_address": self._return_address,
            "erase": self._erase,
        }

    @property
    def _actor(self) -> Address:
        return Address("email", self._operator) if self._operator else Address("terminal", self.login)

    @property
    def _origin(self) -> Origin:
        return Origin(surface="terminal", place={"login": self.login})

    async def carry_out(self, command: str, given: dict[str, Any]) -> CommandReply:
        """Carry out one command. Raises `StoreError` when the database fails."""
        known = self._commands.get(command)
        if known is None:
            return CommandReply(f"This server does not know the command {command}; it may be an older version.")
        try:
            return await known(given)
        except DefinitionError as error:
            return CommandReply(
                "The workflow file cannot be used.",
                {"problems": [dict[str, Value](one.facts()) for one in error.problems]},
            )

    async def _register(self, given: dict[str, Any]) -> CommandReply:
        answer = await self._engine.register(
            Register(source=_text(given, "source").encode(), actor=self._actor, origin=self._origin)
        )
        if isinstance(answer, Refusal):
            return _refused(answer)
        facts: dict[str, Value] = {
            "workflow": answer.workflow,
            "version": answer.version,
            "changed": answer.changed,
            "warnings": list[Value](answer.warnings),
        }
        return CommandReply(facts=facts)

    async def _start(self, given: dict[str, Any]) -> CommandReply:
        name = _text(given, "workflow")
        workflow = await self._engine.workflow(name)
        inputs: dict[str, Value] = {}
        if not isinstance(workflow, NotFound):
            declared = workflowfile.load(workflow.source, kinds=self.kinds, registered=True).inputs
            inputs, errors = fields.from_text_all(declared, _texts(given, "inputs"))
            if errors:
                return _refused(InvalidInputs(errors=errors, labels=fields.labels(declared)))
        answer = await self._engine.start(
            Start(workflow=name, inputs=inputs, actor=self._actor, origin=self._origin, key=_word(given, "key"))
        )
        if isinstance(answer, Refusal):
            return _refused(answer)
        return CommandReply(facts={"run": answer.run, "created": answer.created})

    async def _erase(self, given: dict[str, Any]) -> CommandReply:
        answer = await self._engine.erase(
            Erase(run=_text(given, "run"), reason=_text(given, "reason"), actor=self._actor, origin=self._origin)
        )
        return _refused(answer) if isinstance(answer, Refusal) else CommandReply(facts={"entries": answer.entries})

    async def _decide(self, given: dict[str, Any]) -> CommandReply:
        if not self._operator:
            return CommandReply(NO_OPERATOR, {"refusal": "NotAllowed"})
        name, typed = _text(given, "request"), _texts(given, "edits")
        request = await self._engine.request(name)
        if request is None:
            return _refused(NotFound(what="request", name=name))
        asks = request.confirm is not None and request.model.state is RequestState.PENDING
        if asks and given.get("verdict") == "approve" and given.get("confirmed") is not True:
            return CommandReply(request.confirm, {"refusal": NEEDS_CONFIRMATION})
        edits = requests.read_text_edits(request.model, typed)
        if isinstance(edits, InvalidEdits):
            return _refused(edits)
        answer = await self._engine.decide(
            Decide(
                request=request.id,
                verdict=Verdict(_text(given, "verdict")),
                actor=self._actor,
                # Who names no content decides what the listing shows now: the digest still pins it until the write.
                content_version=_number(given, "content_version") or request.model.content_version,
                digest=_word(given, "digest") or request.model.digest,
                origin=self._origin,
                assurance=Assurance.TERMINAL,
                edits=edits,
                reason=_word(given, "reason"),
            )
        )
        if isinstance(answer, Refusal):
            return _refused(answer)
        return CommandReply(
            facts={
                "request": answer.request,
                "run": answer.run,
                "decision": answer.decision,
                "state": answer.state.value,
                "edited": list(answer.edited),
            }
        )

    async def _cancel(self, given: dict[str, Any]) -> CommandReply:
        command = Cancel(run=_text(given, "run"), actor=self._actor, origin=self._origin, reason=_word(given, "reason"))
        return _done(await self._engine.cancel(command))

    async def _resume(self, given: dict[str, Any]) -> CommandReply:
        run, answer = _text(given, "run"), ResumeAnswer(_text(given, "answer"))
        output = _mapping(given.get("output") or {})
        typed = {name: str(text) for name, text in _mapping(given.get("values") or {}).items()}
        if typed:
            asked = await self._engine.attention(run)
            if isinstance(asked, Refusal):
                return _refused(asked)
            values, wrong = asked.expected.parse_texts(typed)
            if wrong:
                return _refused(InvalidInputs(errors=wrong, labels=asked.expected.labels))
            output = asked.expected.build_output(values, given=output)
        command = Resume(run=run, answer=answer, actor=self._actor, origin=self._origin, output=output)
        refused = await self._engine.resume(command)
        if isinstance(refused, InvalidInputs) and answer is ResumeAnswer.DONE:
            needed = " ".join(f"-o {name}=…" for name in refused.errors)
            return CommandReply(
                refused=f"{refusals.sentence(refused)} Find it out, then: signoff resume {run} done {needed}"
            )
        return _done(refused)

    async def _revoke(self, given: dict[str, Any]) -> CommandReply:
        request = _text(given, "request")
        answer = await self._identity.revoke(request)
        return (
            _refused(answer)
            if isinstance(answer, Refusal)
            else CommandReply(facts={"request": request, "links": answer})
        )

    async def _return_address(self, given: dict[str, Any]) -> CommandReply:
        address = Address(_text(given, "kind"), _text(given, "value"))
        answer = await self._engine.return_address(
            ReturnAddress(address=address, actor=self._actor, origin=self._origin)
        )
        if isinstance(answer, Refusal):
            return _refused(answer)
        given_to = answer.given_to.label if answer.given_to else None
        return CommandReply(
            facts={"address": str(address), "taken_from": answer.taken_from.label, "given_to": given_to}
        )


# -- what a command brings: anything, since whoever opens the socket may write anything ----------------------


def _text(given: dict[str, Any], name: str) -> str:
    value = given[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is not a text")
    return value


def _word(given: dict[str, Any], name: str) -> str | None:
    return _text(given, name) if given.get(name) is not None else None


def _number(given: dict[str, Any], name: str) -> int | None:
    value = given.get(name)
    if value is not None and type(value) is not int:
        raise TypeError(f"{name} is not a number")
    return value


def _mapping(value: Any) -> dict[str, Value]:
    if not isinstance(value, dict):
        raise TypeError("this is not a mapping")
    return value


def _texts(given: dict[str, Any], name: str) -> dict[str, str]:
    found = _mapping(given[name])
    return {key: _text(found, key) for key in found}


# -- replies ------------------------------------------------------------------------------------------------


def _done(answer: Any) -> CommandReply:
    return _refused(answer) if isinstance(answer, Refusal) else CommandReply(facts={"run": answer.run})


def _refused(refusal: Refusal) -> CommandReply:
    return CommandReply(refusals.sentence(refusal), {"refusal": type(refusal).__name__})
