"""The browsers of the people in the story: they keep cookies, follow links, fill in forms and press buttons."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from bot.devtools.demo import page_parser
from bot.devtools.demo.narration import Broken
from bot.devtools.demo.page_parser import ParsedPage

_CALLS_ITSELF: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_FROM_A_MAIL: Final = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
_FROM_A_PAGE: Final = {**_FROM_A_MAIL, "Sec-Fetch-Site": "same-origin"}
"""What browsers say of where a request comes from; no page can say it for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPage:
    """What a browser shows. `url`: what stands in its address bar."""

    status: int
    url: URL
    page: ParsedPage


class Browser:
    """One that nobody else uses."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def follow(self, url: str | URL, *, method: str = "GET") -> LoadedPage:
        """Open a link of a mail. `method`: HEAD is what programs use that look where a link leads."""
        async with self._session.request(method, url, headers=_FROM_A_MAIL, allow_redirects=True) as answer:
            return await _shown(answer)

    async def press(self, shown: LoadedPage, button: str, values: Mapping[str, str] | None = None) -> LoadedPage:
        """Type something into the inputs with these labels, and press a button. Raises `Broken` for what is missing."""
        form = shown.page.form
        typed = values or {}
        if form is None or button not in form.buttons or not typed.keys() <= form.labels.keys():
            raise Broken(f"there is a page with {[*typed, button]}", shown.page.words)
        name, value = form.buttons[button]
        sent = {**form.values, **{form.labels[label]: one for label, one in typed.items()}}
        body = aiohttp.FormData(default_to_multipart=form.kind == "multipart/form-data")
        for key, one in [*sent.items(), *([(name, value)] if name else [])]:
            body.add_field(key, one)
        async with self._session.post(shown.url.join(URL(form.action)), data=body, headers=_FROM_A_PAGE) as answer:
            return await _shown(answer)


async def _shown(answer: aiohttp.ClientResponse) -> LoadedPage:
    return LoadedPage(status=answer.status, url=answer.url, page=page_parser.read(await answer.text()))


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """A browser without any cookies, while the body runs."""
    # Cookies of a machine that has no name are kept by browsers, and by aiohttp only if it is told to.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, headers={"User-Agent": _CALLS_ITSELF}) as session:
        yield Browser(session)
