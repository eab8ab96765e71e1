"""One value at a time: is it a date, an email, an amount, and how is it written in the one normal form.

Every function takes a clean value and returns its normal form, or raises `InvalidValue` with a predicate ("must be
…", "is not …") that reads on after the name of a field.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Final
from urllib.parse import SplitResult, urlsplit

from engine import data
from engine.data import Value
from engine.errors import InvalidValue

MAX_EMAIL: Final = 254
MAX_URL: Final = 3000
"""What a Slack button takes."""

CURRENCY: Final = re.compile(r"[A-Z]{3}")
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?P<exponent>[eE][+-]?\d{1,4})?", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_MENTION: Final = re.compile(r"<@([UW][A-Z0-9]{2,30})(?:\|[^<>]*)?>|([UW][A-Z0-9]{2,30})")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+(?!\d+\Z)[a-z0-9][a-z0-9-]{{0,61}}[a-z0-9]")
_NOT_IN_EMAIL: Final = frozenset(' ()<>[]:;,\\"')
_NOT_IN_URL: Final = frozenset(' <>"\\')


def near(text: str, names: Collection[str]) -> str:
    """`; did you mean …?` if one of `names` is close to `text`, else nothing."""
    found = get_close_matches(text[:100].casefold(), {name.casefold(): name for name in names}, n=1)
    return next((f"; did you mean {name}?" for name in names if [name.casefold()] == found), "")


def listed(names: Collection[str]) -> str:
    """Names with commas, at most twenty of them."""
    shown = ", ".join([*names][:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown


# -- text ---------------------------------------------------------------------------------------------------


def one_line(text: str) -> bool:
    """Whether no character in it breaks a line, in the sense of `str.splitlines`: mail headers are folded by that."""
    return "".join(text.splitlines()) == text


def text(value: Value, *, lines: bool, longest: int) -> str:
    """Text of at most `longest` characters; with `lines` it may have more than one."""
    if not isinstance(value, str):
        raise InvalidValue("must be text")
    if "\0" in value:
        raise InvalidValue("must not hold a NUL character")
    if not lines and not one_line(value):
        raise InvalidValue("must be one line; use long_text for more")
    if len(value) > longest:
        raise InvalidValue(f"must be at most {longest} characters long, and has {len(value)}")
    return value


def email(value: Value) -> str:
    """One address, without a name; the domain in lower case. Pragmatic: what real mailboxes look like."""
    if not isinstance(value, str) or not _is_email(value):
        raise InvalidValue("must be one email address, like sam@example.com")
    local, domain = value.split("@")
    return f"{local}@{domain.lower()}"


def _is_email(text: str) -> bool:
    local, at, domain = text.partition("@")
    return (
        len(text) <= MAX_EMAIL
        and at == "@"
        and len(local) <= 64
        and local.isprintable()
        and _NOT_IN_EMAIL.isdisjoint(local)
        and all(local.split("."))
        and domain.isascii()  # before lower(): the Kelvin sign would become a k
        and _DOMAIN.fullmatch(domain.lower()) is not None
    )


def url(value: Value) -> str:
    """An http or https address as given. No user name before the host: it makes one host look like another."""
    if not isinstance(value, str) or not value.isprintable() or not _NOT_IN_URL.isdisjoint(value):
        raise InvalidValue("must be an http or https address, like https://example.com/page")
    if len(value) > MAX_URL:
        raise InvalidValue(f"must be at most {MAX_URL} characters long, and has {len(value)}")
    parts = _split(value)
    if parts is None or parts.scheme not in ("http", "https") or not (parts.hostname or "").strip("."):
        raise InvalidValue("must be an http or https address, like https://example.com/page")
    if "@" in parts.netloc:
        raise InvalidValue("must not hold a user name or password before the host")
    return value


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises as well
    except ValueError:
        return None
    return parts


def person(value: Value) -> str:
    """An email address, or the id of a Slack user, which may be written as a mention."""
    if isinstance(value, str) and (found := _MENTION.fullmatch(value)):
        return found[1] or found[2]
    if isinstance(value, str) and _is_email(value):
        return email(value)
    raise InvalidValue("must be a person: an email address, or a Slack user id like U012AB3CD")


def choice(value: Value, options: Collection[str]) -> str:
    if not isinstance(value, str):
        raise InvalidValue(f"must be one of: {listed(options)}")
    if value not in options:
        raise InvalidValue(f"is not one of: {listed(options)}{near(value, options)}")
    return value


def choices(value: Value, options: Collection[str]) -> list[Value]:
    """The chosen options in the order given, each once."""
    if not isinstance(value, list):
        raise InvalidValue(f"must be a list with some of: {listed(options)}")
    for item in value:
        if not isinstance(item, str):
            raise InvalidValue(f"must be a list with some of: {listed(options)}")
        if item not in options:
            raise InvalidValue(f"has {item[:100]!r}, which is not one of: {listed(options)}{near(item, options)}")
    return [*dict.fromkeys(str(item) for item in value)]


# -- numbers ------------------------------------------------------------------------------------------------


def read_number(text: str) -> int | Decimal | None:
    """The number that a text spells, exactly; None if it spells none."""
    found = _NUMBER.fullmatch(text)
    if not found:
        return None
    spelled = Decimal(text)
    data.clean(spelled)
    return spelled if "." in text or found["exponent"] else int(spelled)


def plain(number: int | Decimal) -> str:
    """The digits without an exponent, exactly; with one only where there would be a long row of zeros."""
    if isinstance(number, int) or abs(number.adjusted()) > 30:
        return str(number)
    return f"{number:f}"


def number(value: Value) -> int | Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise InvalidValue("must be a number")
    return value


def integer(value: Value) -> int:
    """A whole number; a decimal with nothing after the point is one."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value):
        raise InvalidValue("must be a whole number")
    return int(value)


