"""No answer uses the host that a request names, at any path and behind any proxy."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.web_env import Answer, Browser, WebEnv, open_web

EVIL = {
    "Host": "evil.example:444",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": "host=evil.example;proto=http",
}


def check_urls(answer: Answer, url: str) -> None:
    """Check that all addresses in the answer are those of this server."""
    assert "evil" not in answer.text
    assert "evil" not in str(answer.headers)
    location = answer.headers.get("Location", "/")
    target, ours = urlsplit(location), urlsplit(url)
    assert (target.scheme, target.netloc) in (("", ""), (ours.scheme, ours.netloc)), location
    assert location.startswith("/") or location.startswith(url)
    assert not location.startswith("//")


def paths(env: WebEnv, request: str) -> list[str]:
    return [
        "/",
        "/inbox",
        f"/r/{env.token()}",
        f"/review/{request}",
        f"/review/{request}/events",
        "/code/x",
        "/healthz",
        "/robots.txt",
        "/static/x",
        "/nothing",
        "/slack/events",
    ]


@pytest.mark.parametrize("prefix", ["", "/approve/it"])
@pytest.mark.parametrize("strips", [True, False])
async def test_no_answer_uses_the_host_that_a_request_names(path: Path, prefix: str, strips: bool) -> None:
    async with open_web(path, prefix=prefix, scheme="https", host="signoff.example.com") as env:
        request = await env.request_approval()
        browser = Browser(env.session, env.base)
        browser.extra.update(EVIL)
        browser.stripped_prefix = prefix if strips else ""
        for bare in paths(env, request.id):
            for path_asked in (bare, f"{bare}/", f"{bare}//", f"{bare}/?a=b"):
                for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
                    browser.jar.clear()
                    answer = await browser.get(prefix + path_asked, method=method, follow=False)
                    check_urls(answer, env.url)
                    assert answer.status not in (301, 302, 307, 308), "this is a redirect of the library"
                    assert answer.status < 500, (method, path_asked)


@pytest.mark.parametrize("prefix", ["", "/approve/it"])
async def test_a_slash_at_the_end_is_served_like_none(path: Path, prefix: str) -> None:
    async with open_web(path, prefix=prefix, scheme="https", host="signoff.example.com") as env:
        request = await env.request_approval()
        browser = Browser(env.session, env.base)
        page = await browser.get(f"{prefix}/r/{env.token()}/", follow=False)
        assert page.status == 303
        assert page.headers["Location"] == f"{prefix}/review/{request.id}"
        for bare in ("/inbox", "/healthz", f"/review/{request.id}"):
            plain, slashed = [await browser.get(prefix + bare + end, follow=False) for end in ("", "/")]
            assert slashed.status == plain.status == 200, bare
        form = (await browser.get(f"{prefix}/review/{request.id}/")).page.form
        sent = await browser.post(f"{form.action}/", form.with_(verdict="approve"), kind=form.kind, follow=False)
        assert sent.headers["Location"].startswith(f"{prefix}/code/")
