"""What people read before they open the details has no technical word, on any surface, in any state.

One table holds the samples, by surface and state. Tests compare its states with those of the engine, so that a new one
is missing here until it has a sample. The pages are in test_page_words.py.
"""

from __future__ import annotations

import importlib
import inspect
import io
import itertools
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec import structs
from rich.console import Console

import bot.slack
import engine
from bot import gallery, template_files
from bot.email import message
from bot.presentation import alert_card, batch_results, identity_refusals, refusals, states
from bot.presentation import card as cards
from bot.presentation.story import SENTENCES as STORY
from bot.presentation.story import Names, sentence_of
from bot.slack import (
    absence_modal,
    command_messages,
    confirmation_modals,
    details_modal,
    edit_modal,
    gallery_modal,
    home_filter_modal,
    home_rows,
    home_view,
    message_modals,
    message_view,
    notification_text,
    preferences_modal,
    question_modals,
    rating_blocks,
    register_modal,
    request_modals,
    resume_modal,
    secrets_view,
    sentences,
    several_modal,
    start_modal,
    succession_modal,
    thread_replies,
    trial_message,
    version_messages,
)
from bot.slack.ids import HomeRef, MessageRef, ModalRef
from bot.slack.list_rows import RunList
from bot.slack.message_source import SourceMessage
from bot.slack.request_modals import Entered
from bot.slack.step_edits import StepForm
from bot.terminal.view import render_card
from engine.code_delivery import CodeDelivery
from engine.domain import (
    Address,
    Approver,
    Assurance,
    Card,
    CodeSent,
    Decide,
    Decided,
    DeliveryKind,
    Digest,
    Expired,
    NotFound,
    Offer,
    Origin,
    Params,
    Person,
    Preferences,
    PreferencesSet,
    Purpose,
    QuestionRule,
    Refusal,
    Registered,
    RequestState,
    Resume,
    ResumeAnswer,
    ReviewPoint,
    RunStatus,
    StepStatus,
    Verdict,
)
from engine.domain.secret_commands import SecretView
from engine.domain.workflow_commands import WorkflowState
from engine.fields import forms
from engine.inbox import InboxPart
from engine.json_values import Value
from engine.notices import OwnerNotice, TriggerNotice
from engine.read_models import (
    AttentionView,
    DecisionView,
    DeliveryContent,
    RequestView,
    RunView,
    StepEffect,
    StepView,
    WorkflowView,
)
from engine.requests import Edit, Editable, Policy, Question, Separation, Undoing
from engine.requests.questions import answer_topic, question_topic
from engine.runs.sample_inputs import sample_inputs
from engine.steps.registry import all_step_types, builtin
from engine.story_entries import StoryEntry
from engine.version_views import VersionView
from engine.workflowfile import Workflow, load
from engine.workflowfile.expected_output import ExpectedOutput
from tests.support import home_samples, html_forms, samples, words
from tests.support.copies import replace_fields
from tests.support.email_env import envelope, html_of, text_of
from tests.unit.bot.presentation.test_refusals import SENTENCES, refusals_of_the_engine

RUN, REQUEST = "05n7nzcm09tatzhjt", "05n7nzcm0gzmdwgjg"
TOPICS: Final = (
    *(
        "needs_attention",
        "stuck",
        "cancelled",
        "expired",
        "failed",
        "unseen",
        "unreachable",
        "broken",
    ),
    *("callback_gone", "callback_undelivered"),
    *("short", "absent", "voided", "unposted", "undelivered", "excluded", "approved_failed", "approved_unknown"),
)
ORIGIN: Final = Origin(surface="slack")
SAM: Final = Address("email", "sam@example.com")
HTTP: Final[Mapping[str, Any]] = {
    "method": "POST",
    "url": "https://payments.example.com/refunds",
    "json": {
        "order_id": "A-1007",
        "amount": 120,
        "due": "2026-03-09",
        "at": "2026-03-09T10:00:00Z",
        "tags": ["a", "b"],
    },
}
PATHS: Final = (("json", "amount"), ("json", "due"), ("json", "at"))
EDITED: Final = (
    Edit(("json", "amount"), "json.amount", 120, 99),
    Edit(("json", "due"), "json.due", "2026-03-09", "2026-03-10"),
)


# -- requests -----------------------------------------------------------------------------------------------


def plain(**changes: Any) -> RequestView:
    amount: Value = {"amount": "120.00", "currency": "EUR"}
    return samples.request({"amount": ({"type": "money", "label": "Amount"}, amount)}, **changes)


