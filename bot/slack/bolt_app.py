"""The Bolt app: binds handlers to actions, views, commands and events, and answers their errors."""

from __future__ import annotations

import logging
import re
from typing import Any, Final

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.log import RETRY_SECONDS, is_busy, report_incident
from bot.slack import ids, message_view, payloads, replies, request_modals
from bot.slack.absence_handlers import AbsenceHandlers
from bot.slack.action_handlers import ActionHandlers
from bot.slack.command_handlers import CommandHandlers
from bot.slack.context import SlackContext
from bot.slack.edit_handlers import EditHandlers
from bot.slack.event_handlers import EventHandlers
from bot.slack.gallery_handlers import GalleryHandlers
from bot.slack.home_handlers import HomeHandlers
from bot.slack.kept_answers import KeptAnswers
from bot.slack.message_handlers import MessageHandlers
from bot.slack.payloads import Submission
from bot.slack.preferences_handlers import PreferencesHandlers
from bot.slack.question_handlers import QuestionHandlers
from bot.slack.rating_handlers import RatingHandlers
from bot.slack.reaction_handlers import ReactionHandlers
from bot.slack.registration_handlers import RegistrationHandlers
from bot.slack.retry_handlers import RetryHandlers
from bot.slack.secret_handlers import SecretHandlers
from bot.slack.submission_handlers import SubmissionHandlers
from bot.slack.succession_handlers import SuccessionHandlers
from bot.slack.trial_handlers import TrialHandlers
from bot.slack.undo_handlers import UndoHandlers
from bot.slack.version_handlers import VersionHandlers
from engine.errors import ChannelError, StoreError

COMMAND: Final = "/signoff"
EVENTS: Final = (
    *("app_home_opened", "app_uninstalled"),
    *("message.channels", "message.groups", "message.im"),
    *("reaction_added", "tokens_revoked", "user_change"),
)
HANDLED_EVENTS: Final = frozenset(event.partition(".")[0] for event in EVENTS)
SHORTCUTS: Final = frozenset({ids.MESSAGE_SHORTCUT})
"""Callback ids of the entries in Slack's menus."""
_ANY: Final = re.compile("")

log = logging.getLogger(__name__)


def build_bolt_app(context: SlackContext, *, api_url: str) -> AsyncApp:
    """Build the app. Signatures are checked before a delivery gets here; the engine checks the rights of people."""
    app = AsyncApp(
        name="signoff",
        logger=logging.getLogger("slack_bolt"),
        client=AsyncWebClient(base_url=api_url),
        authorize=_authorize,
        # A handler has committed and acknowledged when it returns. Later work is in `context.later`, which is awaited
        # at the end, because Bolt would keep no reference to it.
        process_before_response=True,
        request_verification_enabled=False,
        ignoring_self_events_enabled=False,
        ignoring_self_assistant_message_events_enabled=False,
        attaching_function_token_enabled=False,
        attaching_conversation_kwargs_enabled=False,
    )
    # Before the handlers of all that is unknown.
    _questions(app, QuestionHandlers(context))
    _home(app, HomeHandlers(context))
    succession = SuccessionHandlers(context)
    app.action(ids.HAND_ON)(succession.open)
    app.view(ids.SUCCESSION_MODAL)(succession.submitted)
    _after_decisions(app, context)
    app.action(ids.RUN_RETRY)(RetryHandlers(context).clicked)
    messages = MessageHandlers(context)
    app.message_shortcut(ids.MESSAGE_SHORTCUT)(messages.shortcut)
    app.view(ids.CHOICE_MODAL)(messages.chosen)
    app.action(ids.MESSAGE_FORM)(messages.form)
    app.view(ids.REGISTER_MODAL)(RegistrationHandlers(context).register)
    _building(app, context)
    app.view(ids.AWAY_MODAL)(AbsenceHandlers(context).submitted)
    _secrets(app, SecretHandlers(context))
    preferences = PreferencesHandlers(context)
    app.action(ids.PREFERENCES)(preferences.clicked)
    app.view(ids.PREFERENCES_MODAL)(preferences.submitted)
    _commands(app, CommandHandlers(context))
    _actions(app, ActionHandlers(context))
    _views(app, SubmissionHandlers(context))
    events = EventHandlers(context)
    app.event("app_home_opened")(events.home_opened)
    app.event("message")(events.written)
    app.event("reaction_added")(ReactionHandlers(context).reacted)
    app.event("app_uninstalled")(events.removed)
    app.event("tokens_revoked")(events.revoked)
    app.event("user_change")(events.account_changed)
    app.error(_Errors(context).answer)
    return app


async def _authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
    """Authorize every delivery: there is one installation, and a call to Slack would take too long."""
    return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token="xoxb-not-used-here")  # noqa: S106


def _actions(app: AsyncApp, actions: ActionHandlers) -> None:
    for name, handler in {
        ids.APPROVE: actions.approve,
        ids.EDIT: actions.edit,
        ids.REVISE: actions.revise,
        ids.SKIP: actions.skip,
        ids.REJECT: actions.reject,
        ids.DETAILS: actions.details,
        ids.RUN_DETAILS: actions.run_details,
        ids.PREVIOUS_PAGE: actions.page,
        ids.NEXT_PAGE: actions.page,
        ids.RUN_CANCEL: actions.cancel,
        ids.RUN_DONE: actions.resume,
        ids.RUN_REPEAT: actions.resume,
        ids.RUN_STOP: actions.resume,
        ids.REGISTER_MORE: actions.more,
        ids.REGISTER_UPLOAD: actions.upload,
    }.items():
        app.action(name)(handler)
    app.action(_ANY)(actions.unknown)


