"""The commands of this machine's operator.

A running server carries them out for the processes that use its socket; a command that owns the database itself calls
them directly.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from bot.local import (
    absence_commands,
    autonomy_commands,
    callback_commands,
    erase_commands,
    gate_change_commands,
    key_commands,
    preference_commands,
    question_commands,
    rating_commands,
    secret_commands,
    sync_commands,
    undo_commands,
    workflow_commands,
)
from bot.local.arguments import optional_number, optional_text, read_address, read_mapping, read_text, read_texts
from bot.local.reply import LISTS, NEEDS_CONFIRMATION, CommandReply
from bot.monitor import Monitor
from bot.presentation import dates, progress, refusals, seeded, verdict_words
from engine import fields, requests, workflowfile
from engine.domain import (
    Address,
    Assurance,
    Cancel,
    Decide,
    Decided,
    Done,
    Erase,
    FileUpload,
    InvalidEdits,
    InvalidInputs,
    NotFound,
    NotWaiting,
    Origin,
    Reassign,
    Refusal,
    RequestState,
    Resume,
    ResumeAnswer,
    ReturnAddress,
    SignOut,
    Start,
    TryAgain,
    Verdict,
)
from engine.domain.asks import OnlyByAsk
from engine.errors import DefinitionError
from engine.json_values import Value
from engine.service import ApiKeys, CallbackEndpoints, Engine, Identity, SecretCommands
from engine.workflowfile import StepKind

NO_OPERATOR: Final = (
    "Signoff does not know who you are. Add SIGNOFF_OPERATOR= and your email address to the file .env in this "
    "folder. If `signoff serve` is running, add it to .env in its folder, and start it again."
)


_FOR_OPERATORS: Final = frozenset({"decide", "question", "answer", "reassign", "away", "back", "preferences", "undo"})
"""The commands of a person, who is known by their email address only."""


class OperatorCommands:
    """Carries out commands by name, with arguments as JSON has them.

    `operator` is the email address of this machine's operator, or empty; `login` is the user's name on this machine.
    `writer` writes the moments in refusals.
    """

    def __init__(
        self,
        engine: Engine,
        identity: Identity,
        kinds: Mapping[str, StepKind],
        *,
        operator: str,
        login: str,
        writer: dates.Writer = dates.moment,
        monitoring: Monitor | None = None,
        endpoints: CallbackEndpoints | None = None,
        secrets: SecretCommands | None = None,
    ) -> None:
        self._endpoints, self._secrets = endpoints, secrets
        self._monitoring = monitoring or Monitor()
        self.kinds, self.login, self._writer = kinds, login, writer
        self._engine, self._identity, self._operator = engine, identity, operator
        self._commands = self._handlers()

    def _handlers(self) -> dict[str, Callable[[dict[str, Any]], Awaitable[CommandReply]]]:
        return {
            **{name: partial(self._about_workflow, act) for name, act in workflow_commands.ACTS.items()},
            "sync": self._sync,
            "start": self._start,
            "view": self._view,
            "decide": self._decide,
            "question": self._question,
            "answer": self._answer,
            "rate": self._rate,
            "undo": self._undo,
            "cancel": self._cancel,
            "retry": self._retry,
            "resume": self._resume,
            "reassign": self._reassign,
            "away": self._away,
            "back": self._back,
            "preferences": self._preferences,
            "revoke": self._revoke,
            "sign_out": self._sign_out,
            "return_address": self._return_address,
            "count_insights": self._count_insights,
            **{name: partial(self._about_plan, act) for name, act in autonomy_commands.ACTS.items()},
            "open_gate_change": self._open_gate_change,
            "erase": self._erase,
            "erase_old": self._erase_old,
            "erase_person": self._erase_person,
            "add_callback": partial(self._about_endpoint, callback_commands.add),
            "rotate_callback": partial(self._about_endpoint, callback_commands.rotate),
            "enable_callback": partial(self._about_endpoint, callback_commands.enable),
            "remove_callback": partial(self._about_endpoint, callback_commands.remove),
            "create_api_key": partial(self._about_key, key_commands.create),
            "rotate_api_key": partial(self._about_key, key_commands.rotate),
            "revoke_api_key": partial(self._about_key, key_commands.revoke),
            "set_secret": partial(self._about_secret, secret_commands.set_),
            "delete_secret": partial(self._about_secret, secret_commands.delete),
            "rotate_secrets": partial(self._about_secret, secret_commands.rotate),
        }

    @property
    def _actor(self) -> Address:
        return Address("email", self._operator) if self._operator else Address("terminal", self.login)

    @property
    def _origin(self) -> Origin:
        return Origin(surface="terminal", place={"login": self.login})

    async def carry_out(self, command: str, arguments: dict[str, Any]) -> CommandReply:
        """Carry out one command. Raises `StoreError` when the database fails."""
        handler = self._commands.get(command)
        if handler is None:
            return CommandReply(f"The server does not know the command {command}. Restart it with this version.")
        with self._monitoring.request(f"command {command}") as scope:
            if command in _FOR_OPERATORS and not self._operator:
                reply = CommandReply(NO_OPERATOR, {"refusal": "NotAllowed"})
            else:
                reply = await self._reply(handler, arguments)
            scope.answer = "done" if reply.refused is None else "refused"
            return reply

    async def _reply(
        self, handler: Callable[[dict[str, Any]], Awaitable[CommandReply]], arguments: dict[str, Any]
    ) -> CommandReply:
        try:
            return await handler(arguments)
        except DefinitionError as error:
            return CommandReply(
                "The workflow file has problems.",
                {"problems": [dict[str, Value](problem.facts()) for problem in error.problems]},
            )

    async def _about_workflow(self, act: workflow_commands.WorkflowAct, arguments: dict[str, Any]) -> CommandReply:
        result = await act(self._engine, arguments, actor=self._actor, origin=self._origin)
        return self._refused(result) if isinstance(result, Refusal) else workflow_commands.reply(result)

    async def _sync(self, arguments: dict[str, Any]) -> CommandReply:
        return await sync_commands.sync(
            self._engine,
            arguments,
            kinds=self.kinds,
            actor=self._actor,
            origin=self._origin,
            sentence=lambda refusal: refusals.sentence(refusal, self._writer),
        )

    async def _start(self, arguments: dict[str, Any]) -> CommandReply:
        name = read_text(arguments, "workflow")
        workflow = await self._engine.workflow(name)
        inputs: dict[str, Value] = {}
        if not isinstance(workflow, NotFound):
            loaded = workflowfile.load(workflow.source, kinds=self.kinds, registered=True)
            if loaded.is_asked:
                return self._refused(OnlyByAsk(workflow=name))
            declared = loaded.inputs
            inputs, errors = fields.from_text_all(declared, read_texts(arguments, "inputs"))
            if errors:
                sentences = refusals.of_options(errors, fields.labels(declared))
                return CommandReply("\n".join(sentences), {"refusal": InvalidInputs.__name__})
        key = optional_text(arguments, "key")
        start = Start(workflow=name, inputs=inputs, actor=self._actor, origin=self._origin, key=key)
        result = await self._engine.start(start)
        if isinstance(result, Refusal):
            return self._refused(result)
        return CommandReply(facts={"run": result.run, "created": result.created})

    async def attach(self, name: str, chunks: AsyncIterator[bytes]) -> CommandReply:
        """Take a file in. The facts of the reply have its reference."""
        with self._monitoring.request("command attach"):
            result = await self._engine.files.receive(FileUpload(name=name, chunks=chunks, uploader=self._actor))
        return self._refused(result) if isinstance(result, Refusal) else CommandReply(facts={"file": result.value})

    async def _count_insights(self, arguments: dict[str, Any]) -> CommandReply:
        is_done = await self._engine.count_insights(anew=arguments.get("anew") is True)
        says = "Everything is counted." if is_done else "Signoff is counting. A running server goes on by itself."
        return CommandReply(facts={"is_done": is_done, "says": says})

    async def _erase(self, arguments: dict[str, Any]) -> CommandReply:
        run, reason = read_text(arguments, "run"), read_text(arguments, "reason")
        result = await self._engine.erase(Erase(run=run, reason=reason, actor=self._actor, origin=self._origin))
        return self._refused(result) if isinstance(result, Refusal) else CommandReply(facts={"entries": result.entries})

    async def _erase_old(self, arguments: dict[str, Any]) -> CommandReply:
        result = await erase_commands.erase_old(self._engine, arguments, actor=self._actor, origin=self._origin)
        return self._refused(result) if isinstance(result, Refusal) else erase_commands.reply(result)

    async def _erase_person(self, arguments: dict[str, Any]) -> CommandReply:
        result = await erase_commands.erase_person(self._engine, arguments, actor=self._actor, origin=self._origin)
        return self._refused(result) if isinstance(result, Refusal) else erase_commands.reply(result)

    async def _view(self, arguments: dict[str, Any]) -> CommandReply:
        """Remember that the operator has looked at a request."""
        request = read_text(arguments, "request")
        person = await self._engine.person(self._actor)
        if person is not None:
            await self._engine.save_view(request, person.id, self._origin.surface)
        return CommandReply(facts={"request": request})

    async def _decide(self, arguments: dict[str, Any]) -> CommandReply:
        request_id, texts = read_text(arguments, "request"), read_texts(arguments, "edits")
        request = await self._engine.request(request_id)
        if request is None:
            return self._refused(NotFound(what="request", name=request_id))
        verdict = verdict_words.verdict(read_text(arguments, "verdict"), request.model.subject)
        if verdict is None:
            return CommandReply(verdict_words.mismatch(request.model.subject), {"refusal": "NotAllowed"})
        needs_confirmation = request.confirm is not None and request.model.state is RequestState.PENDING
        if needs_confirmation and verdict is Verdict.APPROVE and arguments.get("confirmed") is not True:
            return CommandReply(request.confirm, {"refusal": NEEDS_CONFIRMATION})
        edits = requests.read_text_edits(request.model, texts)
        if isinstance(edits, InvalidEdits):
            return self._refused(edits)
        result = await self._engine.decide(
            Decide(
                request=request.id,
                verdict=verdict,
                actor=self._actor,
                # The default is the content that the listing shows now; the digest pins it until the write.
                content_version=optional_number(arguments, "content_version") or request.model.content_version,
                digest=optional_text(arguments, "digest") or request.model.digest,
                origin=self._origin,
                assurance=Assurance.TERMINAL,
                edits=edits,
                reason=optional_text(arguments, "reason"),
                rating=optional_number(arguments, "rating"),
                comment=optional_text(arguments, "comment"),
            )
        )
        if isinstance(result, Refusal):
            return self._refused(result)
        more = await self._missing_approvals(result) | await self._test(result)
        return CommandReply(facts={**_decision_facts(result), **more})

    async def _test(self, decided: Decided) -> dict[str, Value]:
        """Return that the request was a test, if it was one, and what the operator did."""
        view = await self._engine.request(decided.request)
        if view is None or not seeded.is_seeded(view):
            return {}
        told = (*seeded.ended(view, await self._engine.person(self._actor)), ".")
        return {"test": dates.written(told, self._writer)}

    async def _missing_approvals(self, decided: Decided) -> dict[str, Value]:
        """Return how far the approvals have come, and a sentence about it, while others are missing."""
        view = await self._engine.request(decided.request) if decided.state is RequestState.PENDING else None
        if view is None:
            return {}
        tally, reader = view.model.tally, await self._engine.person(self._actor)
        approvals: dict[str, Value] = {
            "given": len(tally.votes),
            "needed": tally.needed,
            "waiting_for": [approver.person.label for approver in tally.waiting],
        }
        return {"approvals": approvals, "saved": dates.written(progress.saved(view, reader), self._writer)}

    async def _reassign(self, arguments: dict[str, Any]) -> CommandReply:
        to, place = read_address(arguments, "to"), None
        if arguments.get("place") is not None:
            address = read_address(arguments, "place")
            person = await self._engine.person(address)
            if person is None:
                return self._refused(NotFound(what="person", name=str(address)))
            place = person.id
        command = Reassign(
            request=read_text(arguments, "request"),
            to=to,
            reason=read_text(arguments, "reason"),
            actor=self._actor,
            origin=self._origin,
            assurance=Assurance.TERMINAL,
            place=place,
        )
        result = await self._engine.reassign(command)
        if isinstance(result, Refusal):
            return self._refused(result)
        instead = result.place.label if result.place is not None else None
        facts: dict[str, Value] = {"request": result.request, "run": result.run, "place": instead}
        return CommandReply(facts={**facts, "to": result.to.label})

    async def _question(self, arguments: dict[str, Any]) -> CommandReply:
        result = await question_commands.question(self._engine, arguments, actor=self._actor, origin=self._origin)
        return self._refused(result) if isinstance(result, Refusal) else question_commands.reply(result, to=result.to)

    async def _answer(self, arguments: dict[str, Any]) -> CommandReply:
        result = await question_commands.answer(self._engine, arguments, actor=self._actor, origin=self._origin)
        if isinstance(result, Refusal):
            return self._refused(result)
        return question_commands.reply(result, to=result.asked_by)

    async def _rate(self, arguments: dict[str, Any]) -> CommandReply:
        result = await rating_commands.rate(self._engine, arguments, actor=self._actor, origin=self._origin)
        return self._refused(result) if isinstance(result, Refusal) else rating_commands.reply(result)

    async def _undo(self, arguments: dict[str, Any]) -> CommandReply:
        result = await undo_commands.undo(self._engine, arguments, actor=self._actor, origin=self._origin)
        return self._refused(result) if isinstance(result, Refusal) else undo_commands.reply(result)

    async def _about_plan(self, act: autonomy_commands.PlanAct, arguments: dict[str, Any]) -> CommandReply:
        result = await act(self._engine, arguments, actor=self._actor, origin=self._origin)
        return self._refused(result) if isinstance(result, Refusal) else autonomy_commands.reply(result)

    async def _open_gate_change(self, arguments: dict[str, Any]) -> CommandReply:
        result = await gate_change_commands.open_change(self._engine, arguments, actor=self._actor, origin=self._origin)
        return self._refused(result) if isinstance(result, Refusal) else gate_change_commands.reply(result)

    async def _away(self, arguments: dict[str, Any]) -> CommandReply:
        result = await absence_commands.set_away(self._engine, arguments, actor=self._actor, origin=self._origin)
        return self._refused(result) if isinstance(result, Refusal) else absence_commands.away_reply(result)

    async def _back(self, arguments: dict[str, Any]) -> CommandReply:
        result = await absence_commands.set_back(self._engine, arguments, actor=self._actor, origin=self._origin)
        return self._refused(result) if isinstance(result, Refusal) else absence_commands.back_reply(result)

    async def _preferences(self, arguments: dict[str, Any]) -> CommandReply:
        result = await preference_commands.show_or_set(self._engine, arguments, actor=self._actor, origin=self._origin)
        return self._refused(result) if isinstance(result, Refusal) else preference_commands.reply(result)

    async def _cancel(self, arguments: dict[str, Any]) -> CommandReply:
        run, reason = read_text(arguments, "run"), optional_text(arguments, "reason")
        result = await self._engine.cancel(Cancel(run=run, actor=self._actor, origin=self._origin, reason=reason))
        if isinstance(result, NotWaiting):
            state = "has already ended" if result.status.ended else "was already cancelled"
            return CommandReply(f"Run {run} {state}.", {"refusal": "NotWaiting"})
        return self._run_reply(result)

    async def _retry(self, arguments: dict[str, Any]) -> CommandReply:
        command = TryAgain(run=read_text(arguments, "run"), actor=self._actor, origin=self._origin)
        return self._run_reply(await self._engine.try_again(command))

    async def _resume(self, arguments: dict[str, Any]) -> CommandReply:
        run, answer = read_text(arguments, "run"), ResumeAnswer(read_text(arguments, "answer"))
        output = read_mapping(arguments.get("output") or {})
        texts = {name: str(text) for name, text in read_mapping(arguments.get("values") or {}).items()}
        if texts:
            attention = await self._engine.attention(run)
            if isinstance(attention, Refusal):
                return self._refused(attention)
            values, errors = attention.expected.parse_texts(texts)
            if errors:
                return self._refused(InvalidInputs(errors=errors, labels=attention.expected.labels))
            output = attention.expected.build_output(values, known_output=output)
        command = Resume(run=run, answer=answer, actor=self._actor, origin=self._origin, output=output)
        result = await self._engine.resume(command)
        if isinstance(result, InvalidInputs) and answer is ResumeAnswer.DONE:
            needed = " ".join(f"-o {name}=…" for name in result.errors)
            return CommandReply(
                refused=f"{refusals.sentence(result)} Find out, then run: signoff resume {run} done {needed}"
            )
        return self._run_reply(result)

    async def _revoke(self, arguments: dict[str, Any]) -> CommandReply:
        request_id = read_text(arguments, "request")
        result = await self._identity.revoke(request_id)
        if isinstance(result, NotFound):
            return CommandReply(f"There is no request or run “{request_id}”.", {"refusal": NotFound.__name__})
        return CommandReply(facts={"request": request_id, "links": result})

    async def _about_key(self, act: key_commands.Act, arguments: dict[str, Any]) -> CommandReply:
        result = await act(ApiKeys(self._engine), arguments, actor=self._actor, origin=self._origin)
        return self._refused(result) if isinstance(result, Refusal) else key_commands.reply(result)

    async def _about_endpoint(self, act: callback_commands.EndpointAct, arguments: dict[str, Any]) -> CommandReply:
        assert self._endpoints is not None, "only a process with a key of the server has endpoints"
        result = await act(self._endpoints, arguments, actor=self._actor, origin=self._origin)
        return self._refused(result) if isinstance(result, Refusal) else callback_commands.reply(result)

    async def _about_secret(self, act: secret_commands.SecretAct, arguments: dict[str, Any]) -> CommandReply:
        assert self._secrets is not None, "a trial has no secrets of its own"
        result = await act(self._secrets, arguments, actor=self._actor, origin=self._origin)
        return self._refused(result) if isinstance(result, Refusal) else secret_commands.reply(result)

    async def _sign_out(self, arguments: dict[str, Any]) -> CommandReply:
        person = read_text(arguments, "person")
        result = await self._identity.sign_out(SignOut(person=person, actor=self._actor, origin=self._origin))
        if isinstance(result, Refusal):
            return self._refused(result)
        return CommandReply(facts={"person": result.person.label, "browsers": result.browsers})

    async def _return_address(self, arguments: dict[str, Any]) -> CommandReply:
        address = Address(read_text(arguments, "kind"), read_text(arguments, "value"))
        command = ReturnAddress(address=address, actor=self._actor, origin=self._origin)
        result = await self._engine.return_address(command)
        if isinstance(result, Refusal):
            return self._refused(result)
        given_to = result.given_to.label if result.given_to else None
        return CommandReply(
            facts={"address": str(address), "taken_from": result.taken_from.label, "given_to": given_to}
        )

    def _run_reply(self, result: Done | Refusal) -> CommandReply:
        return self._refused(result) if isinstance(result, Refusal) else CommandReply(facts={"run": result.run})

    def _refused(self, refusal: Refusal) -> CommandReply:
        sentence = refusals.sentence(refusal, self._writer)
        if isinstance(refusal, NotFound) and not refusal.suggestion and refusal.what in LISTS:
            sentence = f"{sentence} {LISTS[refusal.what]}"
        return CommandReply(sentence, {"refusal": type(refusal).__name__})


# -- replies ------------------------------------------------------------------------------------------------


def _decision_facts(decision: Decided) -> dict[str, Value]:
    return {
        "request": decision.request,
        "run": decision.run,
        "decision": decision.decision,
        "state": decision.state.value,
        "edited": list(decision.edited),
    }