def amount(value: Value) -> Decimal:
    """An exact amount of money, from a number or its text; never minus zero."""
    if isinstance(value, str):
        spelled = _NUMBER.fullmatch(value)
        value = Decimal(value) if spelled and not spelled["exponent"] else None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise InvalidValue("must have an amount like 12.50, with a decimal point and no thousands separators")
    data.clean(value)
    exact = Decimal(value)
    return exact if exact else exact.copy_abs()


def money(value: Value, *, currency: str | None) -> dict[str, Value]:
    """`{"amount": "12.50", "currency": "EUR"}`; `currency` is the only one allowed, and then may be left out."""
    if currency and isinstance(value, int | Decimal):
        value = {"amount": value}
    if not isinstance(value, dict) or "amount" not in value or not value.keys() <= {"amount", "currency"}:
        raise InvalidValue('must be money, like {"amount": "12.50", "currency": "EUR"}')
    exact, given = amount(value["amount"]), value.get("currency", currency)
    if not isinstance(given, str) or not CURRENCY.fullmatch(given):
        raise InvalidValue("must have a currency of three capital letters, like EUR")
    if currency and given != currency:
        raise InvalidValue(f"must be in {currency}, not in {given}")
    return {"amount": f"{exact:f}", "currency": given}


# -- others -------------------------------------------------------------------------------------------------


def boolean(value: Value) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue("must be true or false")
    return value


def day(value: Value) -> str:
    """A date as `YYYY-MM-DD`."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            raise InvalidValue("is not a day in the calendar") from None
    raise InvalidValue("must be a date, like 2026-01-31")


def moment(value: Value) -> str:
    """A time with an offset, in UTC: `YYYY-MM-DDTHH:MM:SSZ`, with six digits of a second unless they are zero."""
    return f"{instant(value).replace(tzinfo=None).isoformat()}Z"


def instant(value: Value) -> datetime:
    """What `moment` writes, as an aware datetime in UTC."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise InvalidValue("must be a date and time, like 2026-01-31T09:00:00Z")
    if not found[3]:
        raise InvalidValue("must say its time zone: end it with Z for UTC, or with an offset like +01:00")
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3].upper()}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidValue("is not a time in the calendar") from None
