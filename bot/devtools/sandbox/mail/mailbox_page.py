"""The mailbox page at /sandbox/mail, and the HTML of emails in a frame without any rights."""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from bot.devtools.sandbox import page_files
from bot.devtools.sandbox.mail import mailbox
from bot.devtools.sandbox.slack import SlackSandbox

_FRAME: Final = (
    # No scripts, forms or frames; nothing is loaded from anywhere, not even images. The styles of an email may
    # be applied: it cannot reach out of the frame.
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
_LINK: Final = re.compile(r"<(a|area)(?=[\s/>])", re.IGNORECASE)


class MailboxPage:
    """Handlers of the page."""

    def __init__(self, slack: SlackSandbox) -> None:
        self.slack = slack

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the page and the frame. The Slack page serves the other files."""
        return [
            web.get("/sandbox/mail", page_files.serve_file(self.slack, page_files.FOLDER / "mail.html", frames=True)),
            web.get("/sandbox/mail/{id}/rendered", self.rendered),
        ]

    async def rendered(self, request: web.Request) -> web.Response:
        """Return the HTML of an email."""
        mail = mailbox.find_by_id(self.slack.world, request.match_info["id"])
        if page_files.is_foreign(self.slack, request) or mail is None:
            return web.Response(status=404, text="There is no such mail.")
        headers = {**page_files.HEADERS, "Content-Security-Policy": _FRAME}
        return web.Response(text=open_links_in_new_window(mail.html or ""), content_type="text/html", headers=headers)


def open_links_in_new_window(html: str) -> str:
    """Return the page with links that open a new window. Browsers take the first of two attributes of one name."""
    return _LINK.sub(r'<\1 target="_blank" rel="noopener noreferrer"', html)
