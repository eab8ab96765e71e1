"""The events of the latest runs, for the side panel of the sandbox's page (JSON: docs/sandbox-api.md).

feed = StoryFeed(app)
slack.tell(story=feed.story, completions=feed.completions)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Final, TypeAlias

from bot.app import App
from bot.presentation import characters, expiry
from bot.slack import bolt_app, command_messages
from engine.domain import Person
from engine.errors import StoreError
from engine.json_values import Value
from engine.read_models import DeliveryView, PageQuery, RequestView, RunView, StepView, StoryEntry

Json: TypeAlias = dict[str, Any]
Names: TypeAlias = Mapping[str, str]
Content: TypeAlias = Mapping[str, Value]
_MAX_RUNS: Final = 8
"""The latest runs that are shown."""
_MAX_LINES: Final = 60
"""The latest audit entries that are shown."""
_MAX_TEXT: Final = 300
"""Characters of a text that are shown: the panel is a summary."""


class StoryFeed:
    """Reads the events through the engine, and changes nothing."""

    def __init__(self, app: App) -> None:
        self._engine = app.engine

    async def story(self) -> Json | None:
        """Return the latest runs with their requests, copies and audit entries, newest first."""
        try:
            return await self._story()
        except StoreError:  # The app has stopped.
            return None

    async def _story(self) -> Json:
        runs, requests, lines = list[Json](), list[Json](), list[Json]()
        for run in await self._engine.runs(PageQuery(limit=_MAX_RUNS)):
            story = await self._run_story(run.id)
            if story is not None:
                runs.append(story[0])
                requests += story[1]
                lines += story[2]
        return {
            "runs": runs,
            "requests": requests,
            "lines": sorted(lines, key=lambda line: -int(line["seq"]))[:_MAX_LINES],
        }

    async def _run_story(self, run: str) -> tuple[Json, list[Json], list[Json]] | None:
        view = await self._engine.run(run)
        if view is None:
            return None
        copies = await self._engine.deliveries(run=run)
        requests_json, request_copies = list[Json](), list[DeliveryView]()
        requests = await self._engine.requests_of_run(run)
        for request in requests:
            own_copies = await self._engine.deliveries(request=request.id)
            request_copies += own_copies
            requests_json.append(_request_json(request, own_copies))
        ids = {copy.id for copy in request_copies}
        names = _name_people(view, requests, [*copies, *request_copies])
        lines = [_line_json(entry, names) for entry in await self._engine.story(run)]
        return _run_json(view, [copy for copy in copies if copy.id not in ids]), requests_json, lines

    async def completions(self) -> list[tuple[str, str]]:
        """Return the sub-commands with their help, and those for one workflow once for each registered workflow."""
        workflows = await self._engine.workflows()
        commands = [(f"{bolt_app.COMMAND} {usage}", text) for usage, text in command_messages.COMMANDS]
        workflow_commands = [
            (f"{bolt_app.COMMAND} {verb} {workflow.name}", f"{text} {workflow.title}")
            for verb, text in (("run", "start"), ("show", "the steps of"))
            for workflow in workflows
        ]
        return [*commands, *workflow_commands]


# -- JSON ---------------------------------------------------------------------------------------------------


def _run_json(run: RunView, copies: Iterable[DeliveryView]) -> Json:
    return {
        "id": run.id,
        "workflow": run.workflow,
        "title": characters.line(run.workflow_title),
        "status": run.status.value,
        "requester": characters.line(run.requester.label),
        "started_at": _iso_time(run.started_at),
        "ended_at": _iso_time(run.ended_at),
        "error": None if run.error is None else _shorten(run.error),
        "steps": [_step_json(step) for step in run.steps],
        "deliveries": [_copy_json(copy) for copy in copies],
    }


def _step_json(step: StepView) -> Json:
    return {
        "step": step.step,
        "visit": step.visit,
        "status": step.status.value,
        "attempt": step.attempt,
        "error": None if step.error is None else _shorten(step.error),
    }


def _request_json(request: RequestView, copies: Iterable[DeliveryView]) -> Json:
    return {
        "id": request.id,
        "run": request.run,
        "title": characters.line(request.title),
        "state": request.model.state.value,
        "deliveries": [_copy_json(copy) for copy in copies],
    }


def _copy_json(copy: DeliveryView) -> Json:
    return {
        "id": copy.id,
        "person": characters.line(copy.person.label),
        "kind": copy.kind.value,
        "channel": copy.channel,
        "state": copy.state.value,
        "attempts": copy.attempts,
        "wanted_version": copy.wanted_version,
        "shown_version": copy.shown_version,
        "last_error": None if copy.last_error is None else _shorten(copy.last_error),
        "next_at": _iso_time(copy.next_at),
    }


def _iso_time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _shorten(text: str) -> str:
    return characters.visible(text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…")


def _name_people(run: RunView, requests: Sequence[RequestView], copies: Iterable[DeliveryView]) -> dict[str, str]:
    """Return the names of all people that the entries of a run may refer to, by id."""
    deciders = (request.decision.person for request in requests if request.decision is not None)
    approvers = (approver.person for request in requests for approver in request.approvers)
    recipients = (copy.person for copy in copies)
    people: Iterable[Person] = chain((run.requester, run.owner), deciders, approvers, recipients)
    return {person.id: characters.line(person.label) for person in people}


# -- sentences ----------------------------------------------------------------------------------------------


def _line_json(entry: StoryEntry, names: Names) -> Json:
    actor = names.get(entry.actor or "")
    if actor is None and entry.content is not None and isinstance(entry.content.get("actor_name"), str):
        actor = str(entry.content["actor_name"])
    text = _shorten(_sentence(entry, names))
    return {"seq": entry.seq, "at": _iso_time(entry.at), "kind": entry.kind, "who": actor, "sentence": text}


def _sentence(entry: StoryEntry, names: Names) -> str:
    if entry.content is None:
        return "This entry’s content was erased."
    sentence = SENTENCES.get(entry.kind)
    return entry.kind if sentence is None else sentence(entry, entry.content, names)


Sentence: TypeAlias = Callable[[StoryEntry, Content, Names], str]


def _opened_sentence(_: StoryEntry, content: Content, __: Names) -> str:
    people = [str(item.get("name")) for item in _dicts(content.get("approvers"))]
    reason = f" Why: {content['reason']}" if content.get("reason") else ""
    return f"The gate opened: “{content.get('title')}” waits for {', '.join(people) or 'its approvers'}.{reason}"


def _decided_sentence(_: StoryEntry, content: Content, __: Names) -> str:
    edited = [str(item.get("label") or item.get("path")) for item in _dicts(content.get("edits"))]
    text = f"chose “{content.get('verdict')}”"
    if edited:
        text += f", with changes of {', '.join(edited)}"
    return f"{text}. Reason: {content['reason']}" if content.get("reason") else f"{text}."


def _dicts(value: Value) -> list[dict[str, Value]]:
    """Return the objects of a JSON list, or none for any other value."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _channel_names(content: Content) -> str:
    channels = content.get("channels")
    return " and ".join(map(str, channels)) if isinstance(channels, list) and channels else "other ways"


