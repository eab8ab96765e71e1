"""The page of the services, with all refunds and deployments."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import quote

from bot import palette

NOTHING_YET: Final = "Nothing was paid or deployed so far."
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
}
_REFRESH_SECONDS: Final = 3
"""How often the page loads itself again."""
_STYLE: Final = """\
html { background: var(--paper); color: var(--ink); }
body { max-width: 42rem; margin: 0 auto; padding: 2rem 1rem; font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.25; }
ul { margin: 1.25rem 0 0; padding: 0; list-style: none; }
li { padding: .5rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
"""
_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="{seconds}">
<title>What really happened – Signoff demo</title>
<link rel="icon" href="{mark}">
<style>{palette}{style}</style>
</head>
<body>
<h1>What really happened</h1>
<p>The demo’s workflows call this service. It remembers what was paid and deployed, and this page follows.</p>
{body}
</body>
</html>
"""


def render_page(entries: Sequence[tuple[str, str]]) -> str:
    """Render the page of entries, each a verb and its details. Details contain text that people typed."""
    items = "".join(
        f"<li><strong>{escape(verb.capitalize())}</strong> {escape(details)}</li>" for verb, details in entries
    )
    body = f"<ul>{items}</ul>" if items else f"<p><strong>{NOTHING_YET}</strong></p>"
    mark = f"data:image/svg+xml,{quote(palette.mark())}"
    return _PAGE.format(seconds=_REFRESH_SECONDS, body=body, mark=mark, palette=palette.css(), style=_STYLE)