def _commands(app: AsyncApp, commands: CommandHandlers) -> None:
    app.command(COMMAND)(commands.command)
    app.action(re.compile(f"^{re.escape(ids.WORKFLOW_RUN)}"))(commands.run_clicked)


def _building(app: AsyncApp, context: SlackContext) -> None:
    gallery = GalleryHandlers(context)
    app.action(ids.NEW_WORKFLOW)(gallery.begin)
    app.view(ids.NEW_MODAL)(gallery.chosen)
    app.view(ids.ANSWERS_MODAL)(gallery.answered)
    app.view(ids.NEW_CHECK_MODAL)(gallery.checked)
    app.action(ids.NEW_AFRESH)(gallery.afresh)
    app.action(ids.INPUT)(KeptAnswers(context).typed)
    edits = EditHandlers(context)
    app.view(ids.CHANGE_MODAL)(edits.chosen)
    app.view(ids.STEP_MODAL)(edits.step_entered)
    app.view(ids.CHANGE_CHECK_MODAL)(edits.checked)
    app.view(ids.FILE_MODAL)(edits.file_entered)
    app.action(ids.EDIT_AFRESH)(edits.afresh)
    app.action(ids.WHOLE_FILE)(edits.whole_file)
    versions = VersionHandlers(context)
    app.action(ids.WORKFLOW_STATE)(versions.state_clicked)
    app.action(ids.WORKFLOW_BACK)(versions.back_clicked)
    trials = TrialHandlers(context)
    app.action(ids.TRY_FORM)(trials.open)
    app.view(ids.TRY_MODAL)(trials.submitted)


def _questions(app: AsyncApp, questions: QuestionHandlers) -> None:
    app.action(ids.ASK)(questions.ask)
    app.action(ids.ANSWER)(questions.answer)
    app.view(ids.ASK_MODAL)(questions.asked)
    app.view(ids.ANSWER_MODAL)(questions.answered)


def _after_decisions(app: AsyncApp, context: SlackContext) -> None:
    rating = RatingHandlers(context)
    app.action(ids.RATE)(rating.open)
    app.view(ids.RATING_MODAL)(rating.submitted)
    app.action(ids.UNDO)(UndoHandlers(context).clicked)


def _secrets(app: AsyncApp, secrets: SecretHandlers) -> None:
    app.action(ids.SECRET_SET)(secrets.open)
    app.action(ids.SECRET_DELETE)(secrets.delete)
    app.view(ids.SECRET_MODAL)(secrets.submitted)


def _home(app: AsyncApp, home: HomeHandlers) -> None:
    app.action(re.compile(f"^{re.escape(ids.HOME_GO)}"))(home.go)
    app.action(ids.HOME_FILTER)(home.filter)
    app.action(ids.HOME_SEVERAL)(home.several)
    app.action(ids.HOME_AWAY)(home.away)
    app.action(ids.HOME_BACK)(home.back)
    app.view(ids.FILTER_MODAL)(home.filtered)
    app.view(ids.SEVERAL_MODAL)(home.decided)


def _views(app: AsyncApp, views: SubmissionHandlers) -> None:
    for name, handler in {
        ids.EDIT_MODAL: views.edited,
        ids.REVISE_MODAL: views.asked_for_changes,
        ids.SKIP_MODAL: views.skipped,
        ids.REJECT_MODAL: views.rejected,
        ids.APPROVE_MODAL: views.approved,
        ids.CONFIRM_MODAL: views.confirmed,
        ids.RUN_MODAL: views.run,
        ids.RESUME_MODAL: views.resumed,
    }.items():
        app.view(name)(handler)
    app.view(_ANY)(views.unknown)


class _Errors:
    """Answers an exception of a handler with a sentence, and an incident number that is in the log too."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    async def answer(self, error: Exception, body: Any) -> BoltResponse:
        """Log the error and notify the person, who may try again: a decision is either committed or not."""
        sentence = str(error) if isinstance(error, ChannelError) else report_incident(error)
        if body.get("type") == "view_submission":
            inputs = Submission.of(body).view.labels if is_busy(error) else {}
            # What was typed stays in the form, to be sent again.
            kept = replies.errors(dict.fromkeys(list(inputs)[:1], sentence)) if inputs else None
            return _json(kept or replies.update(request_modals.sentence(sentence)))
        if isinstance(body.get("command"), str):
            return _json(replies.acknowledged(message_view.sentence(sentence)))
        by, url = payloads.actor_of(body), body.get("response_url")
        if by.user and body.get("type") != "event_callback":
            self._context.after(by, None, self._context.replies.tell(by, sentence, response_url=url))
        # A decision that was not saved must not look saved, even if the person can no longer be notified.
        if is_busy(error):
            return BoltResponse(status=503, body="", headers={"Retry-After": str(RETRY_SECONDS)})
        return BoltResponse(status=500 if isinstance(error, StoreError) else 200, body="")


def _json(body: dict[str, Any]) -> BoltResponse:
    return BoltResponse(status=200, body=body)
