"""No secret, token, code or link is ever in the log, at the most talkative level and while everything goes wrong."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp
import pytest

from bot import log, page_urls
from bot.app import wait_for_run
from bot.slack.transport import PATH
from engine.system import EnvironmentSecrets
from tests.support import html_forms
from tests.support.http_service import HttpService, open_http_service
from tests.support.log_state import restored_logging
from tests.support.server_env import MIA, ServerEnv, links, open_server
from tests.support.slack_env import copy_of

SHOP_SECRET, CONTENT = "s3cret-of-the-shop", "DE89370400440532013000"
IN_SLACK = f"""\
name: slack
title: Pay a supplier
steps:
  - id: pay
    uses: http
    with:
      method: POST
      url: "URL/pay"
      json: {{iban: {CONTENT}}}
      headers: {{Authorization: "{{{{ secret.SHOP }}}}"}}
    gate: {{title: "Pay Miller?", approvers: [WHO]}}
"""
BY_MAIL = f"""\
name: mail
title: Refund
steps:
  - {{id: note, uses: set, with: {{iban: {CONTENT}}}, gate: {{title: "Refund it?", approvers: [{MIA}]}}}}
"""


class Visitor:
    """A browser that keeps its cookies, and knows every secret that it was given."""

    def __init__(self, env: ServerEnv, session: aiohttp.ClientSession) -> None:
        self._env, self._session = env, session
        self.page = html_forms.read("")

    async def open(self, url: str) -> int:
        async with self._session.get(url) as answer:
            self.page = html_forms.read(await answer.text())
            return answer.status

    async def send(self, **fields: str) -> int:
        headers = {"Sec-Fetch-Site": "same-origin"}
        url = f"{self._env.url}{self.page.form.action}"
        async with self._session.post(url, data=self.page.form.with_(**fields), headers=headers) as answer:
            self.page = html_forms.read(await answer.text())
            return answer.status

    @property
    def cookies(self) -> list[str]:
        return [cookie.value for cookie in self._session.cookie_jar]


@asynccontextmanager
async def visitor(env: ServerEnv) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Visitor(env, session)


async def walk_in_slack(env: ServerEnv, service: HttpService) -> None:
    """Approve in Slack; the step fails and sends back what it got, and then Slack fails as well."""
    ada = env.sandbox.person("ada")
    await env.register(IN_SLACK.replace("URL", service.url).replace("WHO", ada.user.email))
    service.status = 500
    run = await env.start("slack")
    await env.sandbox.until(ada.sees)
    env.sandbox.fault("chat.update", "error", code="fatal_error")
    await ada.click("Approve", on=copy_of(ada, "Pay Miller?"))
    await wait_for_run(env.app, run)
    async with aiohttp.ClientSession() as session:
        await session.post(f"{env.url}{PATH}", data=b"payload=forged", headers={"X-Slack-Signature": "v0=forged"})
    env.sandbox.revoke()
    await env.start("slack")
    await env.app.engine.transact(lambda tx: None)


async def walk_by_mail(env: ServerEnv) -> list[str]:
    """Follow a link, decide with a code, and break a page. Return the request, and the secrets that were handed out."""
    await env.register(BY_MAIL)
    run = await env.start("mail")
    (email,) = await env.sandbox.mail.wait_for(to=MIA, subject="Refund it?")
    link = next(url for url in links(email) if page_urls.OPEN in url)
    async with visitor(env) as mia:
        assert await mia.open(link) == 200
        assert await mia.send(verdict="approve") == 200
        code = await env.code()
        assert await mia.send(code="00000000") == 422
        assert await mia.send(code=code) == 200
        cookies = mia.cookies
        with closing(sqlite3.connect(env.app.settings.database)) as connection:
            connection.execute("UPDATE request SET details = 'broken'")
            connection.commit()
        request = request_of(env, run)
        assert await mia.open(f"{env.url}{page_urls.REVIEW}/{request}") == 500
    return [request, link.rpartition("/")[2], code, *cookies]


def check_libraries() -> None:
    """Check that the loggers of libraries write nowhere else, now that the server has set them up."""
    for name in logging.root.manager.loggerDict:
        logger = logging.getLogger(name)
        if name.startswith(("uvicorn", "slack_")) and name != "uvicorn.access":  # it is off
            assert all(isinstance(handler, logging.NullHandler) for handler in logger.handlers), name
            assert logger.propagate, name
    logging.getLogger("uvicorn.error").warning("said by uvicorn")
    logging.getLogger("slack_bolt").warning("said by bolt")


def request_of(env: ServerEnv, run: str) -> str:
    with closing(sqlite3.connect(env.app.settings.database)) as connection:
        (request,) = connection.execute("SELECT id FROM request WHERE run = ?", (run,)).fetchone()
    return str(request)


async def test_a_whole_walk_leaves_no_secret_in_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment = {"SIGNOFF_SECRET_SHOP": SHOP_SECRET}
    workflow_secrets = EnvironmentSecrets(environment)
    with restored_logging(), open_http_service() as service:
        async with open_server(
            tmp_path, in_slack=True, more={"SIGNOFF_HTTP_ALLOW": "127.0.0.1"}, environment=environment
        ) as env:
            own = env.app.settings
            log.set_up("debug", "json", lambda text: workflow_secrets.redact(own.redact(text)))
            request, *handed_out = await walk_by_mail(env)
            await walk_in_slack(env, service)
            check_libraries()
            secrets = [env.sandbox.app.bot_token, env.sandbox.app.signing_secret, env.app.codes.key.hex()]
        written = capsys.readouterr().err
    assert len(handed_out) >= 4, "a link, a code, and cookies"
    for secret in (*secrets, *handed_out, SHOP_SECRET, CONTENT):
        assert secret not in written, secret
    assert "incident" in written, "something broke on the way"
    assert "Traceback" in written
    entries = [json.loads(line) for line in written.splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(entry) for entry in entries)
    said = {entry["message"]: entry["logger"] for entry in entries}
    assert (said["said by uvicorn"], said["said by bolt"]) == ("uvicorn.error", "slack_bolt")
    (wrong_code,) = [entry for entry in entries if "wrong code" in entry["message"]]
    assert "request_id" in wrong_code
    (broken_page,) = [entry for entry in entries if "incident" in entry]
    assert broken_page["request"] == request, "the request of the page, too"
