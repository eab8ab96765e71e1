"""Handlers of the page on which a builder writes the file of a new workflow: it is checked, and then registered."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot import gallery_answers
from bot.web import form_data, registration, workflow_checks, workflow_diagram, workflow_page_view
from bot.web.context import RequestContext
from bot.web.reader_visit import STALE, ReaderVisit, no_builder, signed_in
from bot.web.registration import NotRegistered
from bot.web.status_pages import Notice
from bot.web.workflow_checks import WorkflowChecks
from bot.web.workflow_editor import REGISTER
from bot.web.workflow_pages import WorkflowPages
from engine.domain.workflow_commands import NewerVersion
from engine.errors import Problem
from engine.off_loop import off_loop
from engine.steps.missing_services import find_missing

BEGINNING: Final = """\
name: NAME
title: New workflow
inputs:
  what: {type: text, label: What is it about}
steps:
  - id: keep
    title: Keep what was approved
    uses: set
    with: {what: "{{ inputs.what }}"}
    gate:
      title: "{{ inputs.what }}"
      approvers: [owner]
"""
"""What a new file says at first. It has no problems, and its steps have no effects."""
_TAKEN: Final = "There is a workflow {name} already, so nothing was registered. Give this one another name in the file."
_ABOUT: Final = "new-file"


class NewFilePage:
    """The handlers. What was typed is shown again with every problem."""

    def __init__(self, context: RequestContext, pages: WorkflowPages, checks: WorkflowChecks) -> None:
        self._context, self._pages, self._checks = context, pages, checks

    async def show(self, request: Request) -> Response:
        """Show a file to begin with. Nothing is written."""
        reader = await self._builder(request)
        if isinstance(reader, Response):
            return reader
        taken = {view.name for view in await self._context.service.engine.workflows()}
        name = gallery_answers.free_name("new-workflow", taken)
        return await self._page(request, reader, BEGINNING.replace("NAME", name))

    async def save(self, request: Request, form: FormData) -> Response:
        """Check the file and show its steps, or register it."""
        reader = await self._builder(request)
        if isinstance(reader, Response):
            return reader
        typed, salt = workflow_checks.source_of(form), self._context.salt(request, form, _ABOUT)
        if salt is None:
            return await self._page(request, reader, typed, notice=STALE, status=422)
        wrong = await off_loop(lambda: self._checks.problems(typed, ""))
        if wrong:
            return await self._page(request, reader, typed, problems=wrong, status=422)
        if form_data.text(form, "act") != REGISTER:
            return await self._page(request, reader, typed, is_checked=True)
        result = await registration.register(self._context, typed.encode(), reader.actor, salt=salt, base=0)
        if isinstance(result, NewerVersion):
            notice = _TAKEN.format(name=result.workflow)
            return await self._page(request, reader, typed, notice=notice, status=409)
        if isinstance(result, NotRegistered):
            return await self._page(request, reader, typed, notice=result.notice, status=result.status)
        return result

    async def _builder(self, request: Request) -> ReaderVisit | Response:
        """Return the visit of a builder, or the page for others."""
        reader = await signed_in(self._context, request)
        if isinstance(reader, Response) or await no_builder(self._context, reader) is None:
            return reader
        return self._context.to(self._context.at.new_workflow)

    async def _page(
        self,
        request: Request,
        reader: ReaderVisit,
        typed: str,
        *,
        notice: Notice = "",
        problems: tuple[Problem, ...] = (),
        is_checked: bool = False,
        status: int = 200,
    ) -> Response:
        def build_page() -> Response:
            workflow = self._pages.compiled(typed.encode("utf-8", "replace")) if is_checked else None
            kinds = self._context.service.engine.context.advancer.kinds
            return self._context.form(
                "workflow-file",
                request,
                _ABOUT,
                status=status,
                address=reader.address,
                source=typed,
                schema_url=self._checks.schema_url,
                notice_text=notice,
                problems=problems,
                workflow=workflow,
                steps=workflow_page_view.steps_in_words(workflow) if workflow is not None else (),
                diagram=workflow_diagram.plan(workflow, workflow_page_view.short) if workflow is not None else None,
                missing=find_missing(workflow, kinds) if workflow is not None else (),
            )

        return await off_loop(build_page)
