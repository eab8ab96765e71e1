"""The list of runs, pure: a row for each, and the addresses of its pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from bot.presentation import characters, oversight, people, questions, states
from engine.access import Reader, may_see_request
from engine.domain import Tone
from engine.read_models import PageQuery, RequestView, RunView

_ID: Final = re.compile(r"[0-9a-z]{1,40}")
OPEN: Final = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRun:
    """One run of the list. `title` tells it from others of its workflow."""

    id: str
    title: str
    workflow: str
    requester: str
    is_own: bool
    tone: Tone
    status: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunListPage:
    """A page of the list. `older`: the query of the next page, or None after the last one."""

    rows: tuple[ListedRun, ...]
    open_only: bool
    is_first: bool
    older: str | None


def query(params: Mapping[str, str], *, size: int) -> PageQuery:
    """Return what the address asks for. It reads one run more than a page of this size has."""
    before = params.get("before", "")
    valid = before if _ID.fullmatch(before) else None
    return PageQuery(limit=size + 1, before=valid, open_only=params.get("show") == OPEN)


def run_list(
    runs: Sequence[RunView], latest: Mapping[str, RequestView], reader: Reader, page: PageQuery
) -> RunListPage:
    """Return the page. `latest`: the latest request of each run, which names it if the reader may see it."""
    shown = runs[: page.limit - 1]
    show = {"show": OPEN} if page.open_only else {}
    return RunListPage(
        rows=tuple(_row(run, latest.get(run.id), reader) for run in shown),
        open_only=page.open_only,
        is_first=page.before is None,
        older=urlencode({**show, "before": shown[-1].id}) if len(runs) == page.limit else None,
    )


def _row(run: RunView, latest: RequestView | None, reader: Reader) -> ListedRun:
    seen = latest if latest is not None and may_see_request(reader, latest) else None
    asked = seen.oversight if seen is not None else None
    workflow = oversight.what_for(asked) if asked is not None else characters.line(run.workflow_title)
    tone, status = states.of_run(run.status, seen)
    return ListedRun(
        id=run.id,
        title=questions.of_run(run, seen) or workflow,
        workflow=workflow,
        requester=people.starter(run.requester),
        is_own=run.requester.id == reader.person.id,
        tone=tone,
        status=status.capitalize(),
        started_at=run.started_at,
        ended_at=run.ended_at,
    )
