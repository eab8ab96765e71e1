"""The use cases of people in Slack, as calls of the engine in our own types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from bot.presentation import (
    advice,
    alert_card,
    characters,
    outcome_card,
    progress,
    questions,
    refusals,
    request_card,
    request_outcome,
    seeded,
    states,
    summary,
)
from bot.slack import approver_names, builder_inputs, builders, list_rows
from bot.slack.confirmations import Confirmations
from bot.slack.ids import Ref, RunRef
from bot.slack.list_rows import RunList
from bot.slack.payloads import Actor
from engine import json_values, requests, workflowfile
from engine.access import Reader, may_change_run, may_see_request, may_see_run
from engine.domain import (
    Address,
    AlreadyVoted,
    Assurance,
    Cancel,
    Card,
    CardOutcome,
    CloseAccount,
    Decide,
    Decided,
    DeliveryKind,
    Done,
    InvalidEdits,
    NeedsCode,
    NeedsSignIn,
    NotAllowed,
    NotFound,
    NotWaiting,
    OwnEdit,
    Person,
    Phrase,
    Refusal,
    RequestState,
    Resume,
    ResumeAnswer,
    Tone,
    Verdict,
)
from engine.domain.accounts import SLACK
from engine.errors import ChannelError, DefinitionError, Tampered
from engine.json_values import Value
from engine.off_loop import LARGE, off_loop
from engine.ports import Clock, Directory, KeepsAnswers
from engine.read_models import DeliveryContent, DeliveryView, PageQuery, RequestView, RunView, WorkflowView
from engine.service import Engine, KeptForms, SecretCommands, named_reader
from engine.workflowfile import StepKind, Workflow

MOST_SHOWN: Final = 200
"""Rows that are read at a time to find those of one person."""
_PAGES: Final = 10
"""How often that many rows are read at most: a person may have hundreds, and others may have started hundreds since."""
_NOT_YOUR_REQUEST: Final = (
    "You can't see this request. Only its approvers, the person who started it, and the owner of its workflow can."
)
_NOT_YOUR_RUN: Final = (
    "You can't see this run. Only the person who started it, the owner of its workflow, and its approvers can."
)
ANOTHER_VERSION: Final = (
    "This button is from another version of Signoff. You'll find the request in this app's Home tab."
)


@dataclass(frozen=True, slots=True)
class SlackService:
    """`builders`: who may register workflows, written as in the approvers of a gate."""

    engine: Engine
    kinds: Mapping[str, StepKind]
    directory: Directory
    clock: Clock
    builders: tuple[str, ...] = ()
    inbox: str = ""
    """The address of the inbox on the web, if pages are served."""
    confirmations: Confirmations | None = None
    """Where decisions wait that have to be confirmed."""
    page_of: Callable[[str], str] | None = None
    """Returns the address of the page of a request, if pages are served."""
    secrets: SecretCommands | None = None

    @property
    def kept_forms(self) -> KeptForms:
        """The forms as people left them."""
        return KeptForms(self.engine, self.clock)

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
        return await self.engine.decide(decision(by, ref, verdict, edits=edits, reason=reason, message=message))

    async def may_decide(self, by: Actor, ref: Ref) -> RequestView | Refusal:
        """Return the request if this person could decide it as they see it now, or the refusal. Reads only."""
        request = await self.engine.request(ref.request)
        if request is None:
            return NotFound(what="request", name=ref.request)
        refusal = self._refusal(by, ref, request, await self.person(by))
        # A person who may not approve the content as it is may still change or reject it.
        return request if refusal is None or isinstance(refusal, AlreadyVoted | OwnEdit) else refusal

    def _refusal(self, by: Actor, ref: Ref, request: RequestView, person: Person | None) -> Refusal | None:
        kind = self.kinds.get(request.model.subject.uses)
        if kind is None:
            return None
        command = decision(by, ref, Verdict.APPROVE, reason="–")
        try:
            ruling = requests.decide(request.model, command, kind=kind, person=person, now=self.clock.now())
        except Tampered as error:
            return NotAllowed(why=str(error))
        # An empty form cannot be submitted as it is, and that is why it opens.
        # What has to be confirmed is confirmed at the decision.
        opens = InvalidEdits | NeedsCode | NeedsSignIn
        return ruling if isinstance(ruling, Refusal) and not isinstance(ruling, opens) else None

    async def card(self, request: str, by: Actor | None = None) -> Card | None:
        """Return the card of the request as it is now, as this person sees it."""
        view = await self.engine.request(request)
        if view is None:
            return None
        # A closed one is the same for all, unless it offers something to those who decided, each in their own copy.
        is_shared = by is not None and by.channel.startswith(SLACK.channel_starts)
        offers = (view.model.feedback or view.is_held or seeded.is_seeded(view)) and not is_shared
        differs = view.model.state is RequestState.PENDING or offers
        reader = await self.person(by) if by is not None and differs else None
        large = json_values.is_larger(view.model.content.value, LARGE)
        card = await off_loop(lambda: request_card.request_card(view, reader), large=large)
        return request_card.with_page(card, self.page_of)

    async def receipt(self, by: Actor, request: str) -> Phrase:
        """Return the sentence for a person who just decided: what they did, and when."""
        view = await self.engine.request(request)
        if view is None:
            return ("Your decision was saved.",)
        if view.decision is None:
            return progress.saved(view, await self.person(by))
        return *request_outcome.sentence(view, await self.person(by)), "."

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
            return NotAllowed(why=f"Your answer was not saved. {error} Try again in a moment.")

    async def cancel(self, by: Actor, run: str) -> Done | Refusal:
        """Cancel a run; it is committed when this returns `Done`."""
        return await self.engine.cancel(Cancel(run=run, actor=by.address, origin=by.origin()))

    async def cancellation(self, run: str, answer: Done | Refusal) -> Phrase:
        """Return the sentence for a person who cancelled a run."""
        if isinstance(answer, Refusal) and not isinstance(answer, NotWaiting):
            return refusals.phrase(answer)
        name = await self.run_name(run)
        if isinstance(answer, Done):
            return (f"You cancelled this run: {name}",)
        end = "has already ended" if answer.status.ended else "was already cancelled"
        return (f"This run {end}: {name}",)

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
        answered = CardOutcome(line=("This was answered",), effect=f"The run {states.RUN_CLAUSES[run.status]}")
        return replace(shown, step=None, tone=Tone.DONE, outcome=shown.outcome or answered)

    async def details(self, by: Actor, request: str, *, channel: str | None) -> Card | Refusal | None:
        """Return the card of a request for a person who opens its details, or why they may not see it.

        `channel`: where they opened it. What was posted there, all its members see.
        """
        view, reader = await self.engine.request(request), await self.reader(by)
        if view is None:
            return None
        if reader is None or not may_see_request(reader, view):
            copies = await self.engine.deliveries(request=request)
            if not _is_posted(copies, channel):
                return NotAllowed(why=_NOT_YOUR_REQUEST)
        return await self.card(request, by)

    async def run_card(self, by: Actor, run_id: str, *, channel: str | None) -> Card | Refusal | None:
        """Return a card about a run: its state, the last decision, and its technical details.

        `channel`: as in `details`.
        """
        run, reader = await self.engine.run(run_id), await self.reader(by)
        if run is None:
            return None
        requests_of_run = await self.engine.requests_of_run(run_id)
        if reader is None or not may_see_run(reader, run, tuple(requests_of_run)):
            copies = await self.engine.deliveries(run=run_id)
            if not _is_posted(copies, channel):
                return NotAllowed(why=_NOT_YOUR_RUN)
        return outcome_card.outcome_card(
            DeliveryContent(
                delivery="",
                kind=DeliveryKind.OUTCOME,
                topic=None,
                person=run.requester,
                run=run,
                request=requests_of_run[-1] if requests_of_run else None,
            )
        )

    # -- looking --

    async def save_view(self, by: Actor, request: str) -> None:
        """Remember that a person first had all of a request before them, if they may decide it."""
        person = await self.person(by)
        if person is not None:
            await self.engine.save_view(request, person.id, SLACK.name)

    async def person(self, by: Actor) -> Person | None:
        """Return the person with this account, or None."""
        return await self.engine.person(by.address)

    async def reader(self, by: Actor, *, required: bool = False) -> Reader | None:
        """Return the person with this account and what they may read, or None.

        The settings name admins and auditors by their email address: if that is not known yet, Slack is asked. Raises
        `ChannelError` if it does not answer and is `required`.
        """
        person = await self.person(by)
        if person is None or person.email is None:
            unit = partial(named_reader.find, self.engine.context, account=by.address)
            person = await self.engine.transact_with_directory(unit, required=required) or person
        return self.engine.reader(person) if person is not None else None

    async def pending(self, by: Actor) -> list[RequestView]:
        """Return the requests that wait for this person, in the order in which they expire."""
        person = await self.person(by)
        if person is None:
            return []
        waiting: list[RequestView] = []
        before: str | None = None
        for _ in range(_PAGES):
            query = PageQuery(limit=MOST_SHOWN, before=before, open_only=True)
            page = await self.engine.requests(query, person=person.id)
            waiting += page
            if len(page) < MOST_SHOWN:
                break
            before = page[-1].id
        return summary.by_deadline(waiting)

    async def runs(self, by: Actor, *, started_only: bool = False) -> RunList:
        """Return the latest runs that this person started, or whose workflow they own.

        `started_only`: without those in which Signoff itself asks.
        """
        person = await self.person(by)
        if person is None:
            return RunList()
        mine = await self._runs_of(person, started_only=started_only)
        latest = await self.engine.latest_requests([run.id for run in mine[: list_rows.MOST_ROWS]]) if mine else {}
        return RunList(runs=mine, latest=latest, reader=person.id)

    async def readable_runs(self, by: Actor, *, started_only: bool = False) -> RunList:
        """Return the latest runs that this person may see: all for admins and auditors, else as `runs`."""
        reader = await self.reader(by)
        if reader is None or not reader.reads_everything:
            return await self.runs(by, started_only=started_only)
        found = await self.engine.runs_of(reader, PageQuery(limit=MOST_SHOWN, started_only=started_only))
        latest = await self.engine.latest_requests([run.id for run in found[: list_rows.MOST_ROWS]])
        only_read = frozenset(run.id for run in found if not may_change_run(reader, run))
        return RunList(runs=found, latest=latest, reader=reader.person.id, only_read=only_read, is_all=True)

    async def run_name(self, run_id: str) -> str:
        """Return what a run is about, or else the title of its workflow."""
        run = await self.engine.run(run_id)
        if run is None:
            return run_id
        latest = await self.engine.latest_requests([run_id])
        return questions.of_run(run, latest.get(run_id)) or characters.line(run.workflow_title)

    async def tried_again(self, run_id: str) -> str:
        """Return the answer to a person who tried a run again, with the version that it keeps if one is newer."""
        run = await self.engine.run(run_id)
        newer = "" if run is None else advice.newer_version(run)
        return "\n".join(filter(None, (f"You tried this run again: {await self.run_name(run_id)}", newer)))

    async def _runs_of(self, person: Person, *, started_only: bool) -> list[RunView]:
        mine: list[RunView] = []
        before: str | None = None
        for _ in range(_PAGES):
            page = await self.engine.runs(PageQuery(limit=MOST_SHOWN, before=before, started_only=started_only))
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

    async def approver_names(self, workflow: Workflow) -> dict[str, str]:
        """Return the names of the approvers that the file names, by their text in the file."""
        return await approver_names.look_up(self.directory, workflow)

    async def refuse_approvers(self, named: str) -> str:
        """Return why people of a typed list can never approve, or an empty text."""
        return await approver_names.refuse(self.directory, builder_inputs.people(named))

    # -- accounts --

    async def account_changed(self, user: str, *, deactivated: bool) -> None:
        """Forget what is known of an account. If it was deactivated, its person can no longer decide."""
        account = Address(SLACK.name, user)
        if isinstance(self.directory, KeepsAnswers):
            self.directory.forget(account)
        if deactivated:
            await self.engine.close_account(CloseAccount(account=account))

    # -- builders --

    async def may_build(self, by: Actor, workflow: WorkflowView) -> Refusal | None:
        """Return why this person may not change a workflow, or None if they own it, are an admin, or are a builder.

        A member of the role or group that owns it owns it too.
        """
        if await self.engine.may_build(by.address, workflow):
            return None
        return await self.may_register(by)

    def builds(self, person: Person) -> bool:
        """Return whether the settings name this person as a builder, without asking Slack for the members of groups."""
        return builders.is_named(self.builders, person)

    async def may_register(self, by: Actor) -> Refusal | None:
        """Return why this person may not register workflows, or None if they may."""
        return await builders.refuse(self.directory, self.builders, by)


def _is_posted(copies: Sequence[DeliveryView], channel: str | None) -> bool:
    """Return whether one of these copies was posted in a channel, where all its members see it."""
    if channel is None or not channel.startswith(SLACK.channel_starts):
        return False
    return any(copy.address == channel for copy in copies)


def _asks_the_same(shown: Card, ref: RunRef) -> bool:
    """Return whether the alert still asks about the call that was clicked. Older buttons name only the run."""
    clicked, current = (ref.step, ref.visit, ref.attempt), (shown.step, shown.visit, shown.attempt)
    return all(clicked_part is None or clicked_part == now for clicked_part, now in zip(clicked, current, strict=True))


def decision(
    by: Actor,
    ref: Ref,
    verdict: Verdict,
    *,
    edits: Mapping[str, Value] | None = None,
    reason: str | None = None,
    message: str | None = None,
) -> Decide:
    """Return the command of a person who decides. `message`: the clicked message."""
    return Decide(
        request=ref.request,
        verdict=verdict,
        actor=by.address,
        content_version=ref.content_version,
        digest=ref.digest,
        origin=by.origin(message=message, delivery=ref.delivery),
        assurance=Assurance.SLACK,
        edits=edits or {},
        reason=reason,
    )
