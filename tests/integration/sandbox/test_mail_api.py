"""Email by script: the JSON API, the files of the page, and emails on disk."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import aiosmtplib
import pytest

from bot.devtools.sandbox import AppConfig, FrozenClock, RunningSandbox, persistence, sandbox, seed
from bot.devtools.sandbox.clock import Time
from tests.support.certificates import encrypted_mail_config
from tests.support.smtp_conversation import MIA, SENDER, message, send, send_raw


class Script:
    def __init__(self, slack: RunningSandbox, session: aiohttp.ClientSession) -> None:
        self.slack = slack
        self.session = session

    async def __call__(self, method: str, path: str, status: int = 200, **given: Any) -> Any:
        async with self.session.request(method, self.slack.script_url + path, json=given or None) as response:
            assert response.status == status, await response.text()
            return await response.json()


PAGE = "<head><title>t</title></head><p hidden>Refund order A-1007?</p><p>Amount: 120 EUR</p>"


@pytest.fixture
def script(slack: RunningSandbox, session: aiohttp.ClientSession) -> Script:
    return Script(slack, session)


async def test_emails_are_listed_and_read(slack: RunningSandbox, script: Script) -> None:
    await send(
        slack,
        message(
            Message_ID="<1@b.example>",
            html=PAGE,
        ),
    )
    await send(slack, message("Re: Refund", In_Reply_To="<1@b.example>", Date=""))
    await send(slack, message("Other", to="ben@example.com"))
    listed = (await script("GET", f"mail?to={MIA}"))["mails"]
    assert [(item["id"], item["thread"], item["subject"]) for item in listed] == [
        ("1", "1", "Refund order A-1007?"),
        ("2", "1", "Re: Refund"),
    ]
    assert listed[0]["envelope"] == {"from": SENDER, "to": [MIA], "helo": listed[0]["envelope"]["helo"]}
    assert listed[0]["snippet"] == "Refund order A-1007? Amount: 120 EUR"
    assert [item["complaints"] for item in listed] == [[], ["There is no Date."]]
    assert [email["id"] for email in (await script("GET", "mail?last=2"))["mails"]] == ["2", "3"]
    assert [email["id"] for email in (await script("GET", "mail?subject=Other"))["mails"]] == ["3"]
    read = (await script("GET", "mail/1"))["mail"]
    assert ["Subject", "Refund order A-1007?"] in read["headers"]
    assert (read["text"], read["html"]) == ("Refund order A-1007?\n\nAmount: 120 EUR\n", f"{PAGE}\n")
    assert (await script("GET", "mail/9", 409))["error"] == "there is no mail '9'"
    await script("DELETE", "mail")
    assert (await script("GET", "mail"))["mails"] == []


async def test_an_email_can_be_fetched_byte_by_byte(slack: RunningSandbox, session: aiohttp.ClientSession) -> None:
    await send(slack)
    async with session.get(slack.script_url + "mail/1/raw") as response:
        assert response.content_type == "message/rfc822"
        assert await response.read() == slack.mail.received()[0].raw
    async with session.get(slack.script_url + "mail/2/raw") as response:
        assert response.status == 404
    async with session.get(slack.script_url + "mail/1/raw", headers={"Host": "evil.example"}) as response:
        assert response.status == 403


async def test_every_person_and_every_address_with_email_has_a_mailbox(slack: RunningSandbox, script: Script) -> None:
    await send(slack, message(to="Nobody@elsewhere.example"))
    boxes = {mailbox["address"]: mailbox for mailbox in (await script("GET", "mailboxes"))["mailboxes"]}
    assert boxes[MIA] == {
        "address": MIA, "name": "Mia Approver", "tz": "Europe/Berlin", "account": None, "count": 0, "mails": [],
    }  # fmt: skip

    assert boxes["ada@example.com"]["account"] == "ada"
    assert (boxes["nobody@elsewhere.example"]["name"], boxes["nobody@elsewhere.example"]["count"]) == (None, 1)
    ((mail,),) = (item["mails"] for item in boxes.values() if item["count"])
    assert (mail["id"], mail["received_at"]) == ("1", slack.mail.received()[0].received_at)
    assert [outsider["email"] for outsider in (await script("GET", "users"))["outsiders"]] == [MIA]
    assert (await script("GET", "state"))["outsiders"][0]["name"] == "mia"


async def test_faults_are_armed_and_lifted_by_script(slack: RunningSandbox, script: Script) -> None:
    armed = await script("POST", "mail/faults", on="rcpt", kind="error", code=550, to=MIA, times=None)
    assert (armed["down"], armed["queue"][0]["code"]) == (False, 550)
    assert await script("GET", "mail/faults") == armed
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
        await send(slack)
    assert "cannot hit" in (await script("POST", "mail/faults", 409, on="mail", kind="broken"))["error"]
    assert "unexpected keyword" in (await script("POST", "mail/faults", 409, on="mail", kind="lost", x=1))["error"]
    assert (await script("POST", "mail/faults", down=True))["down"]
    with pytest.raises(aiosmtplib.SMTPConnectError):
        await send(slack)
    assert await script("DELETE", "mail/faults") == {"down": False, "queue": []}
    await send(slack)
    assert not (await script("POST", "mail/faults", down=False))["down"]


async def test_a_fresh_world_has_no_emails_and_a_working_mail_server(slack: RunningSandbox, script: Script) -> None:
    await send(slack)
    slack.mail.fault("mail", "lost")
    await slack.mail.go_down()
    await script("POST", "reset")
    assert slack.mail.received() == []
    await send(slack)


async def test_the_mail_server_tells_its_url(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async with sandbox() as slack:
        plain = {"url": f"smtp://127.0.0.1:{slack.mail.port}", "security": "plain", "ca": None}
        assert await Script(slack, session)("GET", "mail/server") == plain
    async with sandbox(host="::1", mail=encrypted_mail_config(tmp_path, "starttls")) as slack:
        server = await Script(slack, session)("GET", "mail/server")
        assert server["url"] == f"smtp+starttls://[::1]:{slack.mail.port}"
        assert server["ca"] == str(tmp_path / "ca.pem")


HOSTILE = (
    b"",
    b"\r\n",
    b"Subject: =?utf-8?b?A?= =?x?q?\r\nFrom: <<>>\r\n\r\n",
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html; charset=hex\r\n\r\nzz",
    b"Content-Type: text/plain; charset=unicode_escape\r\n\r\n\\ud800",
    b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (item, item) for item in range(2000)),
)


async def test_no_email_breaks_the_api_or_the_page(slack: RunningSandbox, session: aiohttp.ClientSession) -> None:
    for content in HOSTILE:
        await send_raw(slack, content)
    paths = ["mail", *(f"mail/{number}{part}" for number in range(1, len(HOSTILE) + 1) for part in ("", "/raw"))]
    for path in paths:
        async with session.get(slack.script_url + path) as response:
            assert response.status == 200
    for number in range(1, len(HOSTILE) + 1):
        async with session.get(f"{slack.page_url}/mail/{number}/rendered") as response:
            assert response.status == 200


async def test_the_html_of_an_email_is_served_without_any_rights(
    slack: RunningSandbox, session: aiohttp.ClientSession
) -> None:
    await send(slack, message(html='<script>alert(1)</script><a href="https://example.com/">x</a>'))
    async with session.get(f"{slack.page_url}/mail/1/rendered") as response:
        policy = response.headers["Content-Security-Policy"].split("; ")
        assert "default-src 'none'" in policy
        assert "sandbox allow-popups allow-popups-to-escape-sandbox" in policy
        assert not any(item.startswith(("script-src", "img-src", "connect-src")) for item in policy)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert 'rel="noopener noreferrer" href="https://example.com/"' in await response.text()
    for path, headers in (("/mail/2/rendered", {}), ("/mail/1/rendered", {"Host": "evil.example"})):
        async with session.get(slack.page_url + path, headers=headers) as response:
            assert response.status == 404


async def test_the_mailbox_page_shows_only_frames_of_the_sandbox(
    slack: RunningSandbox, session: aiohttp.ClientSession
) -> None:
    async with session.get(f"{slack.page_url}/mail") as response:
        assert response.status == 200
        assert "frame-src 'self'" in response.headers["Content-Security-Policy"]
        assert "unsafe" not in response.headers["Content-Security-Policy"]
    async with session.get(slack.page_url) as response:
        assert "frame-src" not in response.headers["Content-Security-Policy"]


async def test_emails_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "slack.json"
    world = partial(persistence.load, file)
    async with sandbox(world=world) as slack, persistence.save_changes(slack.slack, file):
        await send(slack)
        before = slack.mail.received()
        # A client whose email was accepted can rely on it.
        assert len(json.loads(file.read_bytes())["mails"]) == 1
    async with sandbox(world=world) as slack:
        assert slack.mail.received() == before
        await send(slack)
        assert [email.id for email in slack.mail.received()] == ["1", "2"]


def test_a_workspace_saved_before_email_existed_can_be_loaded(tmp_path: Path) -> None:
    time = Time(FrozenClock())
    saved = json.loads(persistence.dumps(seed.new_world(time, AppConfig())))
    del saved["mails"], saved["outsiders"]
    world = persistence.loads(json.dumps(saved).encode(), time)
    assert (world.mails, [outsider.email for outsider in world.outsiders]) == ([], [MIA])
