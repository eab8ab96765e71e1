"""The page of the services, with all refunds and deployments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Final
from urllib.parse import quote

from bot import palette
from bot.presentation import dates, states
from engine.domain import Tone

NOTHING_YET: Final = "Nothing was paid or deployed so far."
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
}
_REFRESH_SECONDS: Final = 3
"""How often the page loads itself again."""
_STYLE: Final = """\
html { background: var(--paper); color: var(--ink); }
body { max-width: 44rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; font: 16px/1.5 system-ui, sans-serif; }
header { display: flex; align-items: center; gap: .6rem; color: var(--soft); }
h1 { margin: 1.25rem 0 .25rem; font-size: 1.6rem; line-height: 1.25; }
p { margin: 0; }
.about { color: var(--soft); }
ol { margin: 1.25rem 0 0; padding: 0; list-style: none; display: grid; gap: .6rem; }
li, .nothing { padding: .8rem 1rem; border: 1px solid var(--line); border-radius: .75rem; background: var(--sheet); }
li { display: grid; grid-template-columns: auto 1fr; gap: 0 .7rem; overflow-wrap: anywhere; }
.nothing { margin-top: 1.25rem; }
.icon { color: var(--good); font-weight: 700; }
li > div { display: grid; gap: .1rem; }
.soft { color: var(--soft); font-size: .9rem; }
"""
_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{seconds}">
<title>What really happened – Signoff demo</title>
<link rel="icon" href="{mark}">
<style>{palette}{style}</style>
</head>
<body>
<header><img src="{mark}" alt="" width="28" height="28"> Signoff demo</header>
<main>
<h1>What really happened</h1>
<p class="about">The workflows of the demo call this service. Here is what it paid and deployed, the newest first.</p>
{body}
</main>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One effect. `approval`: who approved it, as a sentence, or nothing. All texts may have been typed by people."""

    done: str
    note: str = ""
    approval: str = ""
    at: datetime | None = None


def render_page(entries: Sequence[LedgerEntry]) -> str:
    """Render the page of these entries."""
    items = "".join(map(_item, entries))
    body = f"<ol>{items}</ol>" if items else f'<p class="nothing">{NOTHING_YET}</p>'
    mark = f"data:image/svg+xml,{quote(palette.mark())}"
    return _PAGE.format(seconds=_REFRESH_SECONDS, body=body, mark=mark, palette=palette.css(), style=_STYLE)


def _item(entry: LedgerEntry) -> str:
    note = f"<p>{escape(entry.note)}</p>" if entry.note else ""
    context = " · ".join(filter(None, (escape(entry.approval), _time(entry.at))))
    return (
        f'<li><span class="icon" aria-hidden="true">{states.ICONS[Tone.DONE]}</span>'
        f'<div><strong>{escape(entry.done)}</strong>{note}<p class="soft">{context}</p></div></li>'
    )


def _time(at: datetime | None) -> str:
    """Write a time in the zone of this machine, which is the zone of its reader."""
    if at is None:
        return ""
    text = dates.in_zone(at.astimezone().tzinfo)(at)
    return f'<time datetime="{at.isoformat(timespec="seconds")}">{text}</time>'
