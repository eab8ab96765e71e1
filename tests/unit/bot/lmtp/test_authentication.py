"""What our mail server says about the sender of an email: only its own words count, as the standard has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.lmtp import authentication

OURS = "mx.example.com"


def is_from(*headers: str, domain: str = "example.com") -> bool:
    return authentication.is_from(headers, authserv=OURS, domain=domain)


@pytest.mark.parametrize(
    "header",
    [
        "mx.example.com; dmarc=pass header.from=example.com",
        "MX.Example.com 1; dmarc=pass (p=reject dis=none) header.from=Example.COM",
        "mx.example.com; dkim=pass (2048-bit key; secure) header.d=example.com header.i=@example.com header.s=s1",
        'mx.example.com; spf=fail smtp.mailfrom=a@b.c; dkim=pass header.d="example.com"; dmarc=none',
        "mx.example.com; dkim=fail header.d=other.com; dkim=pass header.d=example.com header.b=abc=+/",
        "mx.example.com; dkim = pass header.d = example.com;",
        "mx.example.com (a (nested; dkim=fail) \\) comment); dkim=pass header.d=example.com",
    ],
)
def test_a_proven_sender_is_believed(header: str) -> None:
    assert is_from(header)


@pytest.mark.parametrize(
    "header",
    [
        "mx.example.com; none",
        "mx.example.com",
        "mx.evil.com; dmarc=pass header.from=example.com",
        "mx.example.com.evil.com; dmarc=pass header.from=example.com",
        "mx.example.com; dmarc=fail header.from=example.com; dkim=pass header.d=example.com",
        "mx.example.com; dmarc=pass header.from=evil.com; dkim=pass header.d=example.com",
        "mx.example.com; dmarc=pass",
        "mx.example.com; dkim=pass header.d=com",
        "mx.example.com; dkim=pass header.d=evil.com header.d=example.com",
        "mx.example.com; dkim=pass header.i=@example.com",
        "mx.example.com; spf=pass smtp.mailfrom=a@example.com",
        "mx.example.com; dkim=fail (dkim=pass header.d=example.com)",
        'mx.example.com; dkim=fail reason="; dkim=pass header.d=example.com"',
        "mx.example.com; x=y z; dkim=pass header.d=example.com",
        "mx.example.com; dkim=pass (unclosed header.d=example.com",
        'mx.example.com; dkim=pass header.d="example.com',
        "mx.example.com) ; dkim=pass header.d=example.com",
        "(mx) mx.example.com; dmarc=pass header.from=example.com",
        '"mx.example.com"; dmarc=pass header.from=example.com',
        "=?utf-8?q?mx.example.com?=; dmarc=pass header.from=example.com",
        "",
        f"mx.example.com; {'a=b ' * 5_000}; dkim=pass header.d=example.com",
    ],
)
def test_everything_else_proves_nothing(header: str) -> None:
    assert not is_from(header)


def test_only_the_topmost_header_of_our_server_counts() -> None:
    good, bad = "mx.example.com; dmarc=pass header.from=example.com", "mx.example.com; dmarc=fail"
    assert is_from(good, bad)
    assert not is_from(bad, good)
    assert is_from("relay.other.net; dmarc=fail", good)
    assert not is_from("mx.example.com; (", good)
    assert not is_from()


def test_of_thousands_of_headers_only_the_first_are_read() -> None:
    good = "mx.example.com; dmarc=pass header.from=example.com"
    others = [f"relay.other.net; {'dkim=fail ' * 900}"] * 5_000
    assert is_from(*others[:10], good)
    assert not is_from(*others, good)


def test_the_envelope_is_proven_by_spf() -> None:
    headers = ["mx.example.com; spf=pass smtp.mailfrom=ada@example.com; dmarc=fail"]
    assert authentication.is_envelope_from(headers, authserv=OURS, sender="ada@example.com")
    assert not authentication.is_envelope_from(headers, authserv=OURS, sender="ada@evil.com")
    assert not authentication.is_envelope_from(["mx.example.com; spf=softfail"], authserv=OURS, sender="a@example.com")
    assert not authentication.is_envelope_from(headers, authserv=OURS, sender="")


_PIECES = st.sampled_from(
    [*(";", "(", ")", '"', "\\", "=", " ", "dkim=pass", "dmarc=pass", "header.d=example.com", "mx.example.com", "none")]
)


@given(header=st.lists(_PIECES, max_size=14).map("".join) | st.text(max_size=60))
def test_any_header_is_read_or_refused(header: str) -> None:
    parsed = authentication.parse(header)
    assert parsed is None or parsed[0]


@given(words=st.text('();"\\= dkim=pasheader.exmplco', max_size=40))
def test_what_stands_in_a_comment_or_a_quotation_says_nothing(words: str) -> None:
    quoted = words.replace("\\", "\\\\").replace('"', '\\"')
    commented = words.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    for header in (f'mx.example.com; dkim=fail reason="{quoted}"', f"mx.example.com; dkim=fail ({commented})"):
        parsed = authentication.parse(header)
        assert parsed is not None
        assert [result.result for result in parsed[1]] == ["fail"]