def http(**changes: Any) -> RequestView:
    """Return a request about a call, whose values have paths and no labels."""
    places = zip(PATHS, ("integer", "date", "datetime"), strict=True)
    editable = tuple(Editable(path, samples.parse_field(kind)) for path, kind in places)
    technical = frozenset({"method", "url"})
    return samples.request({}, content=Params(dict(HTTP)), editable=editable, technical=technical, **changes)


def filled_in(**changes: Any) -> RequestView:
    """Return a request to fill in a form."""
    view = samples.request({"cost_center": ("text", None), "start_date": ("date", None)}, **changes)
    subject = replace_fields(view.model.subject, uses="form")
    return replace(view, model=replace_fields(view.model, subject=subject))


def failed(**changes: Any) -> RequestView:
    """Return a request about a call that failed."""
    view = http(**{**changes, "reason": "The bank did not answer."})
    subject = replace_fields(view.model.subject, at=ReviewPoint.FAILED)
    title = "Pay refund failed. Try again, skip it, or stop the run?"
    model = replace_fields(view.model, subject=subject)
    return replace(view, model=model, title=title, approve_label="Try again", reject_label="Stop")


VARIANTS: Final[Mapping[str, Callable[..., RequestView]]] = {
    "plain": plain,
    "http": http,
    "form": filled_in,
    "failed": failed,
}


def request_of(state: RequestState, variant: str = "plain", *, edited: bool = False, **changes: Any) -> RequestView:
    closed = {} if state is RequestState.PENDING else {"closed_at": samples.NOW}
    decision = None
    decided = (RequestState.APPROVED, RequestState.SKIPPED, RequestState.REJECTED, RequestState.UNDONE)
    if state in decided:
        decision = DecisionView(
            id="05n7nzcm0decision",
            person=samples.PERSON,
            verdict="Pay it",
            reason="As agreed.",
            edits=EDITED if edited else (),
            assurance="slack",
            decided_at=samples.NOW,
        )
    view = VARIANTS[variant](
        id=REQUEST,
        state=state,
        decision=decision,
        reason="Over 100 EUR.",
        show=(("Spent on", "2026-03-02"),),
        unreached=((samples.PERSON, "the account is deactivated"),),
        **closed,
        **changes,
    )
    undone = Undoing(samples.LEE, samples.NOW) if state is RequestState.UNDONE else None
    return replace(view, run=RUN, model=replace_fields(view.model, undone=undone))


def held(variant: str, at: ReviewPoint) -> RequestView:
    """Return an approved request whose approval can still be undone."""
    view = request_of(RequestState.APPROVED, variant)
    subject = replace_fields(view.model.subject, at=at)
    return replace(view, is_held=True, model=replace_fields(view.model, hold=timedelta(minutes=10), subject=subject))


PENDING: Final = {variant: request_of(RequestState.PENDING, variant) for variant in VARIANTS}


COUNTED: Final[Mapping[str, RequestView]] = {
    "quorum": samples.counted(samples.QUORUM),
    "quorum with one approval": samples.counted(samples.QUORUM, samples.LEE),
    "quorum without enough people": samples.counted(
        samples.QUORUM, samples.LEE, approvers=(Approver(samples.LEE, "approver"),)
    ),
    "all with two approvals": samples.counted(samples.ALL, samples.LEE, samples.KIM),
    "chain": samples.counted(samples.CHAIN),
    "chain in its second group": samples.counted(samples.CHAIN, samples.LEE),
    "changed": samples.counted(samples.QUORUM, samples.KIM, changed_by=samples.KIM),
    "changed by one who may not approve it": samples.counted(
        Policy(), changed_by=samples.KIM, separation=Separation(editor=True)
    ),
    "handed on": samples.counted(samples.QUORUM, approvers=(Approver(samples.LEE, "approver", handed_to="Mia"),)),
}
"""Requests that several people have to approve, with how far they are."""


# -- copies -------------------------------------------------------------------------------------------------


def _effects_with_times(run: RunView) -> Iterator[tuple[str, DeliveryContent]]:
    """Yield copies about a step that worked at once, and about one that worked on another try."""
    for effect in (
        StepEffect(StepStatus.SUCCEEDED, ended_at=samples.NOW),
        StepEffect(StepStatus.FAILED, "The bank said no.", samples.NOW, worked_at=samples.NOW),
    ):
        request = request_of(RequestState.APPROVED, "http", effect=effect)
        yield f"ended {effect.status}", _content(DeliveryKind.REQUEST, None, run, request)
        yield f"alert ended {effect.status}", _content(DeliveryKind.ALERT, "approved_failed", run, request)


