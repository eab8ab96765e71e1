"""Handlers of the page on which a workflow is tried: what each step would do, and who would be asked. No effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import characters, trial_words
from bot.presentation.trial_words import TrialStep
from bot.web import form_data, workflow_inputs
from bot.web.context import RequestContext
from bot.web.form_inputs import Raws
from bot.web.reader_visit import STALE
from bot.web.review_view import ShownField
from bot.web.status_pages import Notice
from bot.web.workflow_pages import WorkflowPages, WorkflowVisit
from engine.off_loop import off_loop
from engine.runs import examples
from engine.workflowfile import Workflow
from engine.workflowfile.workflow import Example

_MOST_EXAMPLES: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTrial:
    """A trial. `names`: of the examples of the file; `chosen`: the number of the one that is shown, or None.

    Without steps, what was typed has to be put right first.
    """

    names: tuple[str, ...]
    chosen: int | None
    inputs: tuple[str, ...]
    steps: tuple[TrialStep, ...]
    end: str
    fields: tuple[ShownField, ...]

    @property
    def errors(self) -> list[tuple[str, str]]:
        """The id of each wrong field, with what is wrong with it."""
        return [(field.focus, field.error) for field in self.fields if field.error]


def _about(name: str) -> str:
    return f"try:{name}"


class WorkflowTrials:
    """The handlers. Nothing is called, no one is asked, and nothing is written."""

    def __init__(self, context: RequestContext, pages: WorkflowPages) -> None:
        self._context, self._pages = context, pages

    async def show(self, request: Request) -> Response:
        """Show what the workflow would do with one of its examples, or with made-up inputs."""
        visit = await self._pages.visit(request)
        if isinstance(visit, Response):
            return visit
        number = request.query_params.get("example", "")
        return await self._page(request, visit, int(number) if number.isascii() and number.isdecimal() else 0)

    async def play(self, request: Request, form: FormData) -> Response:
        """Show what the workflow would do with the inputs of the form."""
        visit = await self._pages.visit(request)
        if isinstance(visit, Response):
            return visit
        raws = form_data.content_values(form)
        if self._context.salt(request, form, _about(visit.view.name)) is None:
            return await self._page(request, visit, None, raws, notice=STALE, status=422)
        return await self._page(request, visit, None, raws)

    async def _page(
        self,
        request: Request,
        visit: WorkflowVisit,
        chosen: int | None,
        raws: Raws | None = None,
        *,
        notice: Notice = "",
        status: int = 200,
    ) -> Response:
        def build_page() -> Response:
            workflow = self._pages.compiled(visit.view.source)
            trial = None if workflow is None else self._trial(workflow, chosen, raws or {})
            return self._context.form(
                "workflow-try",
                request,
                _about(visit.view.name),
                status=422 if trial is not None and trial.errors else status,
                address=visit.reader.address,
                view=visit.view,
                trial=trial,
                notice_text=notice,
            )

        return await off_loop(build_page)

    def _trial(self, workflow: Workflow, chosen: int | None, raws: Raws) -> ShownTrial:
        listed = workflow.examples[:_MOST_EXAMPLES]
        example = listed[chosen] if chosen is not None and chosen < len(listed) else trial_words.example(workflow)
        declared, filled = workflow_inputs.asked(workflow), example.inputs
        wrong: Mapping[str, str] = {}
        if chosen is None:
            values, wrong = workflow_inputs.read(declared, filled, raws)
            example = trial_words.own(workflow, {**filled, **values})
        return self._shown(workflow, example, chosen, workflow_inputs.shown(declared, filled, raws, wrong))

    def _shown(
        self, workflow: Workflow, example: Example, chosen: int | None, fields: tuple[ShownField, ...]
    ) -> ShownTrial:
        names = tuple(characters.line(one.name) for one in workflow.examples[:_MOST_EXAMPLES])
        shown = ShownTrial(names=names, chosen=chosen if names else None, inputs=(), steps=(), end="", fields=fields)
        if shown.errors:
            return shown
        played = examples.play(workflow, example, self._context.clock.now())
        return ShownTrial(
            names=names,
            chosen=shown.chosen,
            inputs=tuple(trial_words.inputs(workflow, example.inputs)),
            steps=tuple(trial_words.steps(workflow, played, {})),
            end=trial_words.end(played),
            fields=fields,
        )
