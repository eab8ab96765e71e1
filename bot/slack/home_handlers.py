"""Handlers of App Home: its parts and pages, its filter, absences, and deciding several requests together."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Final

from bot.presentation import absences, batch_results, questions, refusals
from bot.slack import absence_modal, home_content, home_filter_modal, home_tab, ids, replies, several_modal, view_state
from bot.slack.context import SlackContext
from bot.slack.ids import HomeRef, ModalRef, Ref
from bot.slack.payloads import Actor, Click, Submission
from bot.slack.service import decision
from bot.slack.text_objects import View
from engine.domain import Back, Decide, ReasonRequired, Refusal, Verdict
from engine.off_loop import off_loop
from engine.read_models import RequestView
from engine.requests.decision import why_alone

_NONE_PICKED: Final = "Choose at least one request."
_NO_VERDICT: Final = "Choose whether to approve or to reject."


class HomeHandlers:
    """The handlers. Decisions are committed before they are acknowledged."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    # -- parts, pages and the filter --

    async def go(self, ack: Any, body: Any) -> None:
        """Show another part or page."""
        click = Click.of(body)
        await ack()
        self._after(click.by, home_tab.publish(self._context, click.by.user, _shown(click)))

    async def filter(self, ack: Any, body: Any) -> None:
        """Open the form for the filter."""
        click = Click.of(body)
        await ack()
        self._open(click, self._filter_form(click))

    async def _filter_form(self, click: Click) -> View:
        return home_filter_modal.filter_form(
            _shown(click), await home_content.workflows(self._context.service, click.by)
        )

    async def filtered(self, ack: Any, body: Any) -> None:
        """Show what the filter wants."""
        sent = Submission.of(body)
        workflows = await home_content.workflows(self._context.service, sent.by)
        shown = home_filter_modal.read_filter(sent.view.values, sent.view.home or HomeRef(), workflows)
        if wrong := home_filter_modal.mistakes(shown):
            await ack(**replies.errors(wrong))
            return
        await ack(**replies.CLEAR)
        self._after(sent.by, home_tab.publish(self._context, sent.by.user, shown))

    # -- absences --

    async def away(self, ack: Any, body: Any) -> None:
        """Open the form for an absence."""
        click = Click.of(body)
        await ack()

        async def form() -> View:
            return absence_modal.away_form(metadata=ModalRef(home=_shown(click)))

        self._open(click, form())

    async def back(self, ack: Any, body: Any) -> None:
        """Say that the person is back."""
        click = Click.of(body)
        answer = await self._context.service.engine.set_back(Back(actor=click.by.address, origin=click.by.origin()))
        await ack()
        said = refusals.phrase(answer) if isinstance(answer, Refusal) else absences.set_back(answer)
        publishing = home_tab.publish(self._context, click.by.user, _shown(click), notice=said)
        self._after(click.by, publishing, recorded=not isinstance(answer, Refusal))

    # -- several requests --

    async def several(self, ack: Any, body: Any) -> None:
        """Open the form to decide several requests."""
        click = Click.of(body)
        await ack()
        self._open(click, self._several_form(click))

    async def _several_form(self, click: Click) -> View:
        shown = _shown(click).first
        person, views = await home_content.together(self._context.service, click.by, shown)
        if person is None:
            raise AssertionError("the button is shown to people with requests")
        offered = [view for view in views if home_content.can_decide_together(view, person)]
        alone = [view for view in views if why_alone(view.model) is not None]
        return await off_loop(lambda: several_modal.several_form(offered, alone, person, shown))

    async def decided(self, ack: Any, body: Any) -> None:
        """Decide what was chosen, each by itself and on the content that the form showed."""
        sent = Submission.of(body)
        picked, verdict = several_modal.read_picked(sent.view.values), several_modal.read_verdict(sent.view.values)
        if not picked or verdict is None:
            first = next(iter(sent.view.values), several_modal.VERDICT)
            under, sentence = (several_modal.VERDICT, _NO_VERDICT) if picked else (first, _NONE_PICKED)
            await ack(**replies.errors({under: sentence}))
            return
        reason, views = view_state.read_reason(sent.view.values), await self._views(picked)
        if not reason and (needing := [view for view in views.values() if _needs_reason(view, verdict)]):
            await ack(**replies.errors({ids.REASON_BLOCK: _reason_missing(needing)}))
            return
        commands = [decision(sent.by, ref, verdict, reason=reason) for ref in picked if ref.request in views]
        result = await self._decide(commands, views, verdict)
        await ack(**replies.update(several_modal.result_view(result, sent.view.home)))
        self._after(sent.by, self._tell(sent, picked, result.headline), recorded=bool(result.decided))

    async def _views(self, picked: Sequence[Ref]) -> dict[str, RequestView]:
        views = [await self._context.service.engine.request(ref.request) for ref in picked]
        return {view.id: view for view in views if view is not None}

    async def _decide(
        self, commands: Sequence[Decide], views: dict[str, RequestView], verdict: Verdict
    ) -> batch_results.BatchResult:
        answers = await self._context.service.engine.decide_together(commands)
        return batch_results.result(verdict, [views[command.request] for command in commands], answers)

    async def _tell(self, sent: Submission, picked: Sequence[Ref], headline: str) -> None:
        """Show the result in the tab, and mark the tabs of others."""
        for ref in picked:
            await home_tab.mark(self._context, ref.request)
        await home_tab.publish(self._context, sent.by.user, sent.view.home, notice=headline)

    # -- all of them --

    def _open(self, click: Click, making: Coroutine[Any, Any, View]) -> None:
        self._after(click.by, self._context.replies.open_when_ready(click, making, metadata=ModalRef()))

    def _after(self, by: Actor, work: Coroutine[Any, Any, None], *, recorded: bool = False) -> None:
        self._context.after(by, None, work, recorded=recorded)


def _shown(click: Click) -> HomeRef:
    """Return what a button of the tab shows; that of an older version shows the first page."""
    return ids.decode_home(click.value) or HomeRef()


def _needs_reason(view: RequestView, verdict: Verdict) -> bool:
    required = view.model.reason_required
    return required is ReasonRequired.ALWAYS or (required is ReasonRequired.REJECT and verdict is Verdict.REJECT)


def _reason_missing(views: Sequence[RequestView]) -> str:
    first = questions.of_request(views[0])
    more = f" and {len(views) - 1:,} more" if len(views) > 1 else ""
    return f"Nothing was decided yet. A reason is needed for “{first}”{more}."
