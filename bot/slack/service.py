"""The use cases of people in Slack, as calls of the engine in our own types."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from bot.presentation import alert_card, request_card, states
from bot.slack.ids import Ref, RunRef
from bot.slack.payloads import Actor
from engine import json_values, requests, workflowfile
from engine.domain import (
    Assurance,
    Card,
    Decide,
    Decided,
    DeliveryKind,
    Done,
    InvalidEdits,
    NotAllowed,
    NotFound,
    Person,
    Refusal,
    Resume,
    ResumeAnswer,
    Verdict,
)
from engine.errors import ChannelError, DefinitionError, Tampered
from engine.json_values import Value
from engine.name_lists import join_names
from engine.off_loop import LARGE, off_loop
from engine.ports import Clock, Directory, Resolution
from engine.read_models import DeliveryContent, PageQuery, RequestView, RunView, WorkflowView
from engine.references import EMAIL, GROUP, Reference, parse_resolvable
from engine.service import Engine
from engine.workflowfile import Gate, StepKind, Workflow

MOST_SHOWN: Final = 200
"""Rows that are read at a time to find those of one person."""
_PAGES: Final = 10
"""How often that many rows are read while few of the person are found: others may have started hundreds since."""
_LOOKING_UP: Final = 1.2
"""Time for looking up the names of approvers, in seconds: Slack waits three for the whole answer."""
NO_BUILDERS: Final = (
    "Nobody may register workflows here yet: the operator of this server names the builders in SIGNOFF_BUILDERS "
    "(email addresses, Slack user ids, or group:handle, separated by commas)."
)
ANOTHER_VERSION: Final = (
    "This button is from another version of Signoff. Open the request again: it waits in the Home tab of this app."
)


@dataclass(frozen=True, slots=True)
class SlackService:
    """`builders`: who may register workflows, written as in the approvers of a gate."""

    engine: Engine
    kinds: Mapping[str, StepKind]
    directory: Directory
    clock: Clock
    builders: tuple[str, ...] = ()

    # -- deciding --

    async def decide(
        self,
        by: Actor,
        ref: Ref,
        verdict: Verdict,
        *,
        edits: Mapping[str, Value] | None = None,
        reason: str | None = None,
        message: str | None = None,
    ) -> Decided | Refusal:
        """Decide a request; it is committed when this returns `Decided`. `message`: the clicked message."""
        command = _decide(by, ref, verdict, edits=edits or {}, reason=reason, message=message)
        return await self.engine.decide(command)

    async def may_decide(self, by: Actor, ref: Ref) -> RequestView | Refusal:
        """Return the request if this person could decide it as they see it now, or the refusal. Reads only."""
        request = await self.engine.request(ref.request)
        if request is None:
            return NotFound(what="request", name=ref.request)
        return self._refusal(by, ref, request, await self.person(by)) or request

    def _refusal(self, by: Actor, ref: Ref, request: RequestView, person: Person | None) -> Refusal | None:
        kind = self.kinds.get(request.model.subject.uses)
        if kind is None:
            return None
        command = _decide(by, ref, Verdict.APPROVE, edits={}, reason="–", message=None)
        try:
            ruling = requests.decide(request.model, command, kind=kind, person=person, now=self.clock.now())
        except Tampered as error:
            return NotAllowed(why=str(error))
        # An empty form cannot be submitted as it is, and that is why it opens.
        return ruling if isinstance(ruling, Refusal) and not isinstance(ruling, InvalidEdits) else None

    async def card(self, request: str) -> Card | None:
        """Return the card of the request as it is now."""
        view = await self.engine.request(request)
        if view is None:
            return None
        large = json_values.is_larger(view.model.content.value, LARGE)
        return await off_loop(lambda: request_card.request_card(view), large=large)

    async def resume(
        self, by: Actor, ref: RunRef, answer: ResumeAnswer, *, output: Mapping[str, Value] | None = None
    ) -> Done | Refusal:
        """Answer what became of a step. `output`: its output, if later steps read it."""
        try:
            return await self.engine.resume(
                Resume(
                    run=ref.run,
                    answer=answer,
                    output=output or {},
                    assurance=Assurance.SLACK,
                    actor=by.address,
                    origin=by.origin(delivery=ref.delivery),
                    step=ref.step,
                    visit=ref.visit,
                    attempt=ref.attempt,
                )
            )
        except ChannelError as error:
            return NotAllowed(why=f"Your answer was not saved, because Slack does not answer us: {error} Try again.")

    async def alert(self, ref: RunRef) -> Card | None:
        """Return the card of the alert about a run as it is now."""
        run = await self.engine.run(ref.run)
        if run is None:
            return None
        copy = DeliveryContent(
            delivery=ref.delivery or "",
            kind=DeliveryKind.ALERT,
            topic="needs_attention",
            person=run.owner,
            run=run,
            request=None,
        )
        shown = alert_card.alert_card(copy)
        if shown.step is not None and _asks_the_same(shown, ref):
            return shown
        # Each later question has its own alert.
        state = shown.state or f"This was answered; the run {states.RUN_CLAUSES[run.status]}."
        return replace(shown, step=None, state=state)

    # -- looking --

    async def person(self, by: Actor) -> Person | None:
        """Return the person with this account, or None."""
        return await self.engine.person(by.address)

    async def pending(self, by: Actor) -> list[RequestView]:
        """Return the requests that wait for this person."""
        person = await self.person(by)
        if person is None:
            return []
        return await self.engine.requests(PageQuery(limit=MOST_SHOWN, open_only=True), person=person.id)

    async def runs(self, by: Actor) -> list[RunView]:
        """Return the latest runs that this person started, or whose workflow they own."""
        person = await self.person(by)
        if person is None:
            return []
        mine: list[RunView] = []
        before: str | None = None
        for _ in range(_PAGES):
            page = await self.engine.runs(PageQuery(limit=MOST_SHOWN, before=before))
            mine += [run for run in page if person.id in (run.requester.id, run.owner.id)]
            if len(page) < MOST_SHOWN or len(mine) >= MOST_SHOWN:
                break
            before = page[-1].id
        return mine

    async def workflow(self, name: str) -> tuple[WorkflowView, Workflow] | Refusal:
        """Return a registered workflow, loaded."""
        view = await self.engine.workflow(name)
        if isinstance(view, NotFound):
            return view
        try:
            return view, workflowfile.load(view.source, kinds=self.kinds, registered=True)
        except DefinitionError as error:
            first = str(error).partition("\n")[0]
            return NotAllowed(why=f"This server no longer understands the workflow {name}: {first}")

    async def approver_names(self, workflow: Workflow, *, seconds: float = _LOOKING_UP) -> dict[str, str]:
        """Return the approvers of each step, where they are known before a run and can be looked up in time."""
        approvers = {step.id: _literal(step.gate) for step in workflow.steps if step.gate is not None}
        references = sorted(
            {reference for step_references in approvers.values() for reference in step_references}, key=str
        )
        try:
            async with asyncio.timeout(seconds):
                resolutions = await self.directory.resolve(
                    [reference for reference in references if self.directory.asks(reference)]
                )
        except (ChannelError, TimeoutError):
            return {}
        named = {
            step: [_describe_reference(reference, resolutions) for reference in step_references]
            for step, step_references in approvers.items()
            if step_references
        }
        return {step: ", ".join(names) for step, names in named.items()}

    # -- builders --

    async def may_register(self, by: Actor) -> Refusal | None:
        """Return why this person may not register workflows, or None if they may."""
        if not self.builders:
            return NotAllowed(why=NO_BUILDERS)
        references = [reference for builder in self.builders if (reference := parse_resolvable(builder)) is not None]
        if any(reference.address == by.address for reference in references):
            return None
        person = Reference(by.address.kind, by.user, by.user)
        to_resolve = [person, *(reference.as_members for reference in references if reference.kind == GROUP)]
        try:
            async with asyncio.timeout(_LOOKING_UP):
                resolutions = await self.directory.resolve(to_resolve)
        except (ChannelError, TimeoutError) as error:
            why = str(error) or "Slack did not answer in time."
            return NotAllowed(why=f"Whether you may register workflows cannot be found out now: {why}")
        own_addresses = {address for member in resolutions[person].people for address in member.addresses}
        groups = {address for group in to_resolve[1:] for address in resolutions[group].members}
        emails = {reference.value for reference in references if reference.kind == EMAIL}
        if by.address in own_addresses and (
            by.address in groups or any(address.value in emails for address in own_addresses)
        ):
            return None
        return NotAllowed(why=f"Only builders may register workflows here: {', '.join(self.builders)}.")


def _asks_the_same(shown: Card, ref: RunRef) -> bool:
    """Return whether the alert still asks about the call that was clicked. Older buttons name only the run."""
    clicked, current = (ref.step, ref.visit, ref.attempt), (shown.step, shown.visit, shown.attempt)
    return all(clicked_part is None or clicked_part == now for clicked_part, now in zip(clicked, current, strict=True))


def _decide(
    by: Actor, ref: Ref, verdict: Verdict, *, edits: Mapping[str, Value], reason: str | None, message: str | None
) -> Decide:
    return Decide(
        request=ref.request,
        verdict=verdict,
        actor=by.address,
        content_version=ref.content_version,
        digest=ref.digest,
        origin=by.origin(message=message, delivery=ref.delivery),
        assurance=Assurance.SLACK,
        edits=edits,
        reason=reason,
    )


def _literal(gate: Gate) -> list[Reference]:
    """Return the approvers of a gate, if the file names all of them literally."""
    references: list[Reference] = []
    for template in gate.approvers:
        reference = parse_resolvable(template.source) if template.is_literal else None
        if reference is None:
            return []
        references.append(reference)
    return references


def _describe_reference(reference: Reference, resolutions: Mapping[Reference, Resolution]) -> str:
    """Return the names of the people that a reference means; a mistyped address is shown as it is."""
    resolution = resolutions.get(reference)
    if resolution is None:
        return reference.rule
    if resolution.unknown:
        return f"{reference.rule} (not in Slack{', asked by email' if resolution.people else ''})"
    labels = [person.name or person.addresses[0].value for person in resolution.people]
    names = [label for label in labels if label != reference.rule]
    if not names:
        return reference.rule
    return f"{reference.rule} ({join_names(names[:5], len(names))})"
