"""The mailbox page at /sandbox/mail, and the HTML of mails, which is shown in a frame that can do nothing."""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from bot.devtools.sandbox import page_files
from bot.devtools.sandbox.mail import mailbox
from bot.devtools.sandbox.slack import Slack

_FRAME: Final = (
    # No scripts, forms or frames; nothing is loaded from anywhere, images neither. What a mail brings as styles may
    # be applied: it cannot reach out of the frame.
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
_LINK: Final = re.compile(r"<(a|area)(?=[\s/>])", re.IGNORECASE)


class MailWindow:
    """The handlers."""

    def __init__(self, slack: Slack) -> None:
        self.slack = slack

    def routes(self) -> list[web.RouteDef]:
        """The page and the frame. The page's other files are served with those of the Slack page."""
        return [
            web.get("/sandbox/mail", page_files.file(self.slack, "mail.html", frames=True)),
            web.get("/sandbox/mail/{id}/rendered", self.rendered),
        ]

    async def rendered(self, request: web.Request) -> web.Response:
        """The HTML of a mail."""
        mail = mailbox.named(self.slack.world, request.match_info["id"])
        if page_files.foreign(self.slack, request) or mail is None:
            return web.Response(status=404, text="There is no such mail.")
        headers = {**page_files.HEADERS, "Content-Security-Policy": _FRAME}
        return web.Response(text=linked(mail.html or ""), content_type="text/html", headers=headers)


def linked(html: str) -> str:
    """The same, but its links open in a window of their own: of two attributes of a name, browsers take the first."""
    return _LINK.sub(r'<\1 target="_blank" rel="noopener noreferrer"', html)
