"""The URLs of our pages, pure: every address, redirect and cookie is made from the public address alone.

The Host header of a request is never used: a client can send anything in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from bot import page_urls

CODE: Final = "/code"
BEGIN: Final = "begin"
"""The last part of the path that sends a browser to the identity provider."""
DECIDE: Final = "decide"
EDIT: Final = "edit"
"""The last part of the path on which a workflow file is changed."""
EVENTS: Final = "events"
FILES: Final = "files"
"""Followed by the id of a file, after the path of the page on which it is."""
ITEMS: Final = "items"
"""The last part of the path, or followed by a visit, of the page with all items of a foreach."""
RATE: Final = "rate"
"""The last part of the path on which a request is rated."""
START: Final = "start"
"""The last part of the path on which a run of a workflow is started."""
TRY: Final = "try"
"""The last part of the path on which a workflow is tried."""
UNDO: Final = "undo"
"""The last part of the path on which an approval is undone."""
VERSIONS: Final = "versions"
"""The last part of the path on which two versions of a workflow are compared."""
STATIC: Final = "/static"
HEALTH: Final = "/healthz"
ROBOTS: Final = "/robots.txt"
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class SiteUrls:
    """`origin`: as browsers send it. `prefix`: the path of the public address, without a slash at its end."""

    origin: str
    prefix: str

    @property
    def is_secure(self) -> bool:
        return self.origin.startswith("https:")

    @property
    def root(self) -> str:
        """The path that covers all of our pages, for cookies."""
        return self.prefix or "/"

    def path(self, head: str, *parts: str) -> str:
        """Return the path of a page for links, redirects and cookies."""
        return self.prefix + "/".join([head, *(quote(part, safe="") for part in parts)])

    def review(self, request: str) -> str:
        return self.path(page_urls.REVIEW, request)

    def rate(self, request: str) -> str:
        return self.path(page_urls.REVIEW, request, RATE)

    def undo(self, request: str) -> str:
        return self.path(page_urls.REVIEW, request, UNDO)

    def attention(self, run: str) -> str:
        return self.path(page_urls.ATTENTION, run)

    def succession(self, request: str) -> str:
        return self.path(page_urls.SUCCESSION, request)

    def code(self, challenge: str) -> str:
        return self.path(CODE, challenge)

    def sign_in(self, sign_in: str) -> str:
        return self.path(page_urls.SIGN_IN, sign_in)

    def begin_sign_in(self, sign_in: str) -> str:
        return self.path(page_urls.SIGN_IN, sign_in, BEGIN)

    def request(self, request: str) -> str:
        return self.path(page_urls.REQUESTS, request)

    def run(self, run: str) -> str:
        return self.path(page_urls.RUNS, run)

    def review_file(self, request: str, file: str) -> str:
        return self.path(page_urls.REVIEW, request, FILES, file)

    def request_file(self, request: str, file: str) -> str:
        return self.path(page_urls.REQUESTS, request, FILES, file)

    def run_file(self, run: str, file: str) -> str:
        return self.path(page_urls.RUNS, run, FILES, file)

    def review_items(self, request: str) -> str:
        return self.path(page_urls.REVIEW, request, ITEMS)

    def request_items(self, request: str) -> str:
        return self.path(page_urls.REQUESTS, request, ITEMS)

    def run_items(self, run: str, visit: str) -> str:
        return self.path(page_urls.RUNS, run, ITEMS, visit)

    @property
    def runs(self) -> str:
        return self.path(page_urls.RUNS)

    @property
    def inbox(self) -> str:
        return self.path(page_urls.INBOX)

    @property
    def sessions(self) -> str:
        return self.path(page_urls.SESSIONS)

    @property
    def preferences(self) -> str:
        return self.path(page_urls.PREFERENCES)

    @property
    def insights(self) -> str:
        return self.path(page_urls.INSIGHTS)

    @property
    def workflows(self) -> str:
        return self.path(page_urls.WORKFLOWS)

    def workflow(self, name: str) -> str:
        return self.path(page_urls.WORKFLOWS, name)

    def edit_workflow(self, name: str) -> str:
        return self.path(page_urls.WORKFLOWS, name, EDIT)

    def try_workflow(self, name: str) -> str:
        return self.path(page_urls.WORKFLOWS, name, TRY)

    def start_workflow(self, name: str) -> str:
        return self.path(page_urls.WORKFLOWS, name, START)

    def compare_versions(self, name: str, before: int, after: int) -> str:
        return f"{self.path(page_urls.WORKFLOWS, name, VERSIONS)}?{urlencode({'from': before, 'to': after})}"

    @property
    def new_workflow(self) -> str:
        return self.path(page_urls.NEW_WORKFLOW)

    def new_from(self, template: str) -> str:
        return self.path(page_urls.NEW_WORKFLOW, template)

    @property
    def new_file(self) -> str:
        return self.path(page_urls.NEW_WORKFLOW_FILE)

    @property
    def workflow_file(self) -> str:
        return self.path(page_urls.WORKFLOW_FILE)

    @property
    def export(self) -> str:
        return self.path(page_urls.EXPORT)

    @property
    def decide(self) -> str:
        """The path to which the forms of the inbox are sent that decide requests."""
        return self.path(page_urls.INBOX, DECIDE)

    @property
    def inbox_events(self) -> str:
        return self.path(page_urls.INBOX, EVENTS)


def place(public_url: str) -> SiteUrls:
    """Return the URLs for a public address such as `https://signoff.example.com/prefix`; empty: plain loopback."""
    parts = urlsplit(public_url or "http://127.0.0.1")
    host = (parts.hostname or "").encode("idna").decode() if not (parts.hostname or "").isascii() else parts.hostname
    host = f"[{host}]" if host and ":" in host else host
    port = "" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}"
    return SiteUrls(f"{parts.scheme}://{host}{port}", parts.path.rstrip("/"))


def inside(path: str, prefix: str, heads: frozenset[str]) -> str:
    """Return the path without the prefix, whether or not the proxy in front of us removes it.

    `heads`: the first segments that we serve. The prefix is removed only if one of them follows it.
    """
    whole = f"{path}/" if path == prefix else path
    rest = whole[len(prefix) :]
    is_ours = whole.startswith(f"{prefix}/") and rest.split("/", 2)[1] in heads
    return rest if prefix and is_ours else path