def _held_copies(run: RunView) -> Iterator[tuple[str, DeliveryContent]]:
    """Yield copies of requests whose approval can be undone, and of one that asks again after an undo."""
    for variant, at in itertools.product(("plain", "http"), ReviewPoint):
        yield f"held {variant} {at}", _content(DeliveryKind.REQUEST, None, run, held(variant, at))
    again = replace(PENDING["plain"], asked_again=Undoing(samples.LEE, samples.NOW))
    yield "asked again", _content(DeliveryKind.REQUEST, None, run, again)


def contents() -> Iterator[tuple[str, DeliveryContent | CodeDelivery | TriggerNotice | OwnerNotice]]:
    """Yield the content of a copy of each kind in each state."""
    waiting = samples.run(id=RUN, status=RunStatus.WAITING)
    for state in RequestState:
        for variant in VARIANTS:
            request = request_of(state, variant)
            yield f"request {state} {variant}", _content(DeliveryKind.REQUEST, None, waiting, request)
            yield f"reminder {state} {variant}", _content(DeliveryKind.REMINDER, None, waiting, request)
    several = tuple(PENDING.values())
    yield "reminder of several", replace(_content(DeliveryKind.REMINDER, None, waiting, several[0]), waiting=several)
    yield from _counted_copies()
    for ended_as, error in itertools.product(StepStatus, (None, "The bank said no.")):
        request = request_of(RequestState.APPROVED, "http", edited=True, effect=StepEffect(ended_as, error))
        yield f"edited {ended_as} {error}", _content(DeliveryKind.REQUEST, None, waiting, request)
    yield from _effects_with_times(waiting)
    yield from _held_copies(waiting)
    for topic in TOPICS:
        status = RunStatus(topic) if topic in {*RunStatus} else RunStatus.WAITING
        alert = samples.run(id=RUN, status=status, error="The bank said no.")
        for about in (None, *(request_of(state, "http") for state in RequestState)):
            of = about.model.state.value if about else "no request"
            yield f"alert {topic} {of}", _content(DeliveryKind.ALERT, topic, alert, about)
    yield from _notices()
    yield from _questions(waiting)
    for status in RunStatus:
        ended = samples.run(id=RUN, status=status)
        for last in (None, *(request_of(state, "http") for state in RequestState)):
            of = last.model.state.value if last else "no request"
            yield f"outcome {status} {of}", _content(DeliveryKind.OUTCOME, None, ended, last)
    for purpose in Purpose:
        for number, code in enumerate(codes(purpose)):
            yield f"code {purpose} {number}", code


def _notices() -> Iterator[tuple[str, TriggerNotice | OwnerNotice]]:
    """Yield messages about a trigger that started no run or works again, and about owners who left."""
    for why in ("Day is not a date", None):
        notice = TriggerNotice(
            delivery="d1", person=samples.PERSON, kind="schedule", name="weekly", title="Weekly report", failure=why
        )
        yield f"notice {why}", notice
    for left_at in (samples.NOW, None):
        left = OwnerNotice(
            delivery="d1", person=samples.PERSON, name="weekly", title="Weekly report", owner="Dana", left_at=left_at
        )
        yield f"notice owner {left_at}", left


def _questions(waiting: Any) -> Iterator[tuple[str, DeliveryContent]]:
    """Yield the copies with a question, and the messages about it."""
    for (name, question), state in itertools.product(QUESTIONS.items(), RequestState):
        asked = request_of(state, "http")
        model = structs.replace(asked.model, question_rule=QuestionRule.PAUSE, questions=(question,))
        about = replace(asked, model=model)
        yield f"request {state} question {name}", _content(DeliveryKind.REQUEST, None, waiting, about)
        for topic in (question_topic(question.id), answer_topic(question.id)):
            yield f"{topic} {state} {name}", _content(DeliveryKind.ALERT, topic, waiting, about)


QUESTION: Final = Question(
    id="05n7nzcm0question",
    asked_by=Person(id="p8", name="Dana"),
    asked_to=Person(id="p9", name="Cleo"),
    text="Which cost centre?",
    asked_at=samples.NOW,
)
QUESTIONS: Final = {
    "open": QUESTION,
    "answered": structs.replace(QUESTION, answer="4711", answered_by=QUESTION.asked_to, answered_at=samples.NOW),
}


def _counted_copies() -> Iterator[tuple[str, DeliveryContent]]:
    waiting = samples.run(id=RUN, status=RunStatus.WAITING)
    for name, request in COUNTED.items():
        for reader in (samples.PERSON, samples.LEE, samples.KIM, samples.MIA):
            copy = replace(_content(DeliveryKind.REQUEST, None, waiting, request), person=reader)
            yield f"counted {name} for {reader.name}", copy
            yield f"voided {name} for {reader.name}", replace(copy, kind=DeliveryKind.ALERT, topic="voided")


