"""Serves the applications for programs beside our pages, at paths of their own: their errors are no pages."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from bot.web import site_urls


class MountedApps:
    """Wraps the site. `apps`: by the path below which an application answers everything, the longest first."""

    def __init__(self, app: ASGIApp, *, apps: Mapping[str, ASGIApp], prefix: str) -> None:
        self._app, self._apps, self._prefix = app, apps, prefix
        self._heads = frozenset(path.split("/", 2)[1] for path in apps)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        path = site_urls.inside(scope["path"], self._prefix, self._heads)
        for below, mounted in self._apps.items():
            if path == below or path.startswith(f"{below}/"):
                scope["path"], scope["root_path"] = path, ""
                return mounted(scope, receive, send)
        return self._app(scope, receive, send)