def _rejected_sentence(entry: StoryEntry, content: Content, names: Names) -> str:
    return _decided_sentence(entry, content, names) if "verdict" in content else f"The request {expiry.REJECTED}."


def _copy_name(content: Content, names: Names) -> str:
    kind = content.get("kind")
    noun = "The copy" if kind in (None, "request") else f"The {kind}"
    return f"{noun} for {names.get(str(content.get('person')), 'a person')} ({content.get('channel')})"


def _retrying_sentence(entry: StoryEntry, content: Content, __: Names) -> str:
    return f"Step {entry.step} failed and is retried: {content.get('error')}"


def _ended_sentence(text: str) -> Sentence:
    return lambda _, content, __: f"{text} {content['error']}" if content.get("error") else text


SENTENCES: Final[Mapping[str, Sentence]] = {
    "run.started": lambda _, content, __: f"started {content.get('workflow')}, version {content.get('version')}.",
    "run.cancel_asked": lambda *_: "asked for the run to be cancelled.",
    "run.resumed": lambda _, content, __: f"answered for the step of unknown outcome: {content.get('answer')}.",
    "run.stuck": lambda _, content, __: f"This server cannot move the run: {content.get('error')}",
    "run.succeeded": _ended_sentence("The run is done."),
    "run.failed": _ended_sentence("The run failed."),
    "run.rejected": _ended_sentence("The run ended: its request was rejected."),
    "run.expired": _ended_sentence(f"The run {expiry.WITHOUT_DECISION}."),
    "run.cancelled": _ended_sentence("The run was cancelled."),
    "gate.passed": lambda entry, *_: f"The gate of step {entry.step} did not open: its condition does not hold.",
    "gate.unanswered": lambda entry, *_: f"No one answered at step {entry.step}; the run went on, as the file says.",
    "request.opened": _opened_sentence,
    "request.approved": _decided_sentence,
    "request.rejected": _rejected_sentence,
    "request.expired": lambda _, content, __: f"The request {expiry.WITHOUT_DECISION}: it is {content.get('becomes')}.",
    "request.fell_back": lambda _, content, __: f"No one has answered yet: asked by {_channel_names(content)} as well.",
    "request.unseen": lambda *_: "No copy was delivered; the owner is notified.",
    "request.approver_excluded": lambda _, content, __: (
        f"{content.get('name')} can no longer decide: {content.get('why')}."
    ),
    "request.withdrawn": lambda *_: "The request was cancelled.",
    "step.started": lambda entry, content, _: f"Step {entry.step} started, attempt {content.get('attempt')}.",
    "step.succeeded": lambda entry, *_: f"Step {entry.step} succeeded.",
    "step.skipped": lambda entry, *_: f"Step {entry.step} was skipped: its condition does not hold.",
    "step.stopped": lambda entry, *_: f"Step {entry.step} was stopped.",
    "step.sleeping": lambda entry, content, _: f"Step {entry.step} waits until {content.get('until')}.",
    "step.retrying": _retrying_sentence,
    "step.failed": lambda entry, content, _: f"Step {entry.step} failed: {content.get('error')}",
    "step.outcome_unknown": lambda entry, content, _: (
        f"It is unknown whether step {entry.step} happened: {content['error']}"
    ),
    "links.revoked": lambda _, content, __: f"The review links of this request were revoked: {content.get('links')}.",
    "delivery.shown": lambda _, content, names: f"{_copy_name(content, names)} was shown.",
    "delivery.dead": lambda _, content, names: f"{_copy_name(content, names)} cannot be shown: {content.get('error')}",
}
