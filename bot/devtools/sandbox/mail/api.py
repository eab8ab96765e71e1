"""The scripting API for email, under `/sandbox/api/mail`. Documented in docs/sandbox-api.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from aiohttp import web

from bot.devtools.sandbox.api_responses import JsonHandlers, RequestRefused, newest
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.mail import mailbox
from bot.devtools.sandbox.mail.records import ReceivedMail
from bot.devtools.sandbox.mail.server import MailServer
from bot.devtools.sandbox.page_files import is_foreign
from bot.devtools.sandbox.slack import SlackSandbox

_SNIPPET: Final = 140


class MailApi:
    """Handlers of the scripting API."""

    def __init__(self, slack: SlackSandbox, mail: MailServer, answering: JsonHandlers) -> None:
        self.slack, self.mail, self.answering = slack, mail, answering

    def routes(self, root: str) -> list[web.RouteDef]:
        """Return all routes."""
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
        """Return the mailboxes of all people with an address, and of all other addresses that received email."""
        world = self.slack.world
        accounts = {user.email.lower(): user for user in world.users.values() if user.email}
        outside = {outsider.email.lower(): outsider for outsider in world.outsiders}
        received = defaultdict[str, list[ReceivedMail]](list)
        for mail in world.mails:
            for address in {recipient.lower() for recipient in mail.recipients}:
                received[address].append(mail)
        mailboxes = []
        for address in mailbox.addresses(world):
            account, owner = accounts.get(address), accounts.get(address) or outside.get(address)
            mailboxes.append(
                {
                    "address": address,
                    "name": owner.real_name if owner else None,
                    "tz": owner.tz if owner else None,
                    "account": account.name if account else None,
                    "count": len(received[address]),
                    "mails": [{"id": mail.id, "received_at": mail.received_at} for mail in received[address]],
                }
            )
        return {"mailboxes": mailboxes}

    def list(self, request: web.Request) -> Json:
        """Return emails without their contents, oldest first (`?to=`, `?subject=`, `?last=`)."""
        query = request.query
        mails = mailbox.find(self.slack.world, to=query.get("to"), subject=query.get("subject", ""))
        return {"mails": _summaries(newest(mails, request), threads=mailbox.threads(mails))}

    def read(self, request: web.Request) -> Json:
        """Return one email with its contents."""
        mail = mailbox.find_by_id(self.slack.world, request.match_info["id"])
        if mail is None:
            raise RequestRefused(f"there is no mail {request.match_info['id']!r}")
        parsed = mail.parsed
        contents = {"headers": parsed.headers, "text": parsed.text, "html": parsed.html}
        return {"mail": {**_summary(mail), **contents}}

    async def raw(self, request: web.Request) -> web.Response:
        """Return the bytes of one email."""
        if is_foreign(self.slack, request):
            return web.Response(status=403)
        mail = mailbox.find_by_id(self.slack.world, request.match_info["id"])
        if mail is None:
            return web.Response(status=404)
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        return web.Response(body=mail.raw, content_type="message/rfc822", headers=headers)

    async def clear(self, body: Json) -> Json:  # noqa: ARG002
        """Delete all emails."""
        self.mail.clear()
        return {}

    def server(self, request: web.Request) -> Json:  # noqa: ARG002
        """Return the address and the encryption of the mail server."""
        config = self.mail.config
        return {"url": self.mail.url, "security": config.security, "ca": str(config.ca) if config.ca else None}

    def faults(self, request: web.Request) -> Json:  # noqa: ARG002
        """Return the faults that are armed."""
        return self.mail.faults.to_json()

    async def add_fault(self, body: Json) -> Json:
        """Arm a fault, or switch the server off and on with `down`."""
        if "down" in body:
            await (self.mail.go_down() if body["down"] else self.mail.come_back())
        else:
            self.mail.fault(**body)
        return self.mail.faults.to_json()

    async def clear_faults(self, body: Json) -> Json:  # noqa: ARG002
        """Disarm all faults and start the server."""
        self.mail.faults.clear()
        await self.mail.come_back()
        return self.mail.faults.to_json()


def _summaries(mails: Sequence[ReceivedMail], *, threads: dict[str, str]) -> list[Json]:
    return [{**_summary(mail), "thread": threads[mail.id]} for mail in mails]


def _summary(mail: ReceivedMail) -> Json:
    parsed = mail.parsed
    return {
        "id": mail.id,
        "received_at": mail.received_at,
        "envelope": {"from": mail.sender, "to": mail.recipients, "helo": mail.helo},
        "from": parsed.header("from"),
        "to": parsed.header("to"),
        "subject": mail.subject,
        "snippet": parsed.preview[:_SNIPPET],
        "message_id": parsed.message_id,
        "references": parsed.references,
        "attachments": parsed.attachments,
        "complaints": mail.complaints,
        "has_html": parsed.html is not None,
        "tls": mail.tls,
        "user": mail.user,
        "size": len(mail.raw),
    }