def _content(kind: DeliveryKind, topic: str | None, run: Any, request: RequestView | None) -> DeliveryContent:
    return DeliveryContent(
        delivery="05n7nzcm0d31very0", kind=kind, topic=topic, person=samples.PERSON, run=run, request=request
    )


def codes(purpose: Purpose) -> Iterator[CodeDelivery]:
    """Yield the emails with a code for this purpose: each verdict, with and without edits, and each answer."""
    if purpose is Purpose.SIGN_IN:
        yield _code()
    elif purpose is Purpose.DECIDE:
        edited = {"json.amount": 99, "json.due": "2026-03-10"}
        for variant, edits in (("http", edited), ("plain", {}), ("form", {}), ("failed", edited)):
            for verdict in Verdict:
                decision = _decide(verdict, edits if verdict is Verdict.APPROVE else {})
                yield _code(request=PENDING[variant], decision=decision)
    elif purpose is Purpose.ANSWER:
        for answer in ResumeAnswer:
            resume = Resume(run=RUN, answer=answer, actor=SAM, origin=ORIGIN, step="pay_refund", visit=1, attempt=1)
            yield _code(run=samples.run(id=RUN), answer=resume, shown_values=(("Receipt", "R-1"),))


def _code(**changes: Any) -> CodeDelivery:
    code = CodeDelivery(
        delivery="05n7nzcm0d31very0",
        person=samples.PERSON,
        challenge="05n7nzcm0challenge",
        until=samples.NOW,
        wanted=True,
        digits=8,
        label="Firefox",
        reference="ABCD",
    )
    return replace(code, **changes)


def _decide(verdict: Verdict, edits: Mapping[str, Any]) -> Decide:
    return Decide(
        request=REQUEST,
        verdict=verdict,
        actor=SAM,
        content_version=1,
        digest=samples.DIGEST,
        origin=ORIGIN,
        assurance=Assurance.CODE,
        edits=edits,
        reason="As agreed.",
    )


# -- texts of a card ----------------------------------------------------------------------------------------


def in_email(card: Card) -> str:
    with_code = replace(card, code="36336366") if card.kind is DeliveryKind.CODE else card
    email = message.mail(with_code, envelope())
    text = _without_link(text_of(email))
    return f"{email['Subject']}\n{re.split(r'(?m)^ *(?:Technical )?[Dd]etails', text)[0]}"


def in_html(card: Card) -> str:
    with_code = replace(card, code="36336366") if card.kind is DeliveryKind.CODE else card
    text = _without_link(html_forms.read(html_of(message.mail(with_code, envelope()))).text)
    return re.split(r"(?:Technical details|\bDetails)\b", text)[0]


def _without_link(text: str) -> str:
    """Return a text without what stands in the address of its link, which a person opens and does not read."""
    return re.sub(r"(https?://\S+?/(?:pass-on|review)/)\w+", r"\1…", text)


def in_terminal(card: Card) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(render_card(card))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def in_slack(card: Card) -> str:
    return text_of_blocks(message_view.message(card, delivery="d1").blocks)


def in_notification(card: Card) -> str:
    return f"{_without_tokens(notification_text.of_card(card))}\n{message_view.message(card, delivery='d1').text}"


def text_of_blocks(part: Any) -> str:
    return "\n".join(map(_without_tokens, _texts(part)))


def _without_tokens(text: str) -> str:
    """Return a text without Slack's dates, whose fallback is shown by no client that people use."""
    return re.sub(r"<!date\^[^>]*>", "", text)


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for item in part:
            yield from _texts(item)
    elif isinstance(part, Mapping):
        yield from (part[key] for key in ("text", "alt_text", "accessibility_label") if isinstance(part.get(key), str))
        for value in part.values():
            yield from _texts(value)


SURFACES: Final[Mapping[str, Callable[[Card], str]]] = {
    "email": in_email,
    "email as HTML": in_html,
    "terminal": in_terminal,
    "slack": in_slack,
    "notification": lambda card: _without_tokens(in_notification(card)),
}
CONTENTS: Final = dict(contents())


# -- other views --------------------------------------------------------------------------------------------


DECISION: Final = Decide(
    request="q1",
    verdict=Verdict.APPROVE,
    actor=Address("slack", "U1"),
    content_version=1,
    digest="0" * 64,
    origin=Origin(surface="slack"),
    assurance=Assurance.SLACK,
    edits={"text": "other"},
)
CODE_SENT: Final = CodeSent(challenge="c1", address="ada@example.com", until=samples.NOW, purpose=Purpose.DECIDE)


