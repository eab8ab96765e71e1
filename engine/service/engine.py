"""The engine: every command, each one transaction. Its reads are in `queries`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from engine.domain import (
    DEFAULT_WORKSPACE,
    Address,
    AddressReturned,
    AnswerAttention,
    AnswerQuestion,
    ApprovalUndone,
    AskQuestion,
    Assurance,
    Away,
    Back,
    Cancel,
    CloseAccount,
    Decide,
    Decided,
    Done,
    Erase,
    Erased,
    ExportDecisions,
    GiveRating,
    NotFound,
    NotWaiting,
    PreferencesSet,
    QuestionAnswered,
    QuestionAsked,
    Rated,
    Reassign,
    Reassigned,
    ReceiveEmail,
    ReceiveWebhook,
    Refusal,
    Resume,
    RetryDelivery,
    ReturnAddress,
    SetAway,
    SetBack,
    SetPreferences,
    Start,
    Started,
    TryAgain,
    Undo,
)
from engine.domain.api_keys import ApiKeyRefused, ApiPrincipal
from engine.domain.asks import Ask, Asked, AskView
from engine.domain.autonomy_commands import IncidentNoted, PlanTightened, ReportIncident, TightenPlan
from engine.domain.gate_change_commands import GateChangeOpened, OpenGateChange
from engine.domain.oversight import OversightPurpose
from engine.errors import StoreError
from engine.file_references import FileReference
from engine.insights import InsightQuery
from engine.ports import Clock
from engine.read_models import AttentionView, DecisionExport
from engine.service import (
    absence,
    answer_attention,
    autonomy,
    cancel,
    closed_account,
    decide,
    erase,
    export_decisions,
    fire,
    gate_changes,
    preferences,
    process_due,
    questions,
    rate,
    reassign,
    receive,
    receive_email,
    resume,
    retry_delivery,
    return_address,
    start,
    try_again,
    undo,
)
from engine.service.api_authentication import ApiAuthentication
from engine.service.attachments import Attachments
from engine.service.context import CommandContext
from engine.service.oversight_followers import FOLLOWERS, Follower
from engine.service.units import or_contested
from engine.service.workflow_commands import WorkflowCommands
from engine.store import (
    attachments,
    attention,
    last_views,
    log_followers,
    trigger_rows,
)
from engine.store.port import Store
from engine.system import SystemClock
from engine.telemetry import NoTelemetry, Telemetry
from engine.worker.advance import Advancer

log = logging.getLogger(__name__)
T = TypeVar("T")
C = TypeVar("C")

_REBUILT_AT_ONCE: Final = 500
"""Units in which a command counts anew; the rest is counted by the process that follows the log."""


class Engine(WorkflowCommands):
    """The commands and reads of Signoff. `files`: its files. `admins` and what follows: see `CommandContext`."""

    def __init__(
        self,
        store: Store,
        advancer: Advancer,
        *,
        admins: frozenset[Address] = frozenset(),
        auditors: frozenset[Address] = frozenset(),
        missing: Mapping[str, str] | None = None,
        telemetry: Telemetry | None = None,
        unavailable: Mapping[Assurance, str] | None = None,
        is_trial: bool = False,
        retention: timedelta | None = None,
        files: Attachments | None = None,
        clock: Clock | None = None,
        followers: Mapping[OversightPurpose, Follower] = FOLLOWERS,
        protects_all: bool = False,
    ) -> None:
        context = CommandContext(
            advancer,
            admins,
            unavailable or {},
            is_trial,
            missing or {},
            auditors,
            retention,
            followers,
            protects_all,
        )
        super().__init__(store, context)
        self._telemetry = telemetry or NoTelemetry()
        self.files = files or Attachments(store, None)
        self.authentication = ApiAuthentication(store, clock or SystemClock())

    async def start(self, command: Start) -> Started | Refusal:
        """Start a run and move it to its first request, effect or wait, in one transaction."""
        began = self._telemetry.clock()
        result = await self.start_by(start.start, command)
        self._telemetry.started(result, surface=command.origin.surface, began=began)
        return result

    async def ask_with_view(self, command: Ask) -> tuple[Asked, AskView] | Refusal:
        """Ask people, and return the ask as the same transaction left it."""
        began = self._telemetry.clock()
        result = await super().ask_with_view(command)
        started = result if isinstance(result, Refusal) else Started(run=result[0].run, created=result[0].created)
        self._telemetry.started(started, surface=command.origin.surface, began=began)
        return result

    async def startable(
        self, workflows: Sequence[str], actor: Address, *, workspace: str = DEFAULT_WORKSPACE
    ) -> list[str]:
        """Return those of these workflows that a person may start."""
        return await self.transact_with_directory(
            lambda tx, resolved: start.startable(self.context, tx, workflows, actor, resolved, workspace=workspace),
            required=False,
        )

    async def why_not_start(
        self, workflow: str, actor: Address, *, workspace: str = DEFAULT_WORKSPACE
    ) -> Refusal | None:
        """Return why a person may not start a workflow, before they fill in its form; None if they may."""
        return await self.transact_with_directory(
            lambda tx, resolved: start.why_not(self.context, tx, workflow, actor, resolved, workspace=workspace),
            required=False,
        )

    async def _fire(self, trigger: str) -> None:
        """Start the run of a schedule whose time has come."""
        began = self._telemetry.clock()
        result = await self.start_by(fire.fire, trigger)
        if result is not None:
            self._telemetry.started(result, surface="schedule", began=began)

    async def receive(self, command: ReceiveWebhook) -> Started | Refusal:
        """Start a run by a call from another system, if its sender knows the secret of a webhook of the workflow."""
        began = self._telemetry.clock()
        call = await receive.verify(self.context, self.store, command)
        result = call if isinstance(call, Refusal) else await self.start_by(receive.receive, call)
        self._telemetry.started(result, surface="webhook", began=began)
        return result

    async def receive_email(self, command: ReceiveEmail) -> Started | Refusal:
        """Start a run by an email, whose sender is proven."""
        began = self._telemetry.clock()
        result = await self._receive_email(command)
        self._telemetry.started(result, surface="email", began=began)
        return result

    async def _receive_email(self, command: ReceiveEmail) -> Started | Refusal:
        unit = partial(receive_email.refuse, self.context, command)
        refused = await self.transact_with_directory(unit, required=False)
        files = refused or await self._take_in(command)
        if isinstance(files, Refusal):
            return files
        mail = await receive_email.evaluate(self.context, self.store, command, files)
        return mail if isinstance(mail, Refusal) else await self.start_by(receive_email.receive, mail)

    async def _take_in(self, command: ReceiveEmail) -> list[FileReference] | Refusal:
        """Store the files of an email, if the workflow takes any."""
        found: list[FileReference] = []
        if not command.attachments or not await receive_email.reads_files(self.context, self.store, command):
            return found
        for attachment in command.attachments:
            kept = await self.files.receive(receive_email.upload(command, attachment))
            if isinstance(kept, Refusal):
                return kept
            found.append(kept)
        return found

    async def decide(self, command: Decide) -> Decided | Refusal:
        """Decide a request. `Decided` means that the decision is on the disk, and that no other decision will count."""
        began = self._telemetry.clock()
        decision = self.transact_with_directory(
            lambda tx, resolved: decide.decide(self.context, tx, command, resolved), required=False
        )
        result = await or_contested(decision, "request")
        self._telemetry.decided(result, request=command.request, surface=command.origin.surface, began=began)
        return result

    async def decide_together(self, commands: Sequence[Decide]) -> list[Decided | Refusal]:
        """Decide several requests for one person, each by itself and on the content that they saw.

        What was decided or changed meanwhile, or has to be decided alone, is refused, and the others are decided.
        """
        return [await self.decide(replace(command, together=True)) for command in commands]

    async def ask_question(self, command: AskQuestion) -> QuestionAsked | Refusal:
        """Ask a question about a request before it is decided."""
        return await self.about_request(questions.ask, command)

    async def answer_question(self, command: AnswerQuestion) -> QuestionAnswered | Refusal:
        """Answer a question about a request."""
        return await self.about_request(questions.answer, command)

    async def rate(self, command: GiveRating) -> Rated | Refusal:
        """Rate what a request asked about, after deciding it."""
        return await self.about_request(rate.rate, command)

    async def undo(self, command: Undo) -> ApprovalUndone | Refusal:
        """Take an approval back while its hold lasts. `ApprovalUndone` means that nothing will follow from it."""
        return await self.about_request(undo.undo, command)

    async def reassign(self, command: Reassign) -> Reassigned | Refusal:
        """Let another person decide in the place of an approver."""
        return await self.about_request(reassign.reassign, command)

    async def set_away(self, command: Away) -> SetAway | Refusal:
        """Let a delegate decide in the place of a person who is away, now or later."""
        return await self.transact_with_directory(
            lambda tx, resolved: absence.set_away(self.context, tx, command, resolved), required=False
        )

    async def set_back(self, command: Back) -> SetBack | Refusal:
        """End the absence of a person."""
        return await self.transact_with_directory(
            lambda tx, resolved: absence.set_back(self.context, tx, command, resolved), required=False
        )

    async def set_preferences(self, command: SetPreferences) -> PreferencesSet | Refusal:
        """Save when a person wants to be told of what waits for them."""
        return await self.transact_with_directory(
            lambda tx, resolved: preferences.set_preferences(self.context, tx, command, resolved), required=False
        )

    async def save_last_view(self, address: Address, shown: str, *, workspace: str = DEFAULT_WORKSPACE) -> None:
        """Remember what a person looks at on a surface that is kept up to date for them."""
        await self.store.transact(lambda tx: last_views.save(tx, workspace, address, shown))

    async def save_view(self, request: str, person: str, surface: str) -> None:
        """Remember when a person first had a waiting request before them that they may decide.

        A view that is not saved changes nothing for the person: then it is not known how long they looked.
        """
        try:
            if await self.store.read(lambda connection: attention.is_unseen(connection, request, person)):
                await self.store.transact(lambda tx: attention.save_view(tx, request, person, surface))
        except StoreError as error:
            log.info("the view of %s was not saved: %s", request, error)

    async def export_decisions(self, command: ExportDecisions) -> DecisionExport | Refusal:
        """Note in the audit log that a person exports decisions, and return which of them they may read."""
        return await self.transact_with_directory(
            lambda tx, resolved: export_decisions.export_decisions(self.context, tx, command, resolved), required=False
        )

    async def cancel(self, command: Cancel) -> Done | Refusal:
        """End a run. Its open request is closed at once; a running step finishes and is the last one."""
        cancellation = self.transact_with_directory(
            lambda tx, resolved: cancel.cancel(self.context, tx, command, resolved), required=False
        )
        return await or_contested(cancellation, "run")

    async def resume(self, command: Resume) -> Done | Refusal:
        """Answer for a step of unknown outcome. Raises `ChannelError` if the next approvers cannot be looked up."""
        resumption = self.transact_with_directory(
            lambda tx, resolved: resume.resume(self.context, tx, command, resolved)
        )
        return await or_contested(resumption, "run")

    async def report_incident(self, command: ReportIncident) -> IncidentNoted | Refusal:
        """Say that something is wrong with what a run did. Everything like it is reviewed again at once."""
        report = self.transact_with_directory(
            lambda tx, resolved: autonomy.report_incident(self.context, tx, command, resolved), required=False
        )
        return await or_contested(report, "run")

    async def tighten(self, command: TightenPlan) -> PlanTightened | Refusal:
        """Let everything be reviewed again that a sampling plan counts."""
        return await self.transact_with_directory(
            lambda tx, resolved: autonomy.tighten(self.context, tx, command, resolved), required=False
        )

    async def open_gate_change(self, command: OpenGateChange, now: datetime) -> GateChangeOpened | Refusal:
        """Ask people for a change of a gate that insights recommend now."""
        query = InsightQuery(workflow=command.workflow, weeks=command.weeks)
        counted = await self.insights(query, now, workspace=command.workspace)
        opening = self.transact_with_directory(
            lambda tx, resolved: gate_changes.open_change(self.context, tx, command, counted, resolved)
        )
        return await or_contested(opening, "run")

    async def try_again(self, command: TryAgain) -> Done | Refusal:
        """Continue a run that failed. Raises `ChannelError` if the approvers of its step cannot be looked up."""
        attempt = self.transact_with_directory(
            lambda tx, resolved: try_again.try_again(self.context, tx, command, resolved)
        )
        return await or_contested(attempt, "run")

    async def retry_delivery(self, command: RetryDelivery) -> Done | Refusal:
        """Send a copy at once that could not be delivered, or that waits for its next attempt."""
        attempt = self.transact_with_directory(
            lambda tx, resolved: retry_delivery.retry_delivery(self.context, tx, command, resolved), required=False
        )
        return await or_contested(attempt, "run")

    async def answer(self, command: AnswerAttention) -> Done | Refusal:
        """Answer for a step of unknown outcome as the person of a link or a remembered browser.

        Returns `NeedsCode` if there is only a link. Raises `ChannelError` as `resume` does.
        """
        answer = self.transact_with_directory(
            lambda tx, resolved: answer_attention.answer(self.context, tx, command, resolved)
        )
        return await or_contested(answer, "run")

    async def attention(self, run: str) -> AttentionView | NotWaiting | NotFound:
        """Return the question of a run to its owner: the call of unknown outcome, and the fields of its output."""
        return await self.transact(lambda tx: resume.attention(self.context, tx, run))

    async def close_account(self, command: CloseAccount) -> None:
        """Exclude the person of a deactivated account from every request that waits for them."""
        last: str | None = ""
        while last is not None:
            unit = partial(closed_account.exclude_some, self.context, command=command, after=last)
            last = await self.transact(unit)
        await self.transact(lambda tx: closed_account.tell_admins(self.context, tx, command))

    async def return_address(self, command: ReturnAddress) -> AddressReturned | Refusal:
        """Give an address back to the person who had it before."""
        return await self.transact_with_directory(
            lambda tx, resolved: return_address.give_back(self.context, tx, command, resolved), required=False
        )

    async def erase(self, command: Erase) -> Erased | Refusal:
        """Erase the contents of a run that has ended. The audit chain stays; an entry says who did it and why."""
        return await self.transact_with_directory(
            lambda tx, resolved: erase.erase(self.context, tx, command, resolved), required=False
        )

    async def authenticate(self, text: str) -> ApiPrincipal | ApiKeyRefused:
        """Return the program that calls with the text of an API key, or why it is not accepted."""
        return await self.authentication.authenticate(text)

    async def count_insights(self, *, anew: bool = False, workspace: str = DEFAULT_WORKSPACE) -> bool:
        """Count for insights what is not counted yet, or everything anew. Return whether that is done.

        Otherwise the process that follows the log goes on with it.
        """
        if anew:
            await self.store.transact(lambda tx: log_followers.begin_anew(tx, workspace))
        for _ in range(_REBUILT_AT_ONCE):
            if not await self.store.transact(lambda tx: log_followers.follow_log(tx, workspace)):
                return True
        return False

    async def process_due(self, request: str) -> None:
        """Process the first due deadline of a request, or what else is due by the clock, such as a schedule."""
        if request.startswith(trigger_rows.WORK):
            await self._fire(request.removeprefix(trigger_rows.WORK))
            return
        if request.startswith(attachments.WORK):
            await self.files.remove_due(request.removeprefix(attachments.WORK))
            return
        await self.transact_with_directory(
            lambda tx, resolved: process_due.process_due(self.context, tx, request, resolved), required=False
        )
