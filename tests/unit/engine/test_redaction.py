"""Secrets in texts are found in every spelling and masked completely, and no other text is masked."""

from __future__ import annotations

import base64
import html
import json
import string
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from engine import api_key_text, webhooks
from engine.id_times import ALPHABET
from engine.redaction import MIN_LENGTH, Redactor, views
from tests.support.examples import example_count

Spell = Callable[[str], str]


def _percent_encode_all(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def _base64_at(offset: int, *, urlsafe: bool = False) -> Spell:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    return lambda text: encode(b"u:x"[:offset] + text.encode() + b"...").decode()


SPELLINGS: dict[str, Spell] = {
    "plain": str,
    "json": json.dumps,
    "json in utf-8": lambda text: json.dumps(text, ensure_ascii=False),
    "json with slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "json for html": lambda text: json.dumps(text).replace("<", "\\u003c").replace("&", "\\u0026"),
    "python": repr,
    "javascript": lambda text: "".join(f"\\u{{{ord(char):x}}}" for char in text),
    "percent": quote,
    "percent, all reserved": lambda text: quote(text, safe=""),
    "percent, small letters": _percent_encode_all,
    "form": quote_plus,
    "html": html.escape,
    "html, decimal": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "html, hexadecimal": lambda text: "".join(f"&#x{ord(char):X};" for char in text),
    "csv": lambda text: '"{}"'.format(text.replace('"', '""')),
    "sql": lambda text: "'{}'".format(text.replace("'", "''")),
    "hexadecimal, with colons": lambda text: text.encode().hex(":"),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, capitals": lambda text: text.encode().hex().upper(),
    **{f"base64 at {offset}": _base64_at(offset) for offset in range(3)},
    **{f"url-safe base64 at {offset}": _base64_at(offset, urlsafe=True) for offset in range(3)},
}
"""The spellings in which an answer may repeat a text, by name."""
TWICE = [
    ("json", "json"),
    ("percent", "percent"),
    ("percent", "json"),
    ("json", "percent, all reserved"),
    ("json", "html"),
    ("percent, all reserved", "html"),
    ("json", "base64 at 1"),
    ("html", "hexadecimal"),
    ("base64 at 2", "json"),
    ("base64 at 0", "percent, all reserved"),
]
DIFFICULT_SECRET = 's3cr"et\\/+&<ü😀>\n line %41 two=~'
SECRET = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=8, max_size=40)


def spell(names: tuple[str, ...], text: str) -> str:
    for name in names:
        text = SPELLINGS[name](text)
    return text


def redact(secret: str, text: str) -> str:
    return Redactor([(secret, "(secret X)")]).redact(text)


@pytest.mark.parametrize("names", [*((name,) for name in SPELLINGS), *TWICE], ids=", then ".join)
@settings(max_examples=example_count(20))  # There are 35 spellings.
@given(secret=SECRET, before=st.text("ab/ .", max_size=5), after=st.text("ab/ .", max_size=5))
@example(secret=DIFFICULT_SECRET, before="<", after=">")
@example(secret="no\x80 character: \ufffe", before="", after="")
def test_a_secret_is_masked_in_each_spelling(names: tuple[str, ...], secret: str, before: str, after: str) -> None:
    assume(secret.strip() == secret)
    spelled = spell(names, secret)
    masked = redact(secret, f"{before}:{spelled}:{after}")
    assert "(secret X)" in masked
    assert spelled not in masked
    # The text that remains is shorter than two characters of the secret.
    remainder = masked.replace("(secret X)", " ").removeprefix(f"{before}:").removesuffix(f":{after}")
    assert len(remainder) < 24


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_secret_in_the_middle_of_a_text_in_that_spelling_is_masked_and_the_rest_is_left(name: str) -> None:
    text = SPELLINGS[name](f"begin {DIFFICULT_SECRET} end")
    masked = redact(DIFFICULT_SECRET, text)
    assert masked.count("(secret X)") == 1
    assert "3cr" not in masked
    if "base64" not in name and "colons" not in name:
        begin, end = SPELLINGS[name]("begin ").strip("'\""), SPELLINGS[name](" end").strip("'\"")
        assert masked.strip("'\"") == f"{begin}(secret X){end}"


def test_each_line_of_a_secret_is_masked_in_every_spelling() -> None:
    lines = "MIIEvQIBADANBg/kqhkiG9w0B+AQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTU"
    key = f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n"
    for name, spelling in SPELLINGS.items():
        for line in key.splitlines()[1:3]:
            masked = redact(key, f"line 7 is wrong: {spelling(line)}")
            assert "(secret X)" in masked, name
            assert line[3:-3] not in masked, name
    # The line that begins a key is no secret.
    assert redact(key, "expected -----BEGIN PRIVATE KEY-----") == "expected -----BEGIN PRIVATE KEY-----"
    assert redact(key, json.dumps({"key": key})) == '{"key": "(secret X)"}'


@pytest.mark.parametrize("gap", ["\n", "\r\n    ", " ", "\\n", "%0A", "\t"])
def test_a_secret_that_is_broken_over_lines_is_masked(gap: str) -> None:
    secret = "sk_live_0123456789abcdefghijklmnopqrstuvwxyz"
    credentials = base64.b64encode(f"user:{secret}".encode()).decode()
    for text in (secret, credentials, secret.encode().hex()):
        lines = gap.join(text[at : at + 11] for at in range(0, len(text), 11))
        masked = redact(secret, f"pretty: {lines}!")
        assert "(secret X)" in masked
        assert "live" not in masked
        assert len(masked) < 40


