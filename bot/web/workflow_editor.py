"""Handlers of the page on which a workflow file is changed: it is checked, compared, and then registered."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.web import form_data, registration, version_comparison, workflow_checks
from bot.web.context import RequestContext
from bot.web.reader_visit import STALE
from bot.web.registration import NotRegistered
from bot.web.status_pages import Notice
from bot.web.workflow_checks import WorkflowChecks
from bot.web.workflow_pages import WorkflowPages, WorkflowVisit
from engine.domain.workflow_commands import NewerVersion
from engine.errors import Problem
from engine.off_loop import off_loop
from engine.workflowfile import difference_words

REGISTER: Final = "register"
_CHANGED: Final = (
    "Version {version} was registered meanwhile. Your text is still here: compare it with the new version below, "
    "and register it if it is still right."
)


def _about(name: str) -> str:
    return f"edit:{name}"


class WorkflowEditor:
    """The handlers. What was typed is shown again with every problem."""

    def __init__(self, context: RequestContext, pages: WorkflowPages, checks: WorkflowChecks) -> None:
        self._context, self._pages, self._checks = context, pages, checks

    async def show(self, request: Request) -> Response:
        """Show the file in a form. Nothing is written."""
        visit = await self._pages.visit(request)
        if isinstance(visit, Response):
            return visit
        return await self._page(request, visit, visit.view.source.decode("utf-8-sig", "replace"))

    async def save(self, request: Request, form: FormData) -> Response:
        """Check the file, or register it as the next version."""
        visit = await self._pages.visit(request)
        if isinstance(visit, Response):
            return visit
        typed = workflow_checks.source_of(form)
        salt = self._context.salt(request, form, _about(visit.view.name))
        if salt is None:
            return await self._page(request, visit, typed, notice=STALE, status=422)
        wrong = await off_loop(lambda: self._checks.problems(typed, visit.view.name))
        if wrong:
            return await self._page(request, visit, typed, problems=wrong, status=422)
        if form_data.text(form, "act") != REGISTER:
            return await self._page(request, visit, typed, is_checked=True)
        if form_data.text(form, "version") != str(visit.view.version):
            return await self._newer(request, typed)
        return await self._register(request, visit, typed, salt)

    async def _register(self, request: Request, visit: WorkflowVisit, typed: str, salt: str) -> Response:
        actor, base = visit.reader.actor, visit.view.version
        result = await registration.register(self._context, typed.encode(), actor, salt=salt, base=base)
        if isinstance(result, NewerVersion):
            return await self._newer(request, typed)
        if isinstance(result, NotRegistered):
            return await self._page(request, visit, typed, notice=result.notice, status=result.status)
        return result

    async def _newer(self, request: Request, typed: str) -> Response:
        """Show what was typed beside the version that was registered at the same moment."""
        visit = await self._pages.visit(request)
        if isinstance(visit, Response):
            return visit
        notice = _CHANGED.format(version=visit.view.version)
        return await self._page(request, visit, typed, notice=notice, is_checked=True, status=409)

    async def _page(
        self,
        request: Request,
        visit: WorkflowVisit,
        typed: str,
        *,
        notice: Notice = "",
        problems: tuple[Problem, ...] = (),
        is_checked: bool = False,
        status: int = 200,
    ) -> Response:
        def build_page() -> Response:
            old, new = (self._pages.compiled(one) for one in (visit.view.source, typed.encode("utf-8", "replace")))
            words = difference_words.sentences(old, new) if is_checked and old and new else []
            return self._context.form(
                "workflow-edit",
                request,
                _about(visit.view.name),
                status=status,
                address=visit.reader.address,
                view=visit.view,
                source=typed,
                schema_url=self._checks.schema_url,
                notice_text=notice,
                problems=problems,
                is_checked=is_checked,
                words=words,
                rows=version_comparison.compare(visit.view.source, typed.encode()) if is_checked else [],
            )

        return await off_loop(build_page)
