"""The events of the latest runs, for the side panel of the sandbox's page (JSON: docs/sandbox-api.md).

feed = StoryFeed(app)
slack.tell(story=feed.story, completions=feed.completions)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from bot.app_parts import App
from bot.presentation import characters, states
from bot.presentation.story import Names, actor_of, sentence_of
from bot.slack import bolt_app, command_messages
from engine.domain import DeliveryState, StepStatus, Tone
from engine.errors import StoreError
from engine.read_models import DeliveryView, PageQuery, RequestView, RunView, StepView
from engine.story_entries import StoryEntry

Json: TypeAlias = dict[str, Any]
_MAX_RUNS: Final = 8
"""The latest runs that are shown."""
_MAX_LINES: Final = 60
"""The latest audit entries that are shown."""
_MAX_TEXT: Final = 300
"""Characters of a text that are shown: the panel is a summary."""
_STEP_TONES: Final[Mapping[StepStatus, Tone]] = {
    StepStatus.IN_REVIEW: Tone.WAITING,
    StepStatus.READY: Tone.WAITING,
    StepStatus.STARTED: Tone.WAITING,
    StepStatus.RETRYING: Tone.ATTENTION,
    StepStatus.SLEEPING: Tone.WAITING,
    StepStatus.PREPARING: Tone.WAITING,
    StepStatus.IN_RUNS: Tone.WAITING,
    StepStatus.OUTPUT_IN_REVIEW: Tone.WAITING,
    StepStatus.FAILURE_IN_REVIEW: Tone.FAILED,
    StepStatus.HELD: Tone.WAITING,
    StepStatus.GRANTED: Tone.WAITING,
    StepStatus.OUTCOME_UNKNOWN: Tone.ATTENTION,
    StepStatus.SUCCEEDED: Tone.DONE,
    StepStatus.SKIPPED: Tone.CANCELLED,
    StepStatus.FAILED: Tone.FAILED,
    StepStatus.STOPPED: Tone.CANCELLED,
}
_COPY_TONES: Final[Mapping[DeliveryState, Tone]] = {
    DeliveryState.DUE: Tone.WAITING,
    DeliveryState.SHOWN: Tone.DONE,
    DeliveryState.SKIPPED: Tone.CANCELLED,
    DeliveryState.DEAD: Tone.ATTENTION,
}


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
            asked = await self._engine.deliveries(request=request.id)
            request_copies += asked
            requests_json.append(_request_json(request, asked))
        ids = {copy.id for copy in request_copies}
        names = Names.of_run(view, requests, [*copies, *request_copies])
        lines = [_line_json(entry, names) for entry in await self._engine.story(run)]
        own_copies = [copy for copy in copies if copy.id not in ids]
        return _run_json(view, own_copies), requests_json, lines

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


def _state_json(words: str, tone: Tone) -> Json:
    """Return how a state is shown: an icon, words, and a tone, which decides about the colour."""
    return {"icon": states.ICONS[tone], "words": f"{words[:1].upper()}{words[1:]}", "tone": tone.value}


def _run_json(run: RunView, copies: Iterable[DeliveryView]) -> Json:
    return {
        "id": run.id,
        "workflow": run.workflow,
        "title": characters.line(run.workflow_title),
        "status": run.status.value,
        **_state_json(states.RUNS[run.status], states.RUN_TONES[run.status]),
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
        "title": characters.line(step.label),
        "visit": step.visit,
        "status": step.status.value,
        **_state_json(states.STEPS[step.status], _STEP_TONES[step.status]),
        "attempt": step.attempt,
        "error": None if step.error is None else _shorten(step.error),
    }


def _request_json(request: RequestView, copies: Iterable[DeliveryView]) -> Json:
    words = states.request_words(request.model.state, request.model.subject)
    return {
        "id": request.id,
        "run": request.run,
        "title": characters.line(request.title),
        "state": request.model.state.value,
        **_state_json(words, states.REQUEST_TONES[request.model.state]),
        "deliveries": [_copy_json(copy) for copy in copies],
    }


def _copy_json(copy: DeliveryView) -> Json:
    return {
        "id": copy.id,
        "person": characters.line(copy.person.label),
        "kind": copy.kind.value,
        "channel": copy.channel,
        "state": copy.state.value,
        **_state_json(states.DELIVERIES[copy.state], _COPY_TONES[copy.state]),
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


def _line_json(entry: StoryEntry, names: Names) -> Json:
    return {
        "seq": entry.seq,
        "at": _iso_time(entry.at),
        "kind": entry.kind,
        "who": actor_of(entry, names),
        "sentence": _shorten(sentence_of(entry, names)),
    }
