"""The pieces of the pages that do no input or output."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.presentation import characters
from bot.web import csrf, review_view, site_urls, stale_form, user_agents
from bot.web.drafts import Drafts, FormDraft
from bot.web.review_view import ShownField

HEADS = frozenset({"", "r", "review", "inbox"})


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
    found = site_urls.place(url)
    assert (found.origin, found.prefix) == (origin, prefix)
    assert found.is_secure is url.startswith("https")


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
    assert site_urls.inside(path, prefix, HEADS) == inside


def test_paths_are_quoted() -> None:
    here = site_urls.place("https://example.com/p")
    assert here.review("a/b?c") == "/p/review/a%2Fb%3Fc"
    assert here.code("x") == "/p/code/x"
    assert here.inbox == "/p/inbox"
    assert here.root == "/p"
    assert site_urls.place("https://example.com").root == "/"


def test_a_nonce_is_for_one_browser_and_one_thing() -> None:
    key, salt = b"k" * 32, "s" * 24
    made = csrf.nonce(key, holder="h", about="a", salt=salt)
    assert csrf.salt_of(key, made, holder="h", about="a") == salt
    for wrong in (
        csrf.salt_of(key, made, holder="x", about="a"),
        csrf.salt_of(key, made, holder="h", about="x"),
        csrf.salt_of(b"x" * 32, made, holder="h", about="a"),
        csrf.salt_of(key, made[:-1], holder="h", about="a"),
        csrf.salt_of(key, made + "é", holder="h", about="a"),
        csrf.salt_of(key, "", holder="h", about="a"),
        csrf.salt_of(key, csrf.nonce(key, holder="", about="a", salt=salt), holder="", about="a"),
        csrf.salt_of(key, csrf.nonce(key, holder="h", about="a", salt="short"), holder="h", about="a"),
    ):
        assert wrong is None


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


def shown(path: str, text: str) -> ShownField:
    return ShownField(path=path, label=path.upper(), text=text)


def test_what_is_different_is_found_whatever_its_length() -> None:
    long = "x" * 1000
    before = [shown("a", "one"), shown("b", long), shown("c", "same"), shown("gone", "was")]
    carried = stale_form.seen(before)
    now = [shown("a", "two"), shown("b", long + "y"), shown("c", "same"), shown("new", "is")]
    found = {one.label: (one.before, one.now) for one in stale_form.differences(carried, now)}
    assert found["A"] == ("one", "two")
    assert found["B"][1] == long + "y"
    assert found["NEW"] == (None, "is")
    assert found["GONE"] == ("was", None)
    assert "C" not in found
    assert stale_form.differences(carried, before) == ()


def test_a_form_does_not_carry_more_than_can_be_sent_back() -> None:
    assert stale_form.seen([shown(str(number), "x" * 300) for number in range(1000)]) == ""


@pytest.mark.parametrize("carried", ["", "{", "[]", '{"a": 1}', '{"a": ["b"]}', "null"])
def test_nothing_is_said_of_what_cannot_be_read(carried: str) -> None:
    assert stale_form.differences(carried, [shown("a", "x")]) == ()


def test_only_the_newest_drafts_are_kept() -> None:
    drafts = Drafts()
    for number in range(600):
        drafts.keep("h", str(number), FormDraft({"f-a": ("x",)}, "d"))
    assert drafts.find("h", "0") is None
    assert drafts.find("h", "599") is not None
    drafts.keep("h", "large", FormDraft({"f-a": ("x" * 21_000_000,)}, "d"))
    assert drafts.find("h", "599") is None
    drafts.drop("h", "599")


def test_one_request_cannot_push_out_the_drafts_of_others() -> None:
    drafts = Drafts()
    drafts.keep("mine", "other", FormDraft({"f-a": ("x",)}, "d"))
    for number in range(600):
        drafts.keep(f"h{number}", "one", FormDraft({"f-a": ("x" * 100_000,)}, "d"))
    assert drafts.find("mine", "other") is not None
    assert drafts.find("h599", "one") is not None
    assert drafts.find("h500", "one") is None


@given(st.text(st.sampled_from("ab \n\u200b\u202e\u0301\ufe0f\N{MAN}\N{ZERO WIDTH JOINER}"), max_size=400))
def test_every_hidden_character_stands_in_one_excerpt(text: str) -> None:
    shown = review_view.marked(text)
    assert sum(one.count("⟦") for one in shown) == len(characters.hidden(text))
    assert characters.visible("".join(shown)) == "".join(shown)


def test_hidden_characters_that_stand_together_share_an_excerpt() -> None:
    assert review_view.marked("ab\u200b\ncd\u200b" + "e" * 50) == (f"ab⟦U+200B⟧ cd⟦U+200B⟧{'e' * 19}…",)
    assert len(review_view.marked("word\u200c" * 100)) == 6
    assert review_view.marked("plain") == review_view.marked(12) == ()
