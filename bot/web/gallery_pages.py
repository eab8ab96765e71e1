"""Handlers of the pages that make a workflow from the gallery: a template, its questions, its steps, and Register."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot import gallery, gallery_answers
from bot.gallery import GalleryTemplate
from bot.gallery_answers import BuiltFile
from bot.presentation import refusals
from bot.web import form_data, gallery_form, registration, workflow_diagram, workflow_page_view
from bot.web.context import RequestContext
from bot.web.reader_visit import STALE, ReaderVisit, no_builder, signed_in
from bot.web.registration import NotRegistered
from bot.web.status_pages import NOT_FOUND, Notice
from bot.web.workflow_editor import REGISTER
from engine.domain import NotFound
from engine.domain.workflow_commands import NewerVersion
from engine.off_loop import off_loop
from engine.steps.missing_services import find_missing


def _about(template: str) -> str:
    return f"new:{template}"


class GalleryPages:
    """The handlers. They are for builders, as `/signoff new` in Slack is."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    async def list(self, request: Request) -> Response:
        """Show the templates in their groups."""
        reader = await signed_in(self._context, request)
        if isinstance(reader, Response):
            return reader
        refusal = await no_builder(self._context, reader)
        return self._context.pages.page(
            "workflow-new",
            status=200 if refusal is None else 403,
            address=reader.address,
            groups=gallery.load().groups if refusal is None else {},
            notice_text=refusals.phrase(refusal) if refusal is not None else "",
        )

    async def show(self, request: Request) -> Response:
        """Ask the questions of a template."""
        found = await self._visit(request)
        if isinstance(found, Response):
            return found
        reader, template = found
        free = gallery_answers.free_name(template.name, await self._taken())
        return await self._page(request, reader, template, gallery_form.untyped(template, free))

    async def answer(self, request: Request, form: FormData) -> Response:
        """Show the steps that come of the answers, or register the workflow."""
        found = await self._visit(request)
        if isinstance(found, Response):
            return found
        reader, template = found
        typed = gallery_form.typed(template, form)
        salt = self._context.salt(request, form, _about(template.name))
        if salt is None:
            return await self._page(request, reader, template, typed, notice=STALE, status=422)
        is_last = form_data.text(form, "act") == REGISTER
        if is_last and await self._is_registered(template, typed):
            return self._context.to(self._context.at.workflow(typed[gallery_answers.NAME].strip()))
        built = await self._build(template, typed, await self._taken())
        if not is_last or built.workflow is None:
            status = 200 if built.workflow is not None else 422
            return await self._page(request, reader, template, typed, built=built, status=status)
        return await self._register(request, reader, template, typed, built, salt)

    async def _register(
        self,
        request: Request,
        reader: ReaderVisit,
        template: GalleryTemplate,
        typed: Mapping[str, str],
        built: BuiltFile,
        salt: str,
    ) -> Response:
        result = await registration.register(self._context, built.source, reader.actor, salt=salt, base=0)
        if isinstance(result, NewerVersion):
            # The name was taken at the same moment.
            built = await self._build(template, typed, await self._taken())
            return await self._page(request, reader, template, typed, built=built, status=409)
        if isinstance(result, NotRegistered):
            why = result.notice
            return await self._page(request, reader, template, typed, built=built, notice=why, status=result.status)
        return result

    async def _visit(self, request: Request) -> tuple[ReaderVisit, GalleryTemplate] | Response:
        reader = await signed_in(self._context, request)
        if isinstance(reader, Response):
            return reader
        template = gallery.load().find(request.path_params["template"])
        if await no_builder(self._context, reader) is not None:
            return await self.list(request)
        return self._context.status_page(NOT_FOUND) if template is None else (reader, template)

    async def _taken(self) -> set[str]:
        return {view.name for view in await self._context.service.engine.workflows()}

    async def _is_registered(self, template: GalleryTemplate, typed: Mapping[str, str]) -> bool:
        """Return whether the workflow has exactly this file already: the form was sent twice."""
        view = await self._context.service.engine.workflow(typed[gallery_answers.NAME].strip())
        if isinstance(view, NotFound):
            return False
        return (await self._build(template, typed, set())).source == view.source

    async def _build(self, template: GalleryTemplate, typed: Mapping[str, str], taken: set[str]) -> BuiltFile:
        kinds, now = self._context.service.engine.context.advancer.kinds, self._context.clock.now()
        return await off_loop(lambda: gallery_answers.build_checked(template, typed, taken, kinds, now))

    async def _page(
        self,
        request: Request,
        reader: ReaderVisit,
        template: GalleryTemplate,
        typed: Mapping[str, str],
        *,
        built: BuiltFile | None = None,
        notice: Notice = "",
        status: int = 200,
    ) -> Response:
        workflow = built.workflow if built is not None else None
        kinds = self._context.service.engine.context.advancer.kinds
        asked = gallery_form.questions(template, typed, (built.wrong if built is not None else None) or {})
        return self._context.form(
            "workflow-answers",
            request,
            _about(template.name),
            status=status,
            address=reader.address,
            chosen=template,
            questions=asked,
            errors=[(one.id, one.error) for one in asked if one.error],
            workflow=workflow,
            steps=workflow_page_view.steps_in_words(workflow) if workflow is not None else (),
            diagram=workflow_diagram.plan(workflow, workflow_page_view.short) if workflow is not None else None,
            missing=find_missing(workflow, kinds) if workflow is not None else (),
            notice_text=notice,
        )
