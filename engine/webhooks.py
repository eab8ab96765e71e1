"""Webhooks: whether the sender of a call knows the secret, and what the body of a call holds. Pure.

Signatures are those of Standard Webhooks (https://www.standardwebhooks.com). Its Python library drops `-` and `_` from
a secret in the URL-safe alphabet, and then refuses what the sender signed, so the twenty lines are here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

from engine import json_values
from engine.errors import InvalidValue
from engine.json_values import Value

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
MOST_BYTES: Final = 256_000
"""Maximum size of a body, in bytes."""
PREFIX: Final = "whsec_"
"""What a secret of Standard Webhooks begins with."""
WINDOW: Final = timedelta(minutes=5)
"""How old or how far in the future a signed call may be."""
LONGEST_ID: Final = 200
"""Maximum length of the id of a call, in characters."""

_MOST_SIGNATURES: Final = 10
_MOST_FIELDS: Final = 1_000
_DEEPEST: Final = 32
"""How deep lists and mappings of a body may lie inside each other."""
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_ID: Final = re.compile(rf"[!-~]{{1,{LONGEST_ID}}}")


def key_of(secret: str) -> bytes:
    """Return the key of a Standard Webhooks secret, in either alphabet. Raises `InvalidValue`, without the secret."""
    text = secret.strip().removeprefix(PREFIX).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise InvalidValue("is no secret of Standard Webhooks: write whsec_ and 24 to 64 bytes in Base64")
    return key


def is_signed(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Return whether the sender of a call signed it with the secret, up to `WINDOW` ago. Raises as `key_of` does.

    `headers`: by names in small letters.
    """
    call, sent_at = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    expected = sign(secret, call, sent_at, body)
    given = [hmac.compare_digest(expected, signature) for signature in _signatures(headers.get(SIGNATURE, ""))]
    if not _ID.fullmatch(call) or not _SECONDS.fullmatch(sent_at):
        return False
    return any(given) and abs(now.timestamp() - int(sent_at)) <= WINDOW.total_seconds()


def secret_of(key: bytes) -> str:
    """Return a key as the text that both sides are given.

    It is standard Base64. The Python library skips the `-` and `_` of the other alphabet without a word, and signs with
    a shorter key (findings/standardwebhooks-skips-urlsafe-characters.sh).
    """
    return PREFIX + base64.b64encode(key).decode()


def sign(secret: str, call: str, sent_at: str, body: bytes) -> bytes:
    """Return the signature of a call. `call`: its id; `sent_at`: seconds since 1970. Raises as `key_of` does."""
    return hmac.digest(key_of(secret), f"{call}.{sent_at}.".encode() + body, hashlib.sha256)


def has_secret(secret: str, sent: str) -> bool:
    """Return whether a header holds the secret, in a time that does not tell how much of it is right."""
    return hmac.compare_digest(secret.encode(), sent.encode("utf-8", "surrogateescape"))


def _signatures(text: str) -> list[bytes]:
    found = list[bytes]()
    for part in text.split(" ")[:_MOST_SIGNATURES]:
        version, _, signature = part.partition(",")
        if version == "v1":
            try:
                found.append(base64.b64decode(signature, validate=True))
            except (binascii.Error, ValueError):
                continue
    return found


def parse(content_type: str, body: bytes) -> Value:
    """Return the value of a body: JSON, or a form as a mapping. Raises `InvalidValue`, a sentence."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _parse_form(body)
    if kind not in ("", "application/json") and not kind.endswith("+json"):
        raise InvalidValue("the body has to be JSON or a form (application/x-www-form-urlencoded)")
    return _parse_json(body)


def _parse_json(body: bytes) -> Value:
    value = json_values.loads(body)
    if _is_deeper(value, _DEEPEST):
        raise InvalidValue(f"the body nests deeper than {_DEEPEST} levels")
    # msgspec keeps the last of two values with the same name: another program may have meant the first.
    json.loads(body, object_pairs_hook=_unique, parse_int=len, parse_float=len)
    return value


def _unique(pairs: Sequence[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twice = next(name for index, name in enumerate(names) if name in names[:index])
        raise InvalidValue(f"the body has the name {json_values.dumps(twice[:40])} twice in one mapping")


def _is_deeper(value: Value, most: int) -> bool:
    """Return whether more than `most` lists and mappings lie inside each other."""
    level: list[list[Value] | dict[str, Value]] = [value] if isinstance(value, list | dict) else []
    for _ in range(most):
        inner = [item for outer in level for item in (outer if isinstance(outer, list) else outer.values())]
        level = [item for item in inner if isinstance(item, list | dict)]
    return bool(level)


def _parse_form(body: bytes) -> Value:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except UnicodeDecodeError:
        raise InvalidValue("the form is not in UTF-8") from None
    except ValueError:
        raise InvalidValue(f"the form has more than {_MOST_FIELDS:,} fields") from None
    fields: dict[str, Value] = {}
    for name, text in pairs:
        # A field with several values, such as ticked boxes, is a list.
        known = fields.get(name)
        if name in fields:
            fields[name] = [*known, text] if isinstance(known, list) else [known, text]
        else:
            fields[name] = text
    return json_values.clean(fields)
