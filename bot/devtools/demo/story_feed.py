"""What the app did and why, for the side panel of the sandbox's page (shape: docs/sandbox-api.md).

feed = StoryFeed(serving)
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
_Names: TypeAlias = Mapping[str, str]
_Facts: TypeAlias = Mapping[str, Value]
_RUNS: Final = 8
_LINES: Final = 60
_LONGEST: Final = 300
"""Characters of a text that people typed: the panel tells what happened, it is not the place to read it in full."""


class StoryFeed:
    """Reads through the engine; changes nothing."""

    def __init__(self, app: App) -> None:
        self._engine = app.engine

    async def story(self) -> Json | None:
        """The latest runs with their requests and copies, and what happened, the newest first."""
        try:
            return await self._story()
        except StoreError:  # the app has stopped
            return None

    async def _story(self) -> Json:
        runs, requests, lines = list[Json](), list[Json](), list[Json]()
        for one in await self._engine.runs(PageQuery(limit=_RUNS)):
            told = await self._told(one.id)
            if told is not None:
                runs.append(told[0])
                requests += told[1]
                lines += told[2]
        return {
            "runs": runs,
            "requests": requests,
            "lines": sorted(lines, key=lambda line: -int(line["seq"]))[:_LINES],
        }

    async def _told(self, run: str) -> tuple[Json, list[Json], list[Json]] | None:
        view = await self._engine.run(run)
        if view is None:
            return None
        copies = await self._engine.deliveries(run=run)
        asked, of_requests = list[Json](), list[DeliveryView]()
        views = await self._engine.requests_of_run(run)
        for request in views:
            own = await self._engine.deliveries(request=request.id)
            of_requests += own
            asked.append(_request(request, own))
        ids = {one.id for one in of_requests}
        names = _names(view, views, [*copies, *of_requests])
        lines = [_line(one, names) for one in await self._engine.story(run)]
        return _run(view, [one for one in copies if one.id not in ids]), asked, lines

    async def completions(self) -> list[tuple[str, str]]:
        """The sub-commands, and those that take a workflow once for each that is registered."""
        workflows = await self._engine.workflows()
        offered = [(f"{bolt_app.COMMAND} {usage}", told) for usage, told in command_messages.COMMANDS]
        named = [
            (f"{bolt_app.COMMAND} {verb} {one.name}", f"{what} {one.title}")
            for verb, what in (("run", "start"), ("show", "the steps of"))
            for one in workflows
        ]
        return [*offered, *named]


# -- shapes -------------------------------------------------------------------------------------------------


def _run(run: RunView, copies: Iterable[DeliveryView]) -> Json:
    return {
        "id": run.id,
        "workflow": run.workflow,
        "title": characters.line(run.workflow_title),
        "status": run.status.value,
        "requester": characters.line(run.requester.label),
        "started_at": _at(run.started_at),
        "ended_at": _at(run.ended_at),
        "error": None if run.error is None else _short(run.error),
        "steps": [_step(one) for one in run.steps],
        "deliveries": [_copy(one) for one in copies],
    }


def _step(step: StepView) -> Json:
    return {
        "step": step.step,
        "visit": step.visit,
        "status": step.status.value,
        "attempt": step.attempt,
        "error": None if step.error is None else _short(step.error),
    }


def _request(request: RequestView, copies: Iterable[DeliveryView]) -> Json:
    return {
        "id": request.id,
        "run": request.run,
        "title": characters.line(request.title),
        "state": request.model.state.value,
        "deliveries": [_copy(one) for one in copies],
    }


def _copy(copy: DeliveryView) -> Json:
    return {
        "id": copy.id,
        "person": characters.line(copy.person.label),
        "kind": copy.kind.value,
        "channel": copy.channel,
        "state": copy.state.value,
        "attempts": copy.attempts,
        "wanted_version": copy.wanted_version,
        "shown_version": copy.shown_version,
        "last_error": None if copy.last_error is None else _short(copy.last_error),
        "next_at": _at(copy.next_at),
    }


def _at(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _short(text: str) -> str:
    return characters.visible(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def _names(run: RunView, requests: Sequence[RequestView], copies: Iterable[DeliveryView]) -> dict[str, str]:
    """Everybody whom the entries of a run may mean, by id."""
    decided = (one.decision.person for one in requests if one.decision is not None)
    asked = (one.person for request in requests for one in request.approvers)
    everybody: Iterable[Person] = chain((run.requester, run.owner), decided, asked, (one.person for one in copies))
    return {one.id: characters.line(one.label) for one in everybody}


# -- sentences ----------------------------------------------------------------------------------------------


def _line(entry: StoryEntry, names: _Names) -> Json:
    facts = entry.content
    who = names.get(entry.actor or "")
    if who is None and facts is not None and isinstance(facts.get("actor_name"), str):
        who = str(facts["actor_name"])
    say = SENTENCES.get(entry.kind)
    sentence = "This entry’s content was erased." if facts is None else say(entry, facts, names) if say else entry.kind
    return {"seq": entry.seq, "at": _at(entry.at), "kind": entry.kind, "who": who, "sentence": _short(sentence)}


_Say: TypeAlias = Callable[[StoryEntry, _Facts, _Names], str]


def _opened(_: StoryEntry, facts: _Facts, __: _Names) -> str:
    approvers = facts.get("approvers")
    asked = [str(one.get("name")) for one in approvers if isinstance(one, dict)] if isinstance(approvers, list) else []
    why = f" Why: {facts['reason']}" if facts.get("reason") else ""
    return f"The gate opened: “{facts.get('title')}” waits for {', '.join(asked) or 'somebody'}.{why}"


def _decided(_: StoryEntry, facts: _Facts, __: _Names) -> str:
    edits = facts.get("edits")
    changed = (
        [str(one.get("label") or one.get("path")) for one in edits if isinstance(one, dict)]
        if isinstance(edits, list)
        else []
    )
    said = f"chose “{facts.get('verdict')}”"
    if changed:
        said += f", with changes of {', '.join(changed)}"
    return f"{said}. Reason: {facts['reason']}" if facts.get("reason") else f"{said}."


def _channels(facts: _Facts) -> str:
    channels = facts.get("channels")
    return " and ".join(map(str, channels)) if isinstance(channels, list) and channels else "other ways"


def _rejected(entry: StoryEntry, facts: _Facts, names: _Names) -> str:
    return _decided(entry, facts, names) if "verdict" in facts else f"The request {expiry.REJECTED}."


def _copy_of(facts: _Facts, names: _Names) -> str:
    kind = facts.get("kind")
    what = "The copy" if kind in (None, "request") else f"The {kind}"
    return f"{what} for {names.get(str(facts.get('person')), 'somebody')} ({facts.get('channel')})"


def _retrying(entry: StoryEntry, facts: _Facts, __: _Names) -> str:
    return f"Step {entry.step} failed for sure, and is tried again: {facts.get('error')}"


def _ended(said: str) -> _Say:
    return lambda _, facts, __: f"{said} {facts['error']}" if facts.get("error") else said


SENTENCES: Final[Mapping[str, _Say]] = {
    "run.started": lambda _, facts, __: f"started {facts.get('workflow')}, version {facts.get('version')}.",
    "run.cancel_asked": lambda *_: "asked for the run to be cancelled.",
    "run.resumed": lambda _, facts, __: f"answered for the step of unknown outcome: {facts.get('answer')}.",
    "run.stuck": lambda _, facts, __: f"This server cannot move the run: {facts.get('error')}",
    "run.succeeded": _ended("The run is done."),
    "run.failed": _ended("The run failed."),
    "run.rejected": _ended("The run ended: its request was rejected."),
    "run.expired": _ended(f"The run {expiry.WITHOUT_DECISION}."),
    "run.cancelled": _ended("The run was cancelled."),
    "gate.passed": lambda entry, *_: f"The gate of step {entry.step} did not open: its condition does not hold.",
    "gate.unanswered": lambda entry, *_: f"Nobody answered at step {entry.step}; the run went on, as the file says.",
    "request.opened": _opened,
    "request.approved": _decided,
    "request.rejected": _rejected,
    "request.expired": lambda _, facts, __: f"The request {expiry.WITHOUT_DECISION}: it is {facts.get('becomes')}.",
    "request.fell_back": lambda _, facts, __: f"Nobody has answered yet: asked by {_channels(facts)} as well.",
    "request.unseen": lambda *_: "No copy reached anybody; the owner is told.",
    "request.approver_excluded": lambda _, facts, __: f"{facts.get('name')} can no longer decide: {facts.get('why')}.",
    "request.withdrawn": lambda *_: "The request was cancelled.",
    "step.started": lambda entry, facts, _: f"Step {entry.step} acts, attempt {facts.get('attempt')}.",
    "step.succeeded": lambda entry, *_: f"Step {entry.step} succeeded.",
    "step.skipped": lambda entry, *_: f"Step {entry.step} was skipped: its condition does not hold.",
    "step.stopped": lambda entry, *_: f"Step {entry.step} was stopped.",
    "step.sleeping": lambda entry, facts, _: f"Step {entry.step} waits until {facts.get('until')}.",
    "step.retrying": _retrying,
    "step.failed": lambda entry, facts, _: f"Step {entry.step} failed: {facts.get('error')}",
    "step.outcome_unknown": lambda entry, facts, _: (
        f"Nobody knows whether step {entry.step} happened: {facts['error']}"
    ),
    "links.revoked": lambda _, facts, __: f"The review links of this request were made useless: {facts.get('links')}.",
    "delivery.shown": lambda _, facts, names: f"{_copy_of(facts, names)} was shown.",
    "delivery.dead": lambda _, facts, names: f"{_copy_of(facts, names)} cannot be shown: {facts.get('error')}",
}