def test_a_secret_in_two_bytes_a_letter_is_masked_where_they_are_read_as_one() -> None:
    secret = "sk_live_0123456789"
    assert redact(secret, f"<{secret}>".encode("utf-16-le").decode()) == "<\0(secret X)\0>\0"


def test_a_secret_in_another_case_is_masked_as_hosts_and_headers_repeat_it() -> None:
    assert redact("Top.Secret-Name", "https://top.secret-name/ X-TOP.SECRET-NAME") == "https://(secret X)/ X-(secret X)"


def test_secrets_that_overlap_or_hold_one_another_are_masked_whole() -> None:
    redactor = Redactor([("abcdefgh", "(A)"), ("efghijkl", "(B)"), ("cdef", "(C)")])
    assert redactor.redact("-abcdefghijkl-") == "-(A)-"
    assert redactor.redact("-cdefghijkl-") == "-(B)-"
    assert redactor.redact("-cdef-abcd-") == "-(C)-abcd-"


@pytest.mark.parametrize("secret", ["", "a", "abc"])
def test_a_secret_that_is_too_short_masks_no_words(secret: str) -> None:
    assert len(secret) < MIN_LENGTH
    assert redact(secret, "a b c abc") == "a b c abc"


@given(text=st.text(st.characters(), max_size=60) | st.text("%25\\u00&#;41x+ \n\"'", max_size=60))
@example(text="\ud83d \\ud83d %ff &#xD800; &#0; &nosuch; \\x4 %4")
def test_a_text_without_a_secret_stays_as_it_is(text: str) -> None:
    assert Redactor([("no such text anywhere", "(secret X)")]).redact(text) == text
    assert Redactor([]).redact(text) == text


@given(st.text("%25\\\\u00&#;41x+ \n\"'nabq=", max_size=400))
def test_the_work_grows_with_the_text_alone(text: str) -> None:
    """No view is longer than the text, and the number of views is limited by the ways to decode it twice."""
    raw = text.encode()
    all_views = list(views(raw))
    assert len(all_views) <= 2 * (1 + 4 + 16)
    assert all(len(view.text) <= len(raw) for view in all_views)


# -- API keys -----------------------------------------------------------------------------------------------


KEYS = st.builds(
    api_key_text.write,
    st.text(ALPHABET, min_size=17, max_size=17),
    st.text(string.ascii_letters + string.digits + "_-", min_size=43, max_size=43),
)
KEY_SPELLINGS = [
    *((name,) for name in SPELLINGS if name == "plain" or "json" in name or "percent, all" in name or "base64" in name),
    *(("form",), ("html",), ("json", "json"), ("percent, all reserved", "json"), ("base64 at 1", "json")),
]


@settings(max_examples=example_count(30))
@given(
    key=KEYS, before=st.sampled_from(["", "Bearer ", "https://example.com/?key=", "('"]), after=st.sampled_from(" &'.")
)
@pytest.mark.parametrize("names", KEY_SPELLINGS, ids=", then ".join)
def test_an_api_key_is_masked_in_every_text_without_being_known(
    names: tuple[str, ...], key: str, before: str, after: str
) -> None:
    redacted = Redactor([]).redact(before + spell(names, key) + after)
    assert key not in redacted
    assert f"(API key {key[4:21]})" in redacted
    assert key[-20:] not in redacted
    assert spell(names, key) not in redacted


@given(KEYS, st.integers(24, 64))
def test_the_rest_of_a_key_that_was_cut_off_is_masked(key: str, length: int) -> None:
    assert Redactor([]).redact(f"{key[:length]}… is no key") == f"(API key {key[4:21]})… is no key"


@given(KEYS, st.integers(30, 60))
def test_a_key_that_is_broken_over_lines_is_masked(key: str, at: int) -> None:
    assert Redactor([]).redact(f"key:\n{key[:at]}\n  {key[at:]}\nend") == f"key:\n(API key {key[4:21]})\nend"


SIGNING_SECRETS = st.binary(min_size=24, max_size=64).map(webhooks.secret_of)


@settings(max_examples=example_count(30))
@given(
    secret=SIGNING_SECRETS,
    before=st.sampled_from(["", "Bearer ", "https://example.com/?secret=", "('"]),
    after=st.sampled_from(" &'."),
)
@pytest.mark.parametrize("names", KEY_SPELLINGS, ids=", then ".join)
def test_a_signing_secret_is_masked_in_every_text_without_being_known(
    names: tuple[str, ...], secret: str, before: str, after: str
) -> None:
    redacted = Redactor([]).redact(before + spell(names, secret) + after)
    assert "(signing secret)" in redacted
    assert spell(names, secret) not in redacted
    assert secret[-20:].rstrip("=") not in redacted


@given(st.binary(min_size=32, max_size=32).map(webhooks.secret_of), st.integers(14, 49))
def test_a_signing_secret_that_is_cut_off_or_broken_over_lines_is_masked(secret: str, at: int) -> None:
    assert Redactor([]).redact(f"{secret[:at]}… is cut off") == "(signing secret)… is cut off"
    assert Redactor([]).redact(f"is:\n{secret[:at]}\n  {secret[at:]}\nend") == "is:\n(signing secret)\nend"


@pytest.mark.parametrize(
    "text",
    [
        *("sgn_ is how keys begin", "sgn_<id>_<secret>", "c2duXw== is base64", "designation"),
        *("whsec_ is how secrets begin", "whsec_…", "whsec_<secret>", "d2hzZWNf is base64", "whsec"),
    ],
)
def test_what_is_no_key_stays(text: str) -> None:
    assert Redactor([]).redact(text) == text