def pass_on_forms(variant: str, request: RequestView) -> Iterator[tuple[str, str, Any]]:
    for which, places in ("any", [("", ""), ("p1", "Ada")]), ("of one", [("p1", "Ada")]), ("own", [("p9", "Ben")]):
        yield f"pass on, {which}", variant, succession_modal.pass_on(request, places, reader="p9", metadata=ModalRef())


CHOSEN: Final = {
    "nothing": Preferences(),
    "all": Preferences(digest=Digest.COUNT, at=1_110, count=3, quiet_from=1_200, quiet_until=420, quiet_weekends=True),
}


def preferences_forms() -> Iterator[tuple[str, str, Any]]:
    for name, preferences in CHOSEN.items():
        present = PreferencesSet(
            person=samples.PERSON, preferences=preferences, zone="Europe/Berlin", knows_zone=name == "all"
        )
        yield "preferences form", name, preferences_modal.preferences_form(present, metadata=ModalRef())


def secret_views() -> Iterator[tuple[str, str, Any]]:
    at = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    used = SecretView(name="CRM_TOKEN", workflow=None, set_by="Lee", set_at=at, used_at=at)
    own = SecretView(name="BANK", workflow="refund", set_by="Lee", set_at=at)
    for name, listed in {"none": [], "two": [used, own], "many": [used] * 30}.items():
        yield "secrets", name, secrets_view.secrets(listed).blocks
    yield "secret form", "all", secrets_view.secret_form(metadata=ModalRef())


def homes(name: str, requests: Sequence[RequestView]) -> Iterator[tuple[str, str, Any]]:
    """Yield the other parts of App Home, and the result of several decisions."""
    for part in InboxPart:
        for request in requests:
            rows = home_rows.request(request, samples.PERSON, part)
            yield "home row", f"{part} {request.id}", rows
        content = home_samples.content(requests[:12], shown=HomeRef(part=part), has_all=True)
        yield "home part", f"{name} {part}", home_view.home(content)
    run = samples.run(status=RunStatus.NEEDS_ATTENTION, steps=())
    alert = DeliveryContent(
        delivery="", kind=DeliveryKind.ALERT, topic="needs_attention", person=run.owner, run=run, request=None
    )
    yield "step to answer for", name, home_rows.attention(alert_card.alert_card(alert))
    answers: list[Decided | Refusal] = [TOO_LATE for _ in requests]
    for verdict in Verdict:
        result = batch_results.result(verdict, requests, answers)
        yield "result of several", f"{name} {verdict}", several_modal.result_view(result, HomeRef())


def message_views(metadata: ModalRef) -> Iterator[tuple[str, str, Any]]:
    """Yield what people see of a run that a message starts."""
    ref = MessageRef(channel="C1", ts="1.1", author="U1", emoji="eyes", workflow="refund")
    source = SourceMessage(ref=ref, text="Order A-1 arrived broken.")
    offers = [Offer(id="t1", workflow="refund", title="Refunds", position=0, identity="message None")]
    yield "choice", "one", message_modals.choice(offers, source, metadata=metadata)
    yield "choice", "many", message_modals.choice(offers * 120, source, metadata=metadata)
    yield "choice", "none", request_modals.sentence(message_modals.NO_OFFER)
    yield "unfilled", "one", message_modals.unfilled("Refunds", "The order number is missing.", ref).blocks
    above = message_modals.above_form(source, _workflow(), [*_workflow().inputs][:2])
    yield "start form", "with a message", start_modal.run_form(_workflow(), version=1, metadata=metadata, above=above)


def gallery_views(metadata: ModalRef) -> Iterator[tuple[str, str, Any]]:
    """Yield what builders see of the gallery."""
    yield "gallery", "all", gallery_modal.choice(gallery.load(), metadata=metadata)
    for template in gallery.load().templates:
        asked = gallery_modal.inputs(template, free_name=template.name)
        yield "questions", template.name, gallery_modal.questions(template, asked, metadata=metadata)
        workflow = load(template.source, kinds=all_step_types())
        yield "check", template.name, gallery_modal.check(workflow, approvers={}, notes=(), metadata=metadata)


