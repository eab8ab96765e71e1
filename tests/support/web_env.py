"""An engine whose pages are served over real HTTP, and browsers that keep cookies as real ones do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Final

import aiohttp

from bot.devtools.demo.servers import free_port
from bot.web import routes, server
from bot.web.routes import ReviewPages
from bot.web.service import ReviewService
from engine.code_derivation import MIN_KEY
from engine.domain import DeliveryKind
from engine.ports import Directory, StepType
from engine.read_models import RequestView
from engine.steps.form import FormStep as Form_
from engine.steps.set import SetStep
from tests.support import html_forms
from tests.support.engine_env import EngineEnv, PlayedStep, open_engine
from tests.support.fakes import FakeClock, people_reached_by
from tests.support.html_forms import Form, Page

ADA, BEN = "ada@example.com", "ben@example.com"
CHROME: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
EMAIL_WORKFLOW: Final = """\
name: mail
title: Answer a customer
owner: sam@example.com
inputs:
  customer: {type: text, default: Kim}
  body: {type: long_text, default: "Dear Kim,\\nyour refund is on its way."}
steps:
  - id: prepare
    uses: set
    with: {subject: "Your refund", customer: "{{ inputs.customer }}"}
  - id: send
    uses: played
    with: {text: "{{ inputs.body }}", again: true}
    gate:
      title: "Send this to {{ inputs.customer }}?"
      reason: It was written by a machine.
      show: [{label: Customer, value: "{{ inputs.customer }}"}]
      approvers: [ada@example.com, ben@example.com]
      edit: [text]
      approve_label: Send email
      reject_label: Hold it back
KEYS
"""


PAY_WORKFLOW: Final = """\
name: pay
title: Pay a supplier
owner: sam@example.com
inputs: {note: {type: long_text, default: "Rent\\nApproved by Ada"}}
steps:
  - id: pay
    title: Pay the rent
    uses: played
    with: {text: "{{ inputs.note }}"}
  - id: book
    uses: set
    with: {receipt: "{{ steps.pay.receipt }}"}
