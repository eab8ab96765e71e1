"""The rows of lists, for answers to commands and for App Home: one row for each request, and one for each run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.presentation import expiry, oversight, people, progress, question_notes, questions, states
from bot.slack import ids, rich_text, text_objects
from bot.slack.text_objects import Block, Element
from engine import json_values
from engine.domain import RequestState, RunStatus
from engine.off_loop import LARGE
from engine.read_models import RequestView, RunView
from engine.requests import Question

MOST_ROWS: Final = 20
MOST_QUESTIONS: Final = 5
"""Maximum number of questions of approvers in a list; a Home tab has room for 100 blocks."""
_QUESTION: Final = 200
TITLE: Final = 60
NAME: Final = 40
"""Maximum lengths, in characters: with them, a message holds all rows of a list."""
_CONSEQUENCE: Final = "Its request is closed, and no further step runs. A step that is running now still finishes."


@dataclass(frozen=True, slots=True, kw_only=True)
class RunList:
    """Runs, the latest first, with the latest request of each that has one. `reader`: the id of who reads the list.

    `only_read`: the runs that they may not cancel. `is_all`: whether it has the runs of all people.
    """

    runs: Sequence[RunView] = ()
    latest: Mapping[str, RequestView] = field(default_factory=dict)
    reader: str | None = None
    only_read: frozenset[str] = frozenset()
    is_all: bool = False


def is_large(views: Iterable[RequestView]) -> bool:
    """Return whether arranging these requests may take long."""
    return any(json_values.is_larger(view.model.content.value, LARGE) for view in views)


def requests(views: Sequence[RequestView]) -> list[Block]:
    """Return a row for each request: its question with a button, and below it who asks and until when."""
    blocks = [block for view in views[:MOST_ROWS] for block in _request(view)]
    left = len(views) - MOST_ROWS
    if left <= 0:
        return blocks
    sentence = f"{not_shown(left, 'more is', 'more are')} Others move up as you decide."
    return [*blocks, _left_out(sentence, block="pending:more")]


def _request(request: RequestView) -> list[Block]:
    question = text_objects.clipped(text_objects.line(questions.of_request(request)), _QUESTION)
    review = text_objects.button("Review", action=ids.DETAILS, value=ids.encode(_ref(request)), about=question)
    return [
        text_objects.section(question, block=f"request:{request.id}", accessory=review),
        text_objects.context(_asked(request), block=f"when:{request.id}"),
    ]


def _ref(request: RequestView) -> ids.Ref:
    model = request.model
    return ids.Ref(request=request.id, content_version=model.content_version, digest=model.digest)


def open_questions(asked: Sequence[tuple[RequestView, Question]]) -> list[Block]:
    """Return a row for each question that the person was asked, with a button to answer it."""
    blocks = [block for request, question in asked[:MOST_QUESTIONS] for block in _open_question(request, question)]
    left = len(asked) - MOST_QUESTIONS
    if left <= 0:
        return blocks
    sentence = f"{not_shown(left, 'more is', 'more are')} Others move up as you answer."
    return [*blocks, _left_out(sentence, block="asked:more")]


def _open_question(request: RequestView, question: Question) -> list[Block]:
    text = text_objects.clipped(text_objects.line(question.text), _QUESTION)
    value = ids.encode(ids.QuestionRef(request=request.id, question=question.id))
    return [
        text_objects.section(
            text,
            block=f"question:{question.id}",
            accessory=text_objects.button("Answer", action=ids.ANSWER, value=value, about=text),
        ),
        text_objects.context(
            [
                text_objects.plain(text_objects.clipped(question_notes.heading(request, question), _QUESTION)),
                text_objects.mrkdwn(text_objects.date(question.asked_at)),
            ],
            block=f"asked:{question.id}",
        ),
    ]


def _asked(request: RequestView) -> list[Element]:
    asked = [text_objects.plain(_asks(request))]
    asked += [text_objects.plain(sentence) for sentence in progress.count(request)]
    due = expiry.of_deadlines(request.model.deadlines)
    return [*asked, text_objects.mrkdwn(text_objects.phrase(due))] if due else asked


def _asks(request: RequestView) -> str:
    if request.requester.automation or request.model.subject.is_failure:
        return people.asks(request)
    return f"{_name(request.requester.label)} asks."


def _starter(run: RunView) -> str:
    return people.starter(run.requester) if run.requester.automation else _name(run.requester.label)


def runs(shown: RunList, *, most: int = MOST_ROWS) -> list[Block]:
    """Return a row for each run: its state and what it is about, and below it its workflow, who started it and when."""
    first = shown.runs[:most]
    blocks = [block for run in first for block in _run(run, shown)]
    left = len(shown.runs) - most
    return (
        [*blocks, _left_out(not_shown(left, "older run is", "older runs are"), block="runs:more")]
        if left > 0
        else blocks
    )


def _run(run: RunView, shown: RunList) -> list[Block]:
    request, reader = shown.latest.get(run.id), shown.reader
    asked = request.oversight if request is not None else None
    workflow = oversight.what_for(asked) if asked is not None else run.workflow_title
    title = text_objects.clipped(text_objects.line(workflow), TITLE)
    about = text_objects.clipped(text_objects.line(questions.of_run(run, request)), _QUESTION)
    # A cancelled run ends once its step has finished.
    status = RunStatus.CANCELLED if run.cancelled and not run.status.ended else run.status
    tone, words = states.of_run(status, request)
    state = f"{states.ICONS[tone]} {_capital(words)}"
    started = f"{title}, started by {'you' if run.requester.id == reader else _starter(run)}"
    if request is not None and run.owner.id == reader and _is_waiting(run, request):
        return _own_workflow(run, request, f"{state} · {about or title}", started, about or title)
    is_read = status.ended or run.id in shown.only_read
    details = [text_objects.plain(started), text_objects.mrkdwn(text_objects.date(run.started_at))]
    return [
        text_objects.section(
            f"{state} · {about or title}",
            block=f"run:{run.id}",
            accessory=_details(run, about or title) if is_read else _cancel(run, about or title),
        ),
        text_objects.context(details, block=f"when:{run.id}"),
    ]


def _is_waiting(run: RunView, request: RequestView) -> bool:
    """Return whether the latest request of a run waits for a decision."""
    return request.model.state is RequestState.PENDING and not run.cancelled


def _own_workflow(run: RunView, request: RequestView, what: str, started: str, about: str) -> list[Block]:
    """Return the row of a run that waits, for the owner of its workflow: with two buttons, and no more blocks."""
    paragraphs = [
        rich_text.section(rich_text.words(what)),
        rich_text.section(rich_text.phrase((f"{started}, ", run.started_at))),
    ]
    pass_on = text_objects.button("Pass on", action=ids.HAND_ON, value=ids.encode(_ref(request)), about=about)
    return [
        rich_text.paragraphs(paragraphs, block=f"run:{run.id}"),
        text_objects.actions([pass_on, _cancel(run, about)], block=f"when:{run.id}"),
    ]


def _details(run: RunView, about: str) -> Element:
    value = ids.encode(ids.RunRef(run=run.id))
    return text_objects.button("Details", action=ids.RUN_DETAILS, value=value, about=about)


def _cancel(run: RunView, about: str) -> Element:
    return text_objects.button(
        "Cancel",
        action=ids.RUN_CANCEL,
        value=ids.encode(ids.RunRef(run=run.id)),
        about=about,
        confirm=text_objects.confirm(_CONSEQUENCE, yes="Cancel the run", style="danger"),
    )


def _name(label: str) -> str:
    return text_objects.clipped(text_objects.line(label), NAME)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def not_shown(count: int, one: str, several: str) -> str:
    """Return the sentence about the rows that a list leaves out. `one`, `several`: what they are, with the verb."""
    return f"{count:,} {one if count == 1 else several} not shown."


def _left_out(sentence: str, *, block: str) -> Block:
    return text_objects.context([text_objects.plain(sentence)], block=block)
