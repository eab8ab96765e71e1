"""Handlers of the form that starts a run of a workflow. A form that is sent twice starts one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import refusals
from bot.web import form_data, uploads, workflow_inputs
from bot.web.context import RequestContext
from bot.web.form_inputs import Raws
from bot.web.reader_visit import STALE, ReaderVisit, hidden, signed_in
from bot.web.status_pages import Notice
from bot.web.uploads import TakenFiles
from bot.web.workflow_pages import WorkflowPages
from engine.domain import NotFound, Origin, Refusal, Start
from engine.errors import ChannelError
from engine.fields import Field
from engine.off_loop import off_loop
from engine.read_models import WorkflowView
from engine.workflowfile import Workflow

_LATER: Final = "Nothing was started. Signoff cannot look up the people at the moment. Try again in a minute."
_NO_FILES: Final = "It needs a file, and this server has no place for files. Its operator can give it one."
_CHANGED: Final = (
    "The workflow has changed since you opened this form, so nothing was started. What you entered is still here: "
    "check it, then press Start again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartVisit:
    """A visit by a person who may start a workflow."""

    reader: ReaderVisit
    view: WorkflowView
    workflow: Workflow


def _about(name: str) -> str:
    return f"start:{name}"


class WorkflowStarts:
    """The handlers."""

    def __init__(self, context: RequestContext, pages: WorkflowPages) -> None:
        self._context, self._pages = context, pages

    async def show(self, request: Request) -> Response:
        """Show the form. Nothing is written."""
        visit = await self._visit(request)
        return visit if isinstance(visit, Response) else await self._page(request, visit)

    async def start(self, request: Request, form: FormData) -> Response:
        """Start a run with the inputs of the form, and lead to its page."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        salt = self._context.salt(request, form, _about(visit.view.name))
        taken = await self._taken(visit, form, is_ours=salt is not None)
        form, raws = taken.form, form_data.content_values(taken.form)
        if salt is None:
            return await self._page(request, visit, raws, notice=STALE, status=422)
        if form_data.text(form, "version") != str(visit.view.version):
            return await self._page(request, visit, raws, notice=_CHANGED, status=409)
        declared = self._declared(visit)
        values, wrong = workflow_inputs.read(declared, {}, raws)
        names = workflow_inputs.file_names(declared)
        wrong |= {names[name]: sentence for name, sentence in taken.wrong.items()}
        if wrong:
            return await self._page(request, visit, raws, wrong=wrong, status=413 if taken.is_too_large else 422)
        command = Start(
            workflow=visit.view.name,
            inputs=values,
            actor=visit.reader.actor,
            origin=Origin(surface="web", place={"form": salt}),
            key=f"web:{salt}",
        )
        try:
            answer = await self._context.service.engine.start(command)
        except ChannelError:
            return await self._page(request, visit, raws, notice=_LATER, status=503)
        if isinstance(answer, Refusal):
            return await self._page(request, visit, raws, notice=refusals.phrase(answer), status=409)
        return self._context.to(self._context.at.run(answer.run))

    async def may_upload(self, request: Request) -> bool:
        """Return whether the visitor may send files with the form of the page."""
        return not isinstance(await self._visit(request), Response)

    async def _taken(self, visit: StartVisit, form: FormData, *, is_ours: bool) -> TakenFiles:
        """Take the files of the form in, if we made it for this browser."""
        names = frozenset(workflow_inputs.file_names(self._declared(visit))) if is_ours else frozenset[str]()
        return await uploads.take(form, names, self._context.service.engine.files, visit.reader.actor)

    def _declared(self, visit: StartVisit) -> dict[str, Field]:
        return workflow_inputs.asked(visit.workflow, with_files=self._takes_files)

    @property
    def _takes_files(self) -> bool:
        """Whether this server has a place for files."""
        return workflow_inputs.takes_files(self._context.service.engine.context.missing)

    async def _visit(self, request: Request) -> StartVisit | Response:
        """Return the visit, or the page that refuses it: others do not learn whether the workflow exists."""
        reader = await signed_in(self._context, request)
        if isinstance(reader, Response):
            return reader
        engine, name = self._context.service.engine, request.path_params["name"]
        view = await engine.workflow(name)
        if not isinstance(view, NotFound) and await engine.startable([name], reader.actor):
            workflow = await off_loop(lambda: self._pages.compiled(view.source))
            if workflow is not None:
                return StartVisit(reader=reader, view=view, workflow=workflow)
        return self._context.status_page(hidden("start", self._context.at))

    async def _page(
        self,
        request: Request,
        visit: StartVisit,
        raws: Raws | None = None,
        *,
        wrong: Mapping[str, str] | None = None,
        notice: Notice = "",
        status: int = 200,
    ) -> Response:
        declared = self._declared(visit)
        fields = workflow_inputs.shown(declared, {}, raws or {}, wrong or {})
        return self._context.form(
            "workflow-start",
            request,
            _about(visit.view.name),
            status=status,
            address=visit.reader.address,
            view=visit.view,
            description=visit.workflow.description or "",
            fields=fields,
            errors=[(field.focus, field.error) for field in fields if field.error],
            without=_NO_FILES if workflow_inputs.needs_file(visit.workflow) and not self._takes_files else "",
            notice_text=notice,
        )
