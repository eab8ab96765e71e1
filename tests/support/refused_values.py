"""Values that a field refuses, each with its declaration and the sentence: for every door through which values come."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

EUR = {"type": "money", "currency": "EUR"}
LONG_LABEL = "a" * 64
OPTIONS: dict[str, Any] = {"options": ["red", "green", {"value": "b", "label": "Sky blue"}]}

# fmt: off
REFUSED_VALUES: list[tuple[Any, Any, str]] = [
    ("text", None, "is missing"),
    ("text", " \t", "is missing"),
    ({"type": "text", "blank": "keep"}, "", "is missing"),
    ("email", "", "is missing"),
    ({"type": "choices", **OPTIONS}, [], "is missing"),
    ("text", 5, "must be text"),
    ("text", "a\0", "must not contain a NUL character"),
    ("long_text", "a\0", "must not contain a NUL character"),
    ("text", "a\nb", "must be one line, without line breaks"),
    ("text", "a\N{LINE SEPARATOR}", "must be one line, without line breaks"),
    ("text", "x" * 3001, "must be at most 3000 characters long, and has 3001"),
    ("long_text", "x" * 100_001, "must be at most 100000 characters long, and has 100001"),
    ({"type": "text", "max_length": 2}, "abc", "must be at most 2 characters long, and has 3"),
    ("number", "5", "must be a number"),
    ("number", True, "must be a number"),
    ("number", Decimal("Infinity"), "Infinity is not a number that can be written down"),
    ("integer", False, "must be a whole number"),
    ("integer", Decimal("1.5"), "must be a whole number"),
    ("integer", "1", "must be a whole number"),
    ({"type": "integer", "min": 10}, 9, "must be at least 10"),
    ({"type": "number", "max": Decimal("1E+1")}, Decimal("10.01"), "must be at most 10"),
    ("money", 5, 'must be money, like {"amount": "12.50", "currency": "EUR"}'),
    (EUR, "5", 'must be money, like {"amount": "12.50", "currency": "EUR"}'),
    (EUR, True, "must have an amount like 12.50, with a decimal point and no thousands separators"),
    (EUR, {"amount": 1, "tip": 2}, 'must be money, like {"amount": "12.50", "currency": "EUR"}'),
    (EUR, {"amount": "1,000"},
     "must have an amount like 12.50, with a decimal point and no thousands separators"),
    (EUR, {"amount": "1e3"}, "must have an amount like 12.50, with a decimal point and no thousands separators"),
    (EUR, {"amount": "9" * 500}, "must be a number of at most 400 digits"),
    (EUR, {"amount": "9" * 50_000}, "must be a number of at most 400 digits"),
    (EUR, Decimal("10.999"), "must have at most 2 decimals in EUR, and has 3"),
    (EUR, {"amount": "10.500"}, "must have at most 2 decimals in EUR, and has 3"),
    ("money", {"amount": "10.5", "currency": "JPY"}, "must be a whole amount, because JPY has no decimals"),
    ("money", {"amount": "5", "currency": "EUT"},
     "has no known currency: EUT is not in ISO 4217. Did you mean “EUR”?"),
    (EUR, -5, "must not be negative"),
    ({"min": -5, **EUR}, -6, "must be at least -5 EUR"),
    (EUR, {"amount": 1, "currency": "USD"}, "must be in EUR, not in USD"),
    (EUR, {"amount": 1, "currency": None}, "must have a currency of three capital letters, like EUR"),
    ("money", {"amount": 1, "currency": "eur"}, "must have a currency of three capital letters, like EUR"),
    ("money", {"amount": 1}, "must have a currency of three capital letters, like EUR"),
    ({"min": Decimal("0.50"), **EUR}, Decimal("0.4"), "must be at least 0.50 EUR"),
    ({"type": "money", "max": "9.90"}, {"amount": 10, "currency": "CHF"}, "must be at most 9.90 CHF"),
    ("boolean", 1, "must be true or false"),
    ("date", "20260102", "must be a date, like 2026-01-31"),
    ("date", "2026-01-02\n", "must be a date, like 2026-01-31"),
    ("date", "2026-02-30", "is not a day in the calendar"),
    ({"type": "date", "min": "2026-01-02"}, "2026-01-01", "must not be before Jan 2, 2026"),
    ({"type": "date", "max": "2026-01-02"}, "2026-01-03", "must not be after Jan 2, 2026"),
    ("datetime", 5, "must be a date and time, like 2026-01-31T09:00:00Z"),
    ("datetime", "2026-01-02", "must be a date and time, like 2026-01-31T09:00:00Z"),
    ("datetime", "2026-01-02T10:00:00",
     "must say its time zone: end it with Z for UTC, or with an offset like +01:00"),
    ("datetime", "2026-13-02T10:00:00Z", "is not a time in the calendar"),
    ("datetime", "0001-01-01T00:00:00+14:00", "is not a time in the calendar"),
    *[("email", wrong, "must be one email address, like sam@example.com") for wrong in (
        5, "sam", "a@b@example.com", "Sam <sam@example.com>", "a@example.com,b", "a,b@example.com",
        "a b@example.com",
        "a@example.com\n", "a\u200b@example.com", "a..b@example.com", "@example.com", "a@example", "a@-b.com",
        "a@1.2.3.4", "a@exa_mple.com", "a@\N{KELVIN SIGN}.com", f"{'a' * 65}@example.com",
        f"a@{'.'.join([LONG_LABEL[:60]] * 5)}.com", f"a@{LONG_LABEL}.com",
    )],
    *[("url", wrong, "must be an http or https address, like https://example.com/page") for wrong in (
        5, "ftp://example.com", "javascript:alert(1)", "https://", "https:///x", "https://./",
        "https://a b.com", "https://a.com/\n", "https://a.com\\@b.com", "https://[::1", "https://a.com:99999/",
        "https://a.com/<b>",
    )],
    *[("url", wrong, f"must begin with https://, as in https://{wrong}") for wrong in (
        "example.com", "Pay.example.com:8443/a?b=c", "a-b.example.org?x",
    )],
    ("url", "https://good.com@evil.com/", "must not contain a user name or password before the host"),
    ("url", f"https://a.com/{'x' * 3000}", "must be at most 3000 characters long, and has 3014"),
    ({"type": "choice", **OPTIONS}, 1, "must be one of: red, green, b"),
    ({"type": "choice", **OPTIONS}, "GREE", "is not one of: red, green, b. Did you mean “green”?"),
    ({"type": "choice", **OPTIONS}, "zzz", "is not one of: red, green, b"),
    ({"type": "choices", **OPTIONS}, "red", "must be some of: red, green, b"),
    ({"type": "choices", **OPTIONS}, ["red", None], "must be some of: red, green, b"),
    ({"type": "choices", **OPTIONS}, ["red", "gren"],
     "has “gren”, which is not one of: red, green, b. Did you mean “green”?"),
    *[("person", wrong, "must be a person: an email address, or a Slack user id like U012AB3CD") for wrong in (
        5, "sam", "<@U012AB3CD", "u012ab3cd", "<sam@example.com>", "B012AB3CD",
    )],
]
# fmt: on

HOSTILE_BODIES: list[tuple[str, bytes, str]] = [
    ("text/xml", b"<a/>", "JSON or a form"),
    ("application/json", b"", "not valid JSON"),
    ("application/json", b'{"a": 1, "a": 2}', "twice"),
    ("application/json", b'{"o": [{"a": 1, "\\u0061": 2}]}', "twice"),
    ("application/json", b'{"a":' * 33 + b"1" + b"}" * 33, "deeper than 32"),
    ("application/json", b"[" * 33 + b"]" * 33, "deeper than 32"),
    ("application/json", b"[" * 100_000, "JSON"),
    ("application/json", b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "deep"),
    ("application/json", b"NaN", "JSON"),
    ("application/json", b"[Infinity]", "JSON"),
    ("application/json", b"\xff\xfe{\x00}\x00", "JSON"),
    ("application/json", b'"\xed\xa0\x80"', "JSON"),
    ("application/x-www-form-urlencoded", b"a=%ff", "UTF-8"),
    ("application/x-www-form-urlencoded", b"\xff", "UTF-8"),
    ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 1_001), "1,000 fields"),
]
"""Bodies of calls that are refused, each with its content type and a part of the reason."""