def version_views() -> Iterator[tuple[str, str, Any]]:
    """Yield what builders see of the versions of a workflow."""
    view = _workflow_view()
    version = VersionView(
        workflow="refund",
        version=1,
        source=b"",
        hash="",
        registered_by=samples.PERSON,
        registered_at=samples.NOW,
        is_current=False,
    )
    blocks = version_messages.changes(None, next(iter(_registered_workflows())))
    yield "compared", "all", version_messages.compared("Refunds", 1, 2, blocks).blocks[:1]
    yield "going back", "all", version_messages.going_back(view, 1, blocks).blocks[:1]
    yield "versions", "all", version_messages.versions(view, [version] * 30).blocks
    for state in WorkflowState.DISABLED, WorkflowState.DELETED:
        yield "stop", state, version_messages.stop(view, state).blocks


def edit_views(metadata: ModalRef) -> Iterator[tuple[str, str, Any]]:
    """Yield what builders see when they edit a workflow."""
    workflow = next(each for each in _registered_workflows() if each.name == "refund")
    yield "edit choice", "all", edit_modal.choice(workflow, metadata=metadata)
    asked = StepForm(workflow, None).inputs()
    yield "step form", "itself", edit_modal.step_form("Refund", asked, metadata=metadata)
    changes = version_messages.changes(workflow, workflow)
    yield "change check", "none", edit_modal.check(changes, metadata=metadata)
    for each in _registered_workflows():
        yield "trial", each.name, trial_message.trial(each, samples.NOW, {}).blocks
        yield "trial form", each.name, trial_message.form(each, metadata=metadata)
        yield "trial result", each.name, trial_message.result(each, samples.NOW, {}, sample_inputs(each.inputs))
    yield "whole file", "short", edit_modal.whole_file("A file", metadata=metadata)


def views() -> Iterator[tuple[str, str, Any]]:
    """Yield the surface, the state and the blocks of what Slack shows besides copies."""
    ref = ModalRef()
    for variant, request in PENDING.items():
        yield "edit form", variant, request_modals.edit(request, metadata=ref)
        yield "reject form", variant, request_modals.reject(request, metadata=ref)
        yield "form for changes", variant, request_modals.revise(request, metadata=ref)
        yield "form to skip", variant, request_modals.skip(request, metadata=ref)
        yield "approve form", variant, request_modals.approve(request, metadata=ref)
        yield "code form", variant, confirmation_modals.code_form(request, DECISION, CODE_SENT, metadata=ref)
        yield "sign-in", variant, confirmation_modals.sign_in(request, DECISION, "https://s.example", metadata=ref)
        yield "ask form", variant, question_modals.ask(request, None, metadata=ref)
        yield "rating form", variant, rating_blocks.form(request, None, metadata=ref)
        yield "answer form", variant, question_modals.answer(request, QUESTION, metadata=ref)
        yield "thread", variant, thread_replies.answer(request, Verdict.APPROVE, samples.PERSON).blocks
        yield "thread of others", variant, thread_replies.answer(request, Verdict.REJECT, None).blocks
        yield "away form", variant, absence_modal.away_form(metadata=ref, back_on="2026-03-09")
        yield from pass_on_forms(variant, request)
        yield (
            "filter form",
            variant,
            home_filter_modal.filter_form(HomeRef(part=InboxPart.ALL), [("refund", "Refunds")]),
        )
        yield "several form", variant, several_modal.several_form([request], [], samples.PERSON, HomeRef())
    yield from preferences_forms()
    yield from secret_views()
    for callback in sorted(request_modals.DECIDE):
        again = request_modals.newer(
            COUNTED["changed"], callback, Entered({"subject": "Hi"}, "As agreed."), version=1, metadata=ref
        )
        yield "newer form", callback, again
    yield "modal", "loading", request_modals.loading(metadata=ref)
    runs = RunList(runs=[samples.run(id=f"{RUN}{number}", status=status) for number, status in enumerate(RunStatus)])
    for name, pending, shown in (("full", [*PENDING.values()], runs), ("empty", [], RunList())):
        yield "home", name, home_view.home(home_samples.content(pending[:12], runs=shown))
        yield from homes(name, pending[:20])
        yield "pending", name, command_messages.pending(pending).blocks
        yield "runs", name, command_messages.runs(shown).blocks
    for created in (True, False):
        for variant, asked in {"nothing": None, **PENDING}.items():
            answer = command_messages.started("Refunds", asked, created=created, here=created)
            yield "started", f"{variant} {created}", answer.blocks
    yield "help", "all", command_messages.help_message().blocks
    known = ["Half of the requests were decided within 2 hours."]
    period = "Requests that were opened since Mar 1, 2026."
    yield "insights", "all", command_messages.insights(period, known, page="https://signoff.example/insights").blocks
    yield "start form", "every field", start_modal.run_form(_workflow(), version=1, metadata=ref)
    yield from message_views(ref)
    yield from gallery_views(ref)
    yield from version_views()
    yield from edit_views(ref)
    yield "register form", "paste", register_modal.register_form(metadata=ref)
    yield "register form", "upload", register_modal.upload_form(metadata=ref)
    for workflow in _registered_workflows():
        form = start_modal.run_form(workflow, version=1, metadata=ref)
        yield "start form", workflow.name, form
        newer = start_modal.newer_form(workflow, version=2, metadata=ref, values={}, names={})
        yield "newer start form", workflow.name, newer
        yield "workflow", workflow.name, command_messages.workflow(workflow, version=1, approvers={}).blocks
        for changed, version in ((True, 1), (True, 2), (False, 2)):
            result = Registered(workflow=workflow.name, version=version, changed=changed, warnings=("No secret.",))
            message_shown = command_messages.registered(workflow, result, approvers={})
            yield "registered", f"{workflow.name} {version} {changed}", message_shown.blocks
    yield "workflows", "all", command_messages.workflows([_workflow_view()]).blocks
    for name, refusal in (("plain", NOT_FOUND), ("with a time", TOO_LATE)):
        text = refusals.phrase(refusal)
        yield "sentence", name, message_view.sentence(text).blocks
        yield "sentence form", name, request_modals.sentence(text, metadata=ref)
        yield "titled form", name, request_modals.plain("Not sent", text, metadata=ref)
    for name, expected in _expected():
        yield "answer form", name, resume_modal.resume_form(_attention(expected), metadata=ref)


