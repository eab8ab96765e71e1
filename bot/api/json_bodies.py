"""The JSON that programs send: read whole, with exact numbers, and refused where two readers could disagree."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from email.message import Message
from typing import Any, Final, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from bot import request_headers
from bot.api.problems import ApiProblem
from engine import json_values
from engine.errors import InvalidValue
from engine.json_values import Value

MOST_BYTES: Final = 1_048_576
"""Maximum size of a body, in bytes."""
_JSON: Final = "application/json"
_LONGEST_KEY: Final = 80
Model = TypeVar("Model", bound=BaseModel)


async def read(request: Request, *, may_be_empty: bool = False) -> Value:
    """Return the JSON of a request. Raises `ApiProblem`. `may_be_empty`: no body is an empty object."""
    body = await read_bytes(request)
    if may_be_empty and not body.strip():
        return {}
    _check_kind(request)
    return parse(body)


async def read_bytes(request: Request) -> bytes:
    """Return the body of a request. Raises `ApiProblem` for one that is too large or compressed."""
    if int(request_headers.find(request.scope, b"content-length") or "0") > MOST_BYTES:
        raise _too_large()
    if request_headers.find(request.scope, b"content-encoding") not in (None, "identity"):
        raise ApiProblem(
            415,
            "unsupported-media-type",
            "Send the body without compression.",
            headers={"Accept-Encoding": "identity"},
        )
    body, has_more = bytearray(), True
    while has_more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            raise _too_large()
        has_more = message.get("more_body", False)
    return bytes(body)


def _too_large() -> ApiProblem:
    return ApiProblem(413, "content-too-large", f"The body is larger than {MOST_BYTES:,} bytes. Send less.")


def _check_kind(request: Request) -> None:
    given = request_headers.find(request.scope, b"content-type")
    if given == _JSON:
        return
    header = Message()
    header["content-type"] = given or ""
    charset = header.get_content_charset("utf-8")
    if header.get_content_type() != _JSON or charset not in ("utf-8", "us-ascii"):
        detail = "Send JSON in UTF-8, with the header “Content-Type: application/json”."
        raise ApiProblem(415, "unsupported-media-type", detail, headers={"Accept": "application/json"})


def parse(body: bytes) -> Value:
    """Return the value of JSON text. Raises `ApiProblem` also for keys that are there twice, and for NaN."""
    try:
        return json_values.clean(_decoder.decode(body.decode()))
    except RecursionError:
        raise _unreadable(f"its lists and objects lie deeper than {json_values.MAX_DEPTH} levels") from None
    except ArithmeticError:
        raise _unreadable("a number in it is too large") from None
    except UnicodeDecodeError:
        raise _unreadable("it is not in UTF-8") from None
    except json.JSONDecodeError as error:
        raise _unreadable(f"{error.msg.lower()} at line {error.lineno}, column {error.colno}") from None
    except ValueError as error:
        # `InvalidValue`, and what Python says of a whole number with thousands of digits.
        why = str(error) if isinstance(error, InvalidValue) else "a number in it is too large"
        raise _unreadable(why) from None


def _unreadable(why: str) -> ApiProblem:
    return ApiProblem(400, "unreadable-body", f"The body cannot be read as JSON: {why}.")


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    # Halves of surrogate pairs are all read as U+FFFD.
    names = [str(json_values.clean(name)) for name, _ in pairs]
    found = dict(zip(names, (value for _, value in pairs), strict=True))
    if len(found) < len(pairs):
        twice = next(name for name in found if names.count(name) > 1)
        raise InvalidValue(f"the key {json_values.dumps(json_values.clean(twice[:_LONGEST_KEY]))} is there twice")
    return found


def _no_number(word: str) -> NoReturn:
    raise InvalidValue(f"{word} is not a number that JSON has")


_decoder: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_float=Decimal, parse_constant=_no_number)


def validated(model: type[Model], value: Value, *, what: str) -> Model:
    """Return the value as this model. Raises `ApiProblem` with what is wrong. `what`: "body" or "query"."""
    try:
        # What comes in a query is text, also a number.
        return model.model_validate(value, strict=what == "body")
    except ValidationError as error:
        errors = _predicates(error, value, what)
        detail = f"The {what} is not as this call needs it. " + _about(errors)
        raise ApiProblem(422, "invalid-input", detail, errors=errors) from None


def _predicates(error: ValidationError, value: Value, what: str) -> dict[str, str]:
    """Return what is wrong by its path. Of a value that can have several types, each type is named."""
    found: dict[str, list[str]] = {}
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        predicates = found.setdefault(_path(each["loc"], value) or what, [])
        if (predicate := _predicate(each["type"], each["msg"])) not in predicates:
            predicates.append(predicate)
    inner = [path for path in found if not any(other.startswith(f"{path}.") for other in found)]
    return {path: " or ".join(found[path]) for path in inner}


def _path(loc: Sequence[int | str], value: Value) -> str:
    """Return the path in the value, without the names that pydantic adds for the types of a union."""
    path, inner = [], value
    for at, part in enumerate(loc):
        if isinstance(inner, Mapping) and part in inner:
            inner = inner[str(part)]
        elif isinstance(inner, list) and isinstance(part, int):
            inner = inner[part]
        elif not isinstance(inner, Mapping) or at + 1 < len(loc):
            continue
        path.append(str(part))
    return ".".join(path)


_PREDICATES: Final = {
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "string_type": "must be text",
    "missing": "is required",
    "extra_forbidden": "is not a part that this call knows",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
}


def _predicate(kind: str, message: str) -> str:
    if kind in _PREDICATES:
        return _PREDICATES[kind]
    text = message.removeprefix("Value error, ").removeprefix("Input ")
    for start in ("String ", "List ", "Dictionary ", "Tuple "):
        text = text.removeprefix(start)
    return f"{text[:1].lower()}{text[1:]}".replace("should ", "must ", 1)


def _about(errors: dict[str, str]) -> str:
    return " ".join(f"“{path[:_LONGEST_KEY]}” {predicate}." for path, predicate in errors.items())
