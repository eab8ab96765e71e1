"""The scripting API for mail, under `/sandbox/api/mail`. Documented in docs/sandbox-api.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from aiohttp import web

from bot.devtools.sandbox.api_responses import Answering, Refused, last
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.mail import mailbox
from bot.devtools.sandbox.mail.records import ReceivedMail
from bot.devtools.sandbox.mail.server import MailServer
from bot.devtools.sandbox.page_files import foreign
from bot.devtools.sandbox.slack import Slack

_SNIPPET: Final = 140


class MailApi:
    """The handlers."""

    def __init__(self, slack: Slack, mail: MailServer, answering: Answering) -> None:
        self.slack, self.mail, self.answering = slack, mail, answering

    def routes(self, root: str) -> list[web.RouteDef]:
        """All of them."""
        get, post = self.answering.get, self.answering.post
        return [
            web.get(f"{root}/mailboxes", get(self.mailboxes)),
            web.get(f"{root}/mail", get(self.list)),
            web.delete(f"{root}/mail", post(self.clear)),
            web.get(f"{root}/mail/server", get(self.server)),
            web.get(f"{root}/mail/faults", get(self.faults)),
            web.post(f"{root}/mail/faults", post(self.add_fault)),
            web.delete(f"{root}/mail/faults", post(self.clear_faults)),
            web.get(f"{root}/mail/{{id}}", get(self.read)),
            web.get(f"{root}/mail/{{id}}/raw", self.raw),
        ]

    def mailboxes(self, request: web.Request) -> Json:  # noqa: ARG002 all reading handlers are called alike
        """Everybody who has an address, and every address that got mail."""
        world = self.slack.world
        accounts = {one.email.lower(): one for one in world.users.values() if one.email}
        outside = {one.email.lower(): one for one in world.outsiders}
        got = defaultdict[str, list[ReceivedMail]](list)
        for mail in world.mails:
            for address in {one.lower() for one in mail.recipients}:
                got[address].append(mail)
        found = []
        for address in mailbox.addresses(world):
            account, owner = accounts.get(address), accounts.get(address) or outside.get(address)
            found.append(
                {
                    "address": address,
                    "name": owner.real_name if owner else None,
                    "tz": owner.tz if owner else None,
                    "account": account.name if account else None,
                    "count": len(got[address]),
                    "mails": [{"id": one.id, "received_at": one.received_at} for one in got[address]],
                }
            )
        return {"mailboxes": found}

    def list(self, request: web.Request) -> Json:
        """Mails without their contents, oldest first (`?to=`, `?subject=`, `?last=`)."""
        query = request.query
        found = mailbox.found(self.slack.world, to=query.get("to"), subject=query.get("subject", ""))
        return {"mails": _summaries(last(found, request), threads=mailbox.threads(found))}

    def read(self, request: web.Request) -> Json:
        """One mail with its contents."""
        mail = mailbox.named(self.slack.world, request.match_info["id"])
        if mail is None:
            raise Refused(f"there is no mail {request.match_info['id']!r}")
        parsed = mail.parsed
        contents = {"headers": parsed.headers, "text": parsed.text, "html": parsed.html}
        return {"mail": {**_summary(mail), **contents}}

    async def raw(self, request: web.Request) -> web.Response:
        """One mail, byte by byte."""
        if foreign(self.slack, request):
            return web.Response(status=403)
        mail = mailbox.named(self.slack.world, request.match_info["id"])
        if mail is None:
            return web.Response(status=404)
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        return web.Response(body=mail.raw, content_type="message/rfc822", headers=headers)

    async def clear(self, given: Json) -> Json:  # noqa: ARG002
        """Throw all mails away."""
        self.mail.clear()
        return {}

    def server(self, request: web.Request) -> Json:  # noqa: ARG002
        """Where mail is taken."""
        config = self.mail.config
        return {"url": self.mail.url, "security": config.security, "ca": str(config.ca) if config.ca else None}

    def faults(self, request: web.Request) -> Json:  # noqa: ARG002
        """What is armed."""
        return self.mail.faults.to_json()

    async def add_fault(self, given: Json) -> Json:
        """Arm a fault, or switch the server off and on with `down`."""
        if "down" in given:
            await (self.mail.go_down() if given["down"] else self.mail.come_back())
        else:
            self.mail.fault(**given)
        return self.mail.faults.to_json()

    async def clear_faults(self, given: Json) -> Json:  # noqa: ARG002
        """No faults any more."""
        self.mail.faults.clear()
        await self.mail.come_back()
        return self.mail.faults.to_json()


def _summaries(mails: Sequence[ReceivedMail], *, threads: dict[str, str]) -> list[Json]:
    return [{**_summary(one), "thread": threads[one.id]} for one in mails]


def _summary(mail: ReceivedMail) -> Json:
    parsed = mail.parsed
    return {
        "id": mail.id,
        "received_at": mail.received_at,
        "envelope": {"from": mail.sender, "to": mail.recipients, "helo": mail.helo},
        "from": parsed.header("from"),
        "to": parsed.header("to"),
        "subject": mail.subject,
        "snippet": " ".join((parsed.text or "").split())[:_SNIPPET],
        "message_id": parsed.message_id,
        "references": parsed.references,
        "attachments": parsed.attachments,
        "complaints": mail.complaints,
        "has_html": parsed.html is not None,
        "tls": mail.tls,
        "user": mail.user,
        "size": len(mail.raw),
    }