NOT_FOUND: Final = NotFound(what="workflow", name="refnd", suggestion="refund")
TOO_LATE: Final = Expired(at=samples.NOW)
BUILDING_BLOCKS: Final = {"form_blocks.view", "channel.complete_card", "message_view.minimal"}
"""Functions that only arrange what the others give them."""


def test_every_view_of_slack_has_a_sample() -> None:
    own_text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in sorted(slack_views() - BUILDING_BLOCKS) if f"{name}(" not in own_text] == []


def slack_views() -> set[str]:
    """Return the functions that return a modal, App Home or a message of Slack, by module and name."""
    modules = [importlib.import_module(f"bot.slack.{found.name}") for found in pkgutil.iter_modules(bot.slack.__path__)]
    return {
        f"{module.__name__.rpartition('.')[2]}.{name}"
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and str(function.__annotations__.get("return")) in ("View", "View | None", "SlackMessage")
    }


CONDITIONS: Final = {"check", "workflow", "registered"}
"""Lists of the steps of a file, which quote its conditions for the builder, as code."""


def _without_code(part: Any) -> Any:
    if isinstance(part, list):
        return [_without_code(item) for item in part if not (isinstance(item, dict) and _is_code(item))]
    return {key: _without_code(value) for key, value in part.items()} if isinstance(part, dict) else part


def _is_code(element: Mapping[str, Any]) -> bool:
    return element.get("style") == {"code": True}


def _registered_workflows() -> Iterator[Workflow]:
    """Yield the ready-made workflows."""
    for path in sorted((template_files.folder() / "workflows").glob("*.yaml")):
        yield load(path.read_bytes(), kinds=builtin())


def _workflow_view() -> WorkflowView:
    return WorkflowView(
        name="refund",
        title="Refunds",
        version=1,
        owner=samples.PERSON,
        source=b"",
        hash="h",
        updated_at=samples.NOW,
    )


def _workflow() -> Workflow:
    inputs = {name.replace(" ", "_"): samples.parse_field(field) for name, field in samples.FIELDS.items()}
    return Workflow(name="refund", title="Refund", inputs=inputs, steps=())


def _expected() -> Iterator[tuple[str, ExpectedOutput]]:
    yield "nothing", ExpectedOutput(paths={}, fields={}, required=())
    field = samples.parse_field("text")
    yield (
        "a value",
        ExpectedOutput(paths={"body.id": ("body", "id")}, fields={"body.id": field}, required=(("body", "id"),)),
    )


def _attention(expected: ExpectedOutput) -> AttentionView:
    step = StepView(
        step="pay_refund",
        label="Pay the refund",
        visit=1,
        status=StepStatus.OUTCOME_UNKNOWN,
        attempt=1,
        params=Params(dict(HTTP)),
        output=None,
        error="The line went dead.",
        wakes_at=None,
        started_at=samples.NOW,
        ended_at=None,
    )
    technical = frozenset({"method", "url"})
    return AttentionView(
        run=samples.run(id=RUN), step=step, label="Pay the refund", uses="http", expected=expected, technical=technical
    )


