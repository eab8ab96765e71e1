"""Reads what App Home shows to a person, on read connections, so that it never waits behind writes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from bot.presentation import absences, attention, dates, inbox_texts, progress, question_notes
from bot.presentation.characters import line
from bot.slack import home_view
from bot.slack.home_view import HomeContent
from bot.slack.ids import HomeRef, RunRef
from bot.slack.list_rows import RunList
from bot.slack.payloads import Actor
from bot.slack.service import SlackService
from engine.access import Reader, may_see_request
from engine.domain import Address, Card, Person, Phrase, RequestState
from engine.domain.accounts import SLACK
from engine.errors import ChannelError
from engine.inbox import InboxFilter, InboxPage, InboxPart, InboxQuery
from engine.read_models import RequestView, WorkflowView
from engine.requests.decision import why_alone

MOST_TOGETHER: Final = 50
"""Requests that are offered to be decided together at once."""
NO_ONE: Final = "-"
"""The id of no person. A filter by a person who is not known finds nothing."""
_EMPTY: Final = InboxPage(requests=(), need_you=0)


async def load(service: SlackService, by: Actor, shown: HomeRef) -> HomeContent:
    """Return the content of the tab for a person. `shown`: the part, the filter and the page."""
    try:
        reader = await _reader(service, by)
    except ChannelError as error:
        return HomeContent(page=_EMPTY, is_unsure=not error.permanent)
    if reader is None:
        is_builder = await service.may_register(by) is None
        return HomeContent(page=_EMPTY, builds=is_builder, can_start=bool(await service.engine.workflows()))
    person = reader.person
    wanted, words = await _filter(service, shown, person)
    shown, page = await _page(service, reader, shown, wanted)
    has_runs = shown.read in (HomeRef(), HomeRef(part=InboxPart.ALL))
    asked = await service.engine.requests_asking(person.id)
    runs = await _runs(service, by, shown) if has_runs else RunList()
    return HomeContent(
        shown=shown,
        reader=reader,
        page=page,
        has_all=await _has_all(service, reader),
        wanted=words,
        can_decide_several=sum(can_decide_together(view, person) for view in page.requests) > 1,
        attention=await _attention(service, person),
        asked=[*question_notes.open_to(asked, person.id)],
        runs=runs,
        builds=service.builds(person),
        can_start=bool(runs.runs) or not has_runs or bool(await service.engine.workflows()),
        away=await _away(service, person),
        figures=attention.own(await service.engine.figures(person.id)) if shown.part in attention.PARTS else "",
        notice=await _receipt(service, by, shown.receipt) if shown.receipt is not None else "",
    )


async def _reader(service: SlackService, by: Actor) -> Reader | None:
    """Return the person who opened the tab, or None. Only one who is not known yet is looked up, which writes.

    Raises `ChannelError` if Slack does not say who they are: the settings may name them as an admin or auditor.
    """
    person = await service.person(by)
    return service.engine.reader(person) if person is not None else await service.reader(by, required=True)


async def workflows(service: SlackService, by: Actor) -> list[tuple[str, str]]:
    """Return the names and titles of the workflows of which this person sees requests."""
    person = await service.person(by)
    if person is None:
        return []
    names = await service.engine.workflows_of(service.engine.reader(person))
    return [(one.name, line(one.title)) for one in names]


async def together(service: SlackService, by: Actor, shown: HomeRef) -> tuple[Person | None, Sequence[RequestView]]:
    """Return the first requests that need this person and that the filter wants."""
    person = await service.person(by)
    if person is None:
        return None, ()
    wanted, _ = await _filter(service, shown, person)
    query = InboxQuery(reader=service.engine.reader(person), filter=wanted, limit=MOST_TOGETHER)
    return person, (await service.engine.inbox(query)).requests


def can_decide_together(view: RequestView, person: Person) -> bool:
    """Return whether a person can decide a request together with others."""
    is_waiting = view.model.state is RequestState.PENDING and progress.is_asked(view, person)
    return is_waiting and why_alone(view.model) is None


async def _page(
    service: SlackService, reader: Reader, shown: HomeRef, wanted: InboxFilter
) -> tuple[HomeRef, InboxPage]:
    """Return the page, or the first one if what was on it is there no more."""
    after = shown.pages[-1] if shown.pages else None
    query = InboxQuery(reader=reader, part=shown.part, filter=wanted, after=after, limit=home_view.ROWS[shown.part])
    page = await service.engine.inbox(query)
    if page.requests or page.next or not shown.pages:
        return shown, page
    return await _page(service, reader, shown.first, wanted)


async def _has_all(service: SlackService, reader: Reader) -> bool:
    """Return whether the reader may see requests besides those that they decide."""
    if reader.reads_everything:
        return True
    query = InboxQuery(reader=reader, part=InboxPart.ALL, limit=1)
    return bool((await service.engine.inbox(query)).requests)


async def _runs(service: SlackService, by: Actor, shown: HomeRef) -> RunList:
    """Return the latest runs: all that the person may see among everything, else those that concern them.

    What Signoff itself asks is among the requests above, and would push out the few runs that are shown.
    """
    latest = service.readable_runs if shown.part is InboxPart.ALL else service.runs
    return await latest(by, started_only=True)


async def _attention(service: SlackService, person: Person) -> list[Card]:
    """Return the alerts about the runs that wait for this person as their owner."""
    runs = await service.engine.runs_waiting_for(person.id)
    alerts = [await service.alert(RunRef(run=run.id)) for run in runs]
    return [alert for alert in alerts if alert is not None and alert.step is not None]


async def _away(service: SlackService, person: Person) -> Phrase:
    """Return until when a person is away, or nothing if they are not."""
    now = service.clock.now()
    absence = await service.engine.absence(person.id, now)
    return () if absence is None else absences.away(absence, is_own=True, is_now=absence.covers(now))


async def _receipt(service: SlackService, by: Actor, request: str) -> Phrase:
    """Return what the person did with a request, or how it ended before, after its question."""
    view, person = await service.engine.request(request), await service.person(by)
    if view is None or person is None or not may_see_request(service.engine.reader(person), view):
        return ()
    if view.model.state is RequestState.PENDING and not progress.may_only_reject(view, person):
        return ()
    about = line(view.title)
    return (f"{about}{'' if about.endswith(('?', '.', '!')) else '.'} ", *await service.receipt(by, request))


# -- the filter ---------------------------------------------------------------------------------------------


async def _filter(service: SlackService, shown: HomeRef, person: Person) -> tuple[InboxFilter, str]:
    """Return the filter, and the same in words. Its days are those of the person's time zone."""
    zone = dates.zone_of(person) or UTC
    who = await service.engine.person(Address(SLACK.name, shown.user)) if shown.user is not None else None
    wanted = InboxFilter(
        workflow=shown.workflow,
        person=who.id if who is not None else NO_ONE if shown.user else "",
        state=shown.state,
        since=midnight(shown.since, zone),
        until=midnight(shown.until, zone, after=1),
        search=shown.search,
    )
    name = line(who.label) if who is not None else "a person who has not used Signoff"
    return wanted, inbox_texts.wanted(
        wanted, part=shown.part, person=name, workflow=await _title(service, shown.workflow), zone=zone
    )


async def _title(service: SlackService, workflow: str) -> str:
    """Return the title of the workflow with this name, or an empty text."""
    found = await service.engine.workflow(workflow) if workflow else None
    return found.title if isinstance(found, WorkflowView) else ""


def midnight(day: str | None, zone: tzinfo, *, after: int = 0) -> datetime | None:
    """Return the beginning of a day, so many days later; None for a day that has none."""
    try:
        chosen = date.fromisoformat(day) if day else None
    except ValueError:
        return None
    # A day beside the first or the last one has no midnight in every time zone.
    if chosen is None or not date.min.year < chosen.year < date.max.year:
        return None
    return datetime.combine(chosen + timedelta(days=after), time(), zone).astimezone(UTC)
