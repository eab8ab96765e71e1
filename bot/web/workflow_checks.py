"""What the editor of a workflow file asks while a person types: the JSON Schema, and the problems of the text."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.web import form_data
from bot.web.context import RequestContext
from bot.web.reader_visit import reader_visit
from engine.errors import DefinitionError, Problem
from engine.off_loop import off_loop
from engine.steps.workflow_schema import workflow_schema

_RENAMED: Final = (
    "The file has another name now. Here it stays {name}; to begin a new workflow, register the file in Slack "
    "or with signoff register."
)
_NAME: Final = re.compile(r"^name\s*:\s*", re.MULTILINE)


class WorkflowChecks:
    """The handlers. Nothing is written. `name`: the workflow whose file is changed, or empty for a new one."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context
        self._schema: bytes | None = None

    @property
    def schema_url(self) -> str:
        """The address of the schema. It has a hash of its content, so browsers may cache it for ever."""
        return f"{self._context.at.workflow_file}?v={hashlib.sha256(self._written_schema()).hexdigest()[:16]}"

    async def schema(self, request: Request) -> Response:
        """Return the JSON Schema of files for this server, with the step types that are installed here."""
        if await reader_visit(self._context, request) is None:
            return Response(status_code=403)
        headers = {"Cache-Control": "private, max-age=31536000, immutable"}
        return Response(self._written_schema(), media_type="application/schema+json", headers=headers)

    async def check(self, request: Request, form: FormData) -> Response:
        """Return the problems of a text, with line and column, in the words of `signoff check`."""
        if await reader_visit(self._context, request) is None:
            return Response(status_code=403)
        typed, name = source_of(form), form_data.text(form, "name")
        problems = await off_loop(lambda: self.problems(typed, name))
        return JSONResponse({"problems": [_facts(problem) for problem in problems]})

    def problems(self, typed: str, name: str) -> tuple[Problem, ...]:
        """Return the problems of a file; that it is another workflow now is one of them."""
        try:
            workflow = self._context.service.engine.context.advancer.compiled(typed.encode("utf-8", "replace"))
        except DefinitionError as error:
            return tuple(error.problems)
        return () if not name or workflow.name == name else (_renamed(typed, name),)

    def _written_schema(self) -> bytes:
        if self._schema is None:
            kinds = self._context.service.engine.context.advancer.kinds
            self._schema = json.dumps(workflow_schema(kinds), separators=(",", ":")).encode()
        return self._schema


def source_of(form: FormData) -> str:
    """Return the text of the file in a form, with the ends of lines that it had before a browser sent it."""
    return form_data.text(form, "source").replace("\r\n", "\n")


def _renamed(typed: str, name: str) -> Problem:
    found = _NAME.search(typed)
    before = typed[: found.end()] if found is not None else ""
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return Problem(_RENAMED.format(name=name), path="name", line=line, column=column)


def _facts(problem: Problem) -> Mapping[str, Any]:
    return {
        "line": problem.line,
        "column": problem.column,
        "text": f"{problem.message} {problem.hint}".strip(),
    }
