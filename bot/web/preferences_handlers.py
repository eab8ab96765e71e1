"""Handlers of the page on which people choose when they are told of requests. It needs a browser that is signed in."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot.presentation import preferences, refusals
from bot.presentation.preferences import PreferencesForm
from bot.web import form_data
from bot.web.context import RequestContext
from bot.web.status_pages import Notice, PageLink, StatusPage
from engine.domain import (
    Address,
    InvalidPreferences,
    Origin,
    Person,
    Preferences,
    PreferencesSet,
    Refusal,
    RememberedBrowser,
    SetPreferences,
)

_ABOUT: Final = "preferences"
_STALE: Final = "Nothing was saved yet. Press the button again."
_INPUT_OF: Final = {"at": "at", "count": "count", "quiet": "quiet_until"}
"""The input below which a mistake stands, by what is wrong."""


class PreferencesPages:
    """The handlers of the page."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    async def show(self, request: Request) -> Response:
        """Show what holds, and the form to change it."""
        browser = await self._browser(request)
        return self._to_sign_in() if browser is None else self._form(request, browser)

    async def save(self, request: Request, form: FormData) -> Response:
        """Save the form."""
        browser = await self._browser(request)
        if browser is None:
            return self._to_sign_in()
        typed, salt = _typed(form), self._context.salt(request, form, _ABOUT)
        if salt is None:
            return self._form(request, browser, typed, _STALE)
        read = preferences.read(typed)
        answer = read if isinstance(read, InvalidPreferences) else await self._save(browser, read, salt)
        if isinstance(answer, InvalidPreferences):
            error = (_INPUT_OF[answer.what], refusals.sentence(answer))
            return self._form(request, browser, typed, errors=(error,))
        if isinstance(answer, Refusal):
            return self._form(request, browser, typed, refusals.phrase(answer))
        return self._context.status_page(self._saved(answer))

    async def _save(self, browser: RememberedBrowser, chosen: Preferences, salt: str) -> PreferencesSet | Refusal:
        actor = browser.account or Address("email", browser.address)
        origin = Origin(surface="web", place={"form": salt})
        command = SetPreferences(actor=actor, origin=origin, preferences=chosen)
        return await self._context.service.engine.set_preferences(command)

    async def _browser(self, request: Request) -> RememberedBrowser | None:
        secret = self._context.browser(request)
        return await self._context.service.identity.browser(secret) if secret else None

    def _form(
        self,
        request: Request,
        browser: RememberedBrowser,
        typed: PreferencesForm | None = None,
        notice: Notice = "",
        errors: tuple[tuple[str, str], ...] = (),
    ) -> Response:
        """Return the form. `typed`: what was sent and not saved; `errors`: a sentence for each wrong input, by name."""
        present = self._present(browser.person)
        return self._context.form(
            "preferences",
            request,
            _ABOUT,
            status=422 if notice or errors else 200,
            address=browser.address,
            words=preferences,
            chosen=preferences.chosen(present),
            zone="" if present.preferences.holds else preferences.zone(present),
            typed=typed or preferences.form_of(present.preferences),
            notice_text=notice,
            errors=errors,
        )

    def _present(self, person: Person) -> PreferencesSet:
        return self._context.service.engine.preferences(person)

    def _saved(self, answer: PreferencesSet) -> StatusPage:
        at = self._context.at
        ways = (PageLink("See your requests", at.inbox), PageLink("Change it again", at.preferences))
        return StatusPage(status=200, title="Saved", lines=(preferences.chosen(answer),), ways=ways)

    def _to_sign_in(self) -> Response:
        """Return the page for a person who has not signed in."""
        line = "Sign in with your email address. Then open this page again."
        ways = (PageLink("Sign in", self._context.at.inbox),)
        page = StatusPage(status=403, title="Sign in to choose how you are asked", lines=(line,), ways=ways)
        return self._context.status_page(page)


def _typed(form: FormData) -> PreferencesForm:
    digest, at, count, begin, end = (
        form_data.text(form, name).strip() for name in ("digest", "at", "count", "quiet_from", "quiet_until")
    )
    weekends = bool(form_data.text(form, "weekends"))
    return PreferencesForm(digest=digest, at=at, count=count, quiet_from=begin, quiet_until=end, weekends=weekends)