def table() -> Iterator[tuple[str, str, str]]:
    """Yield the surface, the state and the text of everything that people see before they open the details."""
    for name, content in CONTENTS.items():
        card = cards.card(content)
        for surface, text in SURFACES.items():
            if card.kind is not DeliveryKind.CODE or surface.startswith("email"):  # Codes are sent by email only.
                yield surface, name, text(card)
    for surface, name, view in views():
        yield surface, name, text_of_blocks(_without_code(view) if surface in CONDITIONS else view)
    for number, (refusal, sentence) in enumerate(SENTENCES):
        yield "refusal", f"{type(refusal).__name__} {number}", sentence
        yield (
            "slack refusal",
            f"{type(refusal).__name__} {number}",
            text_of_blocks(sentences.block(refusals.phrase(refusal))),
        )


def test_no_surface_shows_a_technical_word_before_the_details() -> None:
    """Read the whole table in one test: rendered while tests are collected, it would delay every run of any test."""
    found = {(surface, name): words.technical(text) for surface, name, text in table()}
    assert len(found) > 1_000
    assert {place: technical for place, technical in found.items() if technical} == {}


def test_the_details_have_no_forbidden_word() -> None:
    shown = {name: cards.card(content) for name, content in CONTENTS.items() if "code" not in name}
    views = {name: details_modal.details(card, metadata=ModalRef()) for name, card in shown.items()}
    found = {name: words.forbidden(text_of_blocks(view)) for name, view in views.items()}
    assert len(found) > 200
    assert {name: forbidden for name, forbidden in found.items() if forbidden} == {}


# -- nothing is left out ------------------------------------------------------------------------------------


def test_every_kind_and_state_of_the_engine_has_a_sample() -> None:
    copies = [content for content in CONTENTS.values() if isinstance(content, DeliveryContent)]
    of_requests = [copy for copy in copies if copy.kind is DeliveryKind.REQUEST and copy.request is not None]
    assert {cards.card(content).kind for content in CONTENTS.values()} | {copy.kind for copy in copies} == {
        *DeliveryKind
    } - {DeliveryKind.CALLBACK}, "programs read callbacks, not people"
    assert {copy.request.model.state for copy in of_requests if copy.request} == {*RequestState}
    assert {copy.run.status for copy in copies if copy.kind is DeliveryKind.OUTCOME} == {*RunStatus}
    assert {copy.request.effect.status for copy in of_requests if copy.request and copy.request.effect} == {*StepStatus}
    assert {type(refusal) for refusal, _ in SENTENCES} == {*refusals_of_the_engine(Refusal)}


def test_every_topic_of_an_alert_has_a_sample() -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path(engine.__path__[0]).rglob("*.py")]
    topics = {topic for source in sources for topic in re.findall(r'\btopic="(\w+)"', source)}
    assert len(topics) > 4
    assert topics | alert_card.TO_APPROVERS <= {*TOPICS}


def test_every_purpose_of_a_code_has_a_sample() -> None:
    decisions = [code for code in CONTENTS.values() if isinstance(code, CodeDelivery)]
    assert {code.answer.answer for code in decisions if code.answer} == {*ResumeAnswer}
    assert {code.decision.verdict for code in decisions if code.decision} == {*Verdict}
    assert [purpose for purpose in Purpose if not [*codes(purpose)]] == []


def test_no_state_has_a_forbidden_word() -> None:
    for named in (states.RUNS, states.RUN_CLAUSES, states.STEPS, states.REQUESTS, states.DELIVERIES):
        assert not any(words.forbidden(text) for text in named.values())
    assert identity_refusals.link_state(None)


@pytest.mark.parametrize("kind", STORY)
def test_the_story_has_no_technical_word(kind: str) -> None:
    content: dict[str, Value] = {
        "verdict": "Pay it",
        "edits": [{"path": ["json", "order_id"], "label": "json.order_id", "after": 1}],
        "title": "Pay it back?",
        "approvers": [{"name": "Ada"}],
        "workflow": "refund",
        "name": "Ada",
        "why": "the account is deactivated",
        "person": "p1",
        "channel": "email",
        "channels": ["email"],
        "answer": "done",
        "reason": "agreed",
        "address": "a@example.com",
    }
    entry = StoryEntry(seq=1, at=samples.NOW, kind=kind, step="pay", request=REQUEST, actor="p1", content=content)
    text = sentence_of(entry, Names(people={"p1": "Ada"}, steps={"pay": "Pay the refund"}))
    assert words.technical(text) == []


def test_an_error_about_a_field_names_it_in_words() -> None:
    placed = forms.place({"json.order_id": "is missing", "json.amount": "must be a number"}, {}, lambda _: False)
    assert placed.elsewhere == "Order ID is missing. Amount must be a number."
