"""The paths of our pages, pure: the server routes them, and emails carry links to them."""

from __future__ import annotations

from typing import Final

OPEN: Final = "/r"
"""Followed by the token of an emailed link: opens the request or the run that the link is about."""
REVIEW: Final = "/review"
"""Followed by the id of a request."""
ATTENTION: Final = "/attention"
"""Followed by the id of a run that asks its owner whether a step happened."""
SIGN_IN: Final = "/sign-in"
"""Followed by the id of a sign-in with an account."""
SIGNED_IN: Final = "/signed-in"
"""Where the identity provider sends people back."""
SUCCESSION: Final = "/pass-on"
"""Followed by the id of a request: lets another person decide it."""
REQUESTS: Final = "/requests"
"""Followed by the id of a request: all of it, for people who signed in."""
RUNS: Final = "/runs"
"""The list of runs that a person sees; followed by the id of a run: all of it."""
PREFERENCES: Final = "/preferences"
"""The page on which people choose when they are told of requests."""
INBOX: Final = "/inbox"
"""The list of requests that wait for the person who signed in."""
INSIGHTS: Final = "/insights"
"""The page that says what became of requests, for owners of workflows and for those who read everything."""
WORKFLOWS: Final = "/workflows"
"""The list of the workflows that a person owns; followed by a name: one workflow with its versions."""
NEW_WORKFLOW: Final = "/new-workflow"
"""The gallery; followed by the name of a template: its questions."""
NEW_WORKFLOW_FILE: Final = "/new-workflow-file"
"""The page on which a builder writes the file of a new workflow."""
WORKFLOW_FILE: Final = "/workflow-file"
"""What the editor of a workflow file asks: the JSON Schema, and the problems of a text that is sent."""
EXPORT: Final = "/export"
"""The page from which decisions are exported."""
SESSIONS: Final = "/sessions"
"""The list of the browsers in which a person has signed in."""


def review_link(public_url: str, token: str) -> str:
    """Return the link that an email carries. `public_url` has no slash at its end; its path may be a proxy's prefix."""
    return f"{public_url}{OPEN}/{token}"


def review_page(public_url: str, request: str) -> str:
    """Return the address of the page of a request, for people who have signed in."""
    return f"{public_url}{REVIEW}/{request}"


def request_page(public_url: str, request: str) -> str:
    """Return the address of the page of a whole request, for people who have signed in."""
    return f"{public_url}{REQUESTS}/{request}"


def run_page(public_url: str, run: str) -> str:
    """Return the address of the page of a run, for people who have signed in."""
    return f"{public_url}{RUNS}/{run}"


def sign_in_link(public_url: str, sign_in: str) -> str:
    """Return the link that a messenger shows to a person who has to sign in."""
    return f"{public_url}{SIGN_IN}/{sign_in}"


def redirect_url(public_url: str) -> str:
    """Return the address to which the identity provider sends people back."""
    return f"{public_url}{SIGNED_IN}"


def succession_page(public_url: str, request: str) -> str:
    """Return the address of the page on which the owner of a workflow passes a request on, after signing in."""
    return f"{public_url}{SUCCESSION}/{request}"
