"""The modules of the pages that do no input or output."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.presentation import characters
from bot.web import csrf, review_view, site_urls, stale_form, status_pages, user_agents
from bot.web.renderer import Renderer
from bot.web.review_view import ShownField

ROUTE_HEADS = frozenset({"", "r", "review", "inbox"})


@pytest.mark.parametrize(
    ("url", "origin", "prefix"),
    [
        ("https://signoff.example.com", "https://signoff.example.com", ""),
        ("https://Signoff.Example.com:443/", "https://signoff.example.com", ""),
        ("https://example.com:8443/a/b/", "https://example.com:8443", "/a/b"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", ""),
        ("http://[::1]:8000", "http://[::1]:8000", ""),
        ("https://bücher.example", "https://xn--bcher-kva.example", ""),
        ("", "http://127.0.0.1", ""),
    ],
)
def test_the_origin_is_written_as_browsers_write_it(url: str, origin: str, prefix: str) -> None:
    urls = site_urls.place(url)
    assert (urls.origin, urls.prefix) == (origin, prefix)
    assert urls.is_secure is url.startswith("https")


@pytest.mark.parametrize(
    ("path", "prefix", "inside"),
    [
        ("/review/x", "", "/review/x"),
        ("/p/review/x", "/p", "/review/x"),
        ("/review/x", "/p", "/review/x"),
        ("/review/x", "/review", "/review/x"),
        ("/review/review/x", "/review", "/review/x"),
        ("/p/nothing", "/p", "/p/nothing"),
        ("/px/review", "/p", "/px/review"),
        ("/p", "/p", "/"),
        ("/p/", "/p", "/"),
        ("/", "/p", "/"),
        ("/px", "/p", "/px"),
    ],
)
def test_the_prefix_is_taken_away_where_it_is_one(path: str, prefix: str, inside: str) -> None:
    assert site_urls.inside(path, prefix, ROUTE_HEADS) == inside


def test_paths_are_quoted() -> None:
    urls = site_urls.place("https://example.com/p")
    assert urls.review("a/b?c") == "/p/review/a%2Fb%3Fc"
    assert urls.code("x") == "/p/code/x"
    assert urls.inbox == "/p/inbox"
    assert urls.root == "/p"
    assert site_urls.place("https://example.com").root == "/"


def test_a_nonce_is_valid_for_one_browser_and_one_purpose() -> None:
    key, salt = b"k" * 32, "s" * 24
    nonce = csrf.nonce(key, holder="h", about="a", salt=salt)
    assert csrf.salt_of(key, nonce, holder="h", about="a") == salt
    for decoded_salt in (
        csrf.salt_of(key, nonce, holder="x", about="a"),
        csrf.salt_of(key, nonce, holder="h", about="x"),
        csrf.salt_of(b"x" * 32, nonce, holder="h", about="a"),
        csrf.salt_of(key, nonce[:-1], holder="h", about="a"),
        csrf.salt_of(key, nonce + "é", holder="h", about="a"),
        csrf.salt_of(key, "", holder="h", about="a"),
        csrf.salt_of(key, csrf.nonce(key, holder="", about="a", salt=salt), holder="", about="a"),
        csrf.salt_of(key, csrf.nonce(key, holder="h", about="a", salt="short"), holder="h", about="a"),
    ):
        assert decoded_salt is None


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/130.0 Mobile Safari/537.36", "Chrome on Android"),
        ("", "A browser on an unknown system"),
    ],
)
def test_browsers_are_named_as_people_know_them(agent: str, label: str) -> None:
    assert user_agents.browser(agent) == label


def test_an_address_is_masked() -> None:
    assert user_agents.masked("mia@example.com") == "m…@example.com"


def shown_field(path: str, text: str) -> ShownField:
    return ShownField(path=path, label=path.upper(), text=text)


def test_differences_are_found_in_values_of_any_length() -> None:
    long_text = "x" * 1000
    before = [
        shown_field("a", "one"),
        shown_field("b", long_text),
        shown_field("c", "same"),
        shown_field("gone", "was"),
    ]
    seen = stale_form.seen(before)
    current = [
        shown_field("a", "two"),
        shown_field("b", long_text + "y"),
        shown_field("c", "same"),
        shown_field("new", "is"),
    ]
    differences = {
        difference.label: (difference.before, difference.now) for difference in stale_form.differences(seen, current)
    }
    assert differences["A"] == ("one", "two")
    assert differences["B"][1] == long_text + "y"
    assert differences["NEW"] == (None, "is")
    assert differences["GONE"] == ("was", None)
    assert "C" not in differences
    assert stale_form.differences(seen, before) == ()


def test_a_form_does_not_carry_more_than_can_be_sent_back() -> None:
    assert stale_form.seen([shown_field(str(number), "x" * 300) for number in range(1000)]) == ""


@pytest.mark.parametrize("carried", ["", "{", "[]", '{"a": 1}', '{"a": ["b"]}', "null"])
def test_an_unreadable_record_shows_no_differences(carried: str) -> None:
    assert stale_form.differences(carried, [shown_field("a", "x")]) == ()


@given(st.text(st.sampled_from("ab \n\u200b\u202e\u0301\ufe0f\N{MAN}\N{ZERO WIDTH JOINER}"), max_size=400))
def test_every_hidden_character_is_in_exactly_one_excerpt(text: str) -> None:
    shown_field = review_view.marked(text)
    assert sum(excerpt.count("⟦") for excerpt in shown_field) == len(characters.hidden(text))
    assert characters.visible("".join(shown_field)) == "".join(shown_field)


def test_hidden_characters_that_stand_together_share_an_excerpt() -> None:
    assert review_view.marked("ab\u200b\ncd\u200b" + "e" * 50) == (f"ab⟦U+200B⟧ cd⟦U+200B⟧{'e' * 19}…",)
    assert len(review_view.marked("word\u200c" * 100)) == 6
    assert review_view.marked("plain") == review_view.marked(12) == ()


def test_every_page_says_who_runs_this_signoff() -> None:
    urls = site_urls.place("https://signoff.example.com")
    page = Renderer(urls, "Acme <Finance>").status_page(status_pages.NOT_FOUND)
    assert "Acme &lt;Finance&gt;" in bytes(page.body).decode()
    assert "site-name" not in bytes(Renderer(urls).status_page(status_pages.NOT_FOUND).body).decode()
