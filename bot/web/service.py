"""The use cases of the pages, as calls of the engine: identify visitors, check their access, and decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from engine.access import is_asked, may_see_request, takes_part
from engine.audit_entries import EntryKind
from engine.domain import Address, Assurance, Decide, Link, LinkState, Origin, Person, RememberedBrowser, Verdict
from engine.inbox import InboxQuery
from engine.json_values import Value
from engine.read_models import RequestView, RunView
from engine.service import Engine, Identity


class AccessRefused(Enum):
    """Why a visitor may not see a request."""

    UNKNOWN_LINK = auto()
    EXPIRED_LINK = auto()
    REVOKED_LINK = auto()
    REASSIGNED = auto()
    NOT_AN_APPROVER = auto()
    NO_WAY_IN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewVisit:
    """A visit by a person who may see a request. `token` and `browser` are checked by the engine.

    `remembered`: they proved in this browser who they are, with a code or with their account. `signed_in`: with their
    account, some hours ago at most.
    """

    request: RequestView
    run: RunView
    together: Sequence[RequestView]
    """All requests of its run."""
    person: Person
    address: str
    remembered: bool
    decides: bool
    """Whether they are an approver. Others see the request because they were asked a question about it."""
    signed_in: bool
    other: str
    """The address of a person who signed in in this browser and takes no part: the link was sent to another person."""
    mark: str
    """The version of the request and its run that was read; any change gives another one."""
    token: str | None = field(repr=False)
    browser: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReviewService:
    """`builders`: who may register new workflows, written as in the approvers of a gate."""

    engine: Engine
    identity: Identity
    builders: tuple[str, ...] = ()

    async def visit(self, request: str, *, token: str | None, browser: str | None) -> ReviewVisit | AccessRefused:
        """Return the visit: of a remembered browser's person if they may see it, or else of the link's holder."""
        # Read first: a change in between makes the page look older than it is, never newer.
        revisions = mark(await self.engine.revisions(request))
        loaded = await self.engine.request_in_run(request)
        view = loaded[0] if loaded is not None else None
        remembered = await self.identity.browser(browser) if browser else None
        link = await self.identity.link(token) if token else None
        barred = None
        holder: RememberedBrowser | Link | None = link
        if view is not None and remembered is not None and takes_part(remembered.person, view):
            holder = remembered
        else:
            barred = _barred(view, remembered, link, token, request)
        if barred is not None:
            return barred
        assert loaded is not None
        assert holder is not None
        return ReviewVisit(
            request=loaded[0],
            run=loaded[1],
            together=loaded[2],
            person=holder.person,
            address=holder.address,
            remembered=holder is remembered,
            decides=is_asked(holder.person, loaded[0]),
            signed_in=isinstance(holder, RememberedBrowser) and holder.signed_in_until is not None,
            other=remembered.address if remembered is not None and holder is not remembered else "",
            mark=revisions,
            token=token if link is not None and link.request == request else None,
            browser=browser,
        )

    async def save_view(self, visit: ReviewVisit) -> None:
        """Remember that a known person saw the page. A link alone may be opened by a mail scanner."""
        if visit.remembered and visit.decides:
            await self.engine.save_view(visit.request.id, visit.person.id, "web")

    async def reads(self, request: str, browser: str | None) -> bool:
        """Return whether the person of a remembered browser may see a request, though they take no part in it."""
        remembered = await self.identity.browser(browser) if browser else None
        view = await self.engine.request(request) if remembered is not None else None
        if remembered is None or view is None:
            return False
        return may_see_request(self.engine.reader(remembered.person), view)

    async def still_sees(self, visit: ReviewVisit) -> bool:
        """Return whether the link or browser of the visit is still valid."""
        if visit.remembered:
            return visit.browser is not None and await self.identity.browser(visit.browser) is not None
        link = await self.identity.link(visit.token) if visit.token else None
        return link is not None and link.state is LinkState.LIVE

    async def was_decided_by(self, request: RequestView, form: str, verdict: Verdict) -> bool:
        """Return whether this very form decided the request, with this verdict."""
        story, kinds = await self.engine.story(request.run), _KINDS[verdict]
        decisions = (entry for entry in story if entry.request == request.id and entry.kind in kinds)
        places = (entry.content.get("place") for entry in decisions if entry.content)
        return any(isinstance(place, dict) and place.get("form") == form for place in places)

    async def next_for(self, visit: ReviewVisit) -> RequestView | None:
        """Return the next request that needs a person who has signed in, or None."""
        if not visit.remembered:
            return None
        query = InboxQuery(reader=self.engine.reader(visit.person), limit=2)
        waiting = (await self.engine.inbox(query)).requests
        return next((request for request in waiting if request.id != visit.request.id), None)


_KINDS: Final[Mapping[Verdict, frozenset[str]]] = {
    Verdict.APPROVE: frozenset({EntryKind.REQUEST_APPROVED, EntryKind.REQUEST_VOTED, EntryKind.REQUEST_CHANGED}),
    Verdict.REVISE: frozenset({EntryKind.REQUEST_CHANGES_REQUESTED}),
    Verdict.SKIP: frozenset({EntryKind.REQUEST_SKIPPED}),
    Verdict.REJECT: frozenset({EntryKind.REQUEST_REJECTED}),
}
"""The entries of the audit log that a decision with a verdict leaves."""


def mark(standing: tuple[int, int] | None) -> str:
    """Return the version of a request and its run, as pages carry it."""
    return "" if standing is None else "{}.{}".format(*standing)


def _barred(
    view: RequestView | None, remembered: RememberedBrowser | None, link: Link | None, token: str | None, request: str
) -> AccessRefused | None:
    """Return the refusal. A visitor who was not asked does not learn whether the request exists."""
    if link is None or link.request != request:
        if remembered is not None:
            return AccessRefused.NOT_AN_APPROVER
        return AccessRefused.UNKNOWN_LINK if token else AccessRefused.NO_WAY_IN
    if link.state is not LinkState.LIVE:
        return AccessRefused.EXPIRED_LINK if link.state is LinkState.EXPIRED else AccessRefused.REVOKED_LINK
    return None if view is not None and takes_part(link.person, view) else AccessRefused.REASSIGNED


def decision(
    visit: ReviewVisit,
    verdict: Verdict,
    *,
    content_version: int,
    digest: str,
    edits: Mapping[str, Value],
    reason: str,
    form: str,
) -> Decide:
    """Return the command of a submitted form. `form`: its single-use key."""
    return Decide(
        request=visit.request.id,
        verdict=verdict,
        actor=Address("email", visit.address),
        content_version=content_version,
        digest=digest,
        origin=Origin(surface="web", place={"form": form}),
        assurance=Assurance.LINK,
        edits={} if verdict in (Verdict.SKIP, Verdict.REJECT) else edits,
        reason=reason or None,
        link=visit.token,
        browser=visit.browser,
        form=form,
    )


def decision_from_inbox(
    request: str,
    verdict: Verdict,
    *,
    browser: RememberedBrowser,
    secret: str,
    seen: tuple[int, str],
    reason: str,
    form: str,
) -> Decide:
    """Return the command of a form of the inbox. `seen`: version and digest of the content that it showed.

    `secret`: of the browser; `form`: the single-use key of the form.
    """
    return Decide(
        request=request,
        verdict=verdict,
        actor=Address("email", browser.address),
        content_version=seen[0],
        digest=seen[1],
        origin=Origin(surface="web", place={"form": form}),
        assurance=Assurance.LINK,
        reason=reason or None,
        browser=secret,
        form=form,
    )