"""
"""A workflow whose first step may lose its answer, which the second one reads."""


def email_workflow(keys: str = "") -> str:
    """The workflow, its gate with more keys: lines of six blanks."""
    return EMAIL_WORKFLOW.replace("KEYS", keys)


@dataclass(frozen=True, slots=True)
class Answer:
    """`page`: for HTML."""

    status: int
    headers: Mapping[str, str]
    cookies: Sequence[str]
    text: str
    path: str

    @property
    def page(self) -> Page:
        return html_forms.read(self.text)


@dataclass
class Browser:
    """Keeps cookies by name and path. `base`: where the server really is; `extra`: headers of every request."""

    session: aiohttp.ClientSession
    base: str
    extra: dict[str, str] = field(default_factory=lambda: {"Sec-Fetch-Site": "same-origin", "User-Agent": CHROME})
    jar: dict[tuple[str, str], str] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    strips: str = ""
    """The prefix that a proxy in front of the server takes away."""

    async def get(self, path: str, *, method: str = "GET", follow: bool = True) -> Answer:
        return await self._go(method, path, None, follow=follow)

    async def post(
        self,
        path: str,
        fields: Sequence[tuple[str, str]],
        *,
        kind: str = "multipart/form-data",
        follow: bool = True,
        **headers: str | None,
    ) -> Answer:
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {name: value for name, value in {**self.extra, **changed}.items() if value is not None}
        data: Any = [*fields]
        if kind == "multipart/form-data":
            data = aiohttp.FormData(default_to_multipart=True)
            for name, value in fields:
                data.add_field(name, value)
        return await self._go("POST", path, data, follow=follow, headers=given)

    async def send(
        self,
        form: Form,
        verdict: str = "approve",
        *,
        typed: Mapping[str, str] | None = None,
        follow: bool = True,
        **changes: str,
    ) -> Answer:
        """Press a button of a form."""
        given = form.with_(**{**(typed or {}), **changes}, verdict=verdict)
        return await self.post(form.action, given, kind=form.kind, follow=follow)

    async def _go(
        self, method: str, path: str, data: Any, *, follow: bool, headers: Mapping[str, str] | None = None
    ) -> Answer:
        asked = self.base + (path.removeprefix(self.strips) if self.strips else path)
        sent = {**(self.extra if headers is None else headers), "Cookie": self._cookies(path)}
        async with self.session.request(method, asked, data=data, headers=sent, allow_redirects=False) as response:
            text = await response.text(errors="replace")
            cookies = response.headers.getall("Set-Cookie", [])
            answer = Answer(response.status, response.headers, cookies, text, path)
        self.answers.append(answer)
        for one in cookies:
            self._keep(one)
        if follow and 300 <= answer.status < 400:
            return await self.get(answer.headers["Location"])
        return answer

    def _cookies(self, path: str) -> str:
        path = path.partition("?")[0]
        fits = {
            name: value
            for (name, under), value in self.jar.items()
            if path == under or path.startswith(under.rstrip("/") + "/")
        }
        return "; ".join(f"{name}={value}" for name, value in fits.items())

    def _keep(self, header: str) -> None:
        for name, one in SimpleCookie(header).items():
            if one["max-age"] == "0":
                self.jar.pop((name, one["path"]), None)
            else:
                self.jar[name, one["path"]] = one.value


@dataclass
class WebEnv:
    """`url`: the public address."""

    engine_env: EngineEnv
    session: aiohttp.ClientSession
    url: str
    base: str

    @property
    def clock(self) -> FakeClock:
        return self.engine_env.clock

    def browser(self, **extra: str) -> Browser:
        made = Browser(self.session, self.base)
        made.extra.update(extra)
        return made

    async def request_approval(self, keys: str = "", *, source: str | None = None, **inputs: Any) -> RequestView:
        """A request whose mails have come."""
        text = source or email_workflow(keys)
        await self.engine_env.register(text)
        run = await self.engine_env.start(text.partition("\n")[0].removeprefix("name: "), **inputs)
        await self.engine_env.settle()
        return await self.engine_env.request(run)

    def token(self, address: str = ADA) -> str:
        """What the link in the newest mail carries."""
        found = self.engine_env.mail.to(address, DeliveryKind.REQUEST)[-1].token
        assert found is not None
        return found

    async def code(self, address: str = ADA) -> str:
        """The code in the newest mail."""
        await self.engine_env.settle()
        found = self.engine_env.mail.to(address, DeliveryKind.CODE)[-1].code
        assert found is not None
        return found

    async def codes(self, address: str = ADA) -> int:
        await self.engine_env.settle()
        return len(self.engine_env.mail.to(address, DeliveryKind.CODE))

    async def open_link(self, address: str = ADA, browser: Browser | None = None) -> tuple[Browser, Answer]:
        """A browser in which the link of the newest mail was opened."""
        used = browser or self.browser()
        return used, await used.get(f"/r/{self.token(address)}")

    async def enter_code(self, browser: Browser, at_code: Answer, address: str = ADA) -> Answer:
        """Type the code."""
        form = at_code.page.form
        return await browser.post(form.action, form.with_(code=await self.code(address)), kind=form.kind)

    async def sign_in(self, address: str = ADA) -> Browser:
        """A browser that is signed in."""
        browser = self.browser()
        form = (await browser.get("/inbox")).page.form
        at_code = await browser.post(form.action, form.with_(email=address), kind=form.kind)
        await self.enter_code(browser, at_code, address)
        return browser

    async def reload(self, request: RequestView) -> RequestView:
        """The request as it is now."""
        found = await self.engine_env.engine.request(request.id)
        assert found is not None
        return found


@asynccontextmanager
async def open_web(
    path: Path,
    *,
    prefix: str = "",
    scheme: str = "http",
    host: str | None = None,
    proxies: Sequence[str] = (),
    directory: Directory | None = None,
    steps: Mapping[str, StepType[Any]] | None = None,
) -> AsyncIterator[WebEnv]:
    """`host`: of the public address, where it is another than where the server really is."""
    usual: dict[str, StepType[Any]] = {"set": SetStep(), "form": Form_(), "played": PlayedStep()}
    async with (
        open_engine(path, directory=directory or people_reached_by("email"), steps=steps or usual) as env,
        aiohttp.ClientSession() as session,
    ):
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        url = f"{scheme}://{host or f'127.0.0.1:{port}'}{prefix}"
        review = ReviewPages(ReviewService(env.engine, env.identity), env.clock, b"k" * MIN_KEY)
        served = routes.site(url, mounted={}, review=review, proxies=proxies)
        async with server.listening(served, host="127.0.0.1", port=port):
            yield WebEnv(env, session, url, base)
