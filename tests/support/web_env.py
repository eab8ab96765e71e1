"""An engine whose pages are served over real HTTP, and simulated browsers that keep cookies."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Final

import aiohttp

from bot.devtools.demo.servers import free_port
from bot.openid.provider import IdentityProvider
from bot.web import routes, server
from bot.web.routes import ReviewPages
from bot.web.service import ReviewService
from engine.code_derivation import MIN_KEY, Codes
from engine.domain import Address, DeliveryKind
from engine.ports import Clock, Directory, StepType
from engine.read_models import RequestView
from engine.service import Engine, Identity
from engine.steps.form import FormStep as Form_
from engine.steps.set import SetStep
from engine.store.punctual import PunctualStore
from tests.support import html_forms
from tests.support.databases import OpenStore
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
"""A workflow whose first step can have an unknown outcome. Its second step reads the output of the first."""


def email_workflow(keys: str = "") -> str:
    """Return the workflow with these additional keys of its gate, each indented by six blanks."""
    return EMAIL_WORKFLOW.replace("KEYS", keys)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of the server. `page` parses its HTML."""

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
    """Keeps cookies by name and path. `base` is the real address of the server, `extra` the headers of requests."""

    session: aiohttp.ClientSession
    base: str
    extra: dict[str, str] = field(default_factory=lambda: {"Sec-Fetch-Site": "same-origin", "User-Agent": CHROME})
    jar: dict[tuple[str, str], str] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    stripped_prefix: str = ""
    """The path prefix that a proxy in front of the server removes."""

    async def get(self, path: str, *, method: str = "GET", follow: bool = True) -> Answer:
        return await self._go(method, path, None, follow=follow)

    async def post(
        self,
        path: str,
        fields: Sequence[tuple[str, str]],
        *,
        kind: str = "multipart/form-data",
        follow: bool = True,
        files: Sequence[tuple[str, str, bytes]] = (),
        **headers: str | None,
    ) -> Answer:
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        sent_headers = {name: value for name, value in {**self.extra, **changed}.items() if value is not None}
        data: Any = [*fields]
        if kind == "multipart/form-data":
            data = aiohttp.FormData(default_to_multipart=True)
            for name, value in fields:
                data.add_field(name, value)
            for name, filename, content in files:
                data.add_field(name, io.BytesIO(content), filename=filename, content_type="image/png")
        return await self._go("POST", path, data, follow=follow, headers=sent_headers)

    async def post_raw(self, path: str, body: bytes, **headers: str) -> Answer:
        """Send this body as it is."""
        return await self._go("POST", path, body, follow=False, headers={**self.extra, **headers})

    async def send(
        self,
        form: Form,
        verdict: str = "approve",
        *,
        typed: Mapping[str, str] | None = None,
        follow: bool = True,
        files: Sequence[tuple[str, str, bytes]] = (),
        **changes: str,
    ) -> Answer:
        """Press a button of a form. `files`: the input, the name and the bytes of each."""
        fields = form.with_(**{**(typed or {}), **changes}, verdict=verdict)
        return await self.post(form.action, fields, kind=form.kind, follow=follow, files=files)

    async def _go(
        self, method: str, path: str, data: Any, *, follow: bool, headers: Mapping[str, str] | None = None
    ) -> Answer:
        url = self.base + (path.removeprefix(self.stripped_prefix) if self.stripped_prefix else path)
        sent_headers = {**(self.extra if headers is None else headers), "Cookie": self._cookies(path)}
        async with self.session.request(
            method, url, data=data, headers=sent_headers, allow_redirects=False
        ) as response:
            text = await response.text(errors="replace")
            cookies = response.headers.getall("Set-Cookie", [])
            answer = Answer(response.status, response.headers, cookies, text, path)
        self.answers.append(answer)
        for cookie in cookies:
            self._keep(cookie)
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
        for name, cookie in SimpleCookie(header).items():
            if cookie["max-age"] == "0":
                self.jar.pop((name, cookie["path"]), None)
            else:
                self.jar[name, cookie["path"]] = cookie.value


@dataclass
class WebEnv:
    """An engine with its pages. `url` is the public address, `base` the real one."""

    engine_env: EngineEnv
    session: aiohttp.ClientSession
    url: str
    base: str

    @property
    def clock(self) -> FakeClock:
        return self.engine_env.clock

    def browser(self, **extra: str) -> Browser:
        new_browser = Browser(self.session, self.base)
        new_browser.extra.update(extra)
        return new_browser

    async def request_approval(self, keys: str = "", *, source: str | None = None, **inputs: Any) -> RequestView:
        """Start a run, deliver the emails of its request, and return the request."""
        text = source or email_workflow(keys)
        await self.engine_env.register(text)
        run = await self.engine_env.start(text.partition("\n")[0].removeprefix("name: "), **inputs)
        await self.engine_env.settle()
        return await self.engine_env.request(run)

    def token(self, address: str = ADA) -> str:
        """Return the token of the link in the newest email."""
        link_token = self.engine_env.mail.to(address, DeliveryKind.REQUEST)[-1].token
        assert link_token is not None
        return link_token

    async def code(self, address: str = ADA) -> str:
        """Return the code in the newest email."""
        await self.engine_env.settle()
        digits = self.engine_env.mail.to(address, DeliveryKind.CODE)[-1].code
        assert digits is not None
        return digits

    async def codes(self, address: str = ADA) -> int:
        await self.engine_env.settle()
        return len(self.engine_env.mail.to(address, DeliveryKind.CODE))

    async def open_link(self, address: str = ADA, browser: Browser | None = None) -> tuple[Browser, Answer]:
        """Open the link of the newest email in a browser, and return the browser and the page."""
        window = browser or self.browser()
        return window, await window.get(f"/r/{self.token(address)}")

    async def enter_code(self, browser: Browser, at_code: Answer, address: str = ADA) -> Answer:
        """Enter the code of the newest email on the page that asks for it."""
        form = at_code.page.form
        return await browser.post(form.action, form.with_(code=await self.code(address)), kind=form.kind)

    async def sign_in(self, address: str = ADA) -> Browser:
        """Sign in with a new browser, and return the browser."""
        browser = self.browser()
        form = (await browser.get("/inbox")).page.form
        at_code = await browser.post(form.action, form.with_(email=address), kind=form.kind)
        await self.enter_code(browser, at_code, address)
        return browser

    async def reload(self, request: RequestView) -> RequestView:
        """Return the current state of a request."""
        current = await self.engine_env.engine.request(request.id)
        assert current is not None
        return current


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
    patience: float | None = None,
    open_store: OpenStore | None = None,
    provider: Callable[[str, Clock], IdentityProvider] | None = None,
    clock: FakeClock | None = None,
    admins: Sequence[str] = (),
    auditors: Sequence[str] = (),
    builders: tuple[str, ...] = (),
    secrets: Mapping[str, str] | None = None,
) -> AsyncIterator[WebEnv]:
    """Open an engine with its pages. `host` is the host of the public address if it differs from the real one.

    `patience`: how long people wait for the database, in seconds; None: as long as it takes. `provider`: makes the
    identity provider for a public address. `admins`, `auditors`: their email addresses.
    """
    usual: dict[str, StepType[Any]] = {"set": SetStep(), "form": Form_(), "played": PlayedStep()}
    async with (
        open_engine(
            path,
            directory=directory or people_reached_by("email"),
            steps=steps or usual,
            open_store=open_store,
            clock=clock,
            secrets=secrets,
        ) as env,
        aiohttp.ClientSession() as session,
    ):
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        url = f"{scheme}://{host or f'127.0.0.1:{port}'}{prefix}"
        roles = [frozenset(Address("email", email) for email in emails) for emails in (admins, auditors)]
        files = env.engine.files
        env.engine = Engine(env.store, env.advancer, admins=roles[0], auditors=roles[1], files=files)
        env.identity = Identity(env.engine, Codes(b"k" * MIN_KEY), env.clock)
        service = ReviewService(env.engine, env.identity, builders)
        if patience is not None:
            prompt = Engine(
                PunctualStore(env.store, patience=patience), env.advancer, admins=roles[0], auditors=roles[1]
            )
            service = ReviewService(prompt, Identity(prompt, Codes(b"k" * MIN_KEY), env.clock), builders)
        signs_in = provider(url, env.clock) if provider is not None else None
        review = ReviewPages(service, env.clock, b"k" * MIN_KEY, signs_in)
        served = routes.site(url, mounted={}, review=review, proxies=proxies)
        async with server.listening(served, host="127.0.0.1", port=port):
            yield WebEnv(env, session, url, base)
