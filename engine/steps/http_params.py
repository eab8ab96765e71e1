"""The parameters of an `http` step, as the builder writes them, and what is wrong with them in a file. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

import pydantic
from pydantic import BaseModel, ConfigDict, StrictBool, StrictInt, StrictStr, field_validator, model_validator

from engine import file_references, json_values, urls
from engine.errors import ExpressionError, InvalidValue
from engine.expressions import compile_template
from engine.file_references import FileReference
from engine.json_values import Path, Value
from engine.steps import url_guard
from engine.workflowfile.step_kinds import ParamProblem

Scalar: TypeAlias = StrictStr | StrictBool | StrictInt | Decimal
MultipartValue: TypeAlias = Scalar | dict[str, Any]
"""A value of a part: a text or a number, or the reference to a file."""

SAFE: Final = frozenset({"GET", "HEAD"})
BODIES: Final = ("json", "form", "multipart", "body", "file")
"""The parameters that are the body of the call: at most one of them."""
_STATUSES: Final = re.compile(r"\s*([1-5][0-9]{2})\s*(?:-\s*([1-5][0-9]{2})\s*)?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_CREDENTIALS: Final[tuple[Path, ...]] = (
    ("bearer",),
    ("basic", "password"),
    ("header", "value"),
    ("oauth2", "client_secret"),
)
"""The parts of `auth` that prove who calls. They are secrets of the server, never values of a run."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class BasicAuth(_Part):
    """A user name and a password (RFC 7617)."""

    user: str = pydantic.Field(max_length=1000)
    password: str = pydantic.Field(min_length=1, max_length=10_000)

    @field_validator("user")
    @classmethod
    def _check_user(cls, user: str) -> str:
        if ":" in user or _CONTROL.search(user):
            raise InvalidValue("a user name has no colon and no control character")
        return user


class HeaderAuth(_Part):
    """A header with a key."""

    name: str
    value: str = pydantic.Field(min_length=1, max_length=10_000)

    @model_validator(mode="after")
    def _check_header(self) -> HeaderAuth:
        url_guard.check_header(self.name, self.value)
        return self


class OAuthClient(_Part):
    """OAuth 2.0 with the credentials of the client (RFC 6749, 4.4).

    `client_auth`: whether the token server takes them as basic authentication or in the body.
    """

    token_url: str = pydantic.Field(min_length=1, max_length=8192)
    client_id: str = pydantic.Field(min_length=1, max_length=1000)
    client_secret: str = pydantic.Field(min_length=1, max_length=10_000)
    scope: str | None = None
    client_auth: Literal["basic", "body"] = "basic"


class Auth(_Part):
    """How the call signs in: exactly one of these."""

    bearer: str | None = pydantic.Field(default=None, min_length=1, max_length=10_000)
    basic: BasicAuth | None = None
    header: HeaderAuth | None = None
    oauth2: OAuthClient | None = None

    @field_validator("bearer")
    @classmethod
    def _check_bearer(cls, token: str | None) -> str | None:
        url_guard.check_header("Authorization", token or "")
        return token

    @model_validator(mode="after")
    def _check_one(self) -> Auth:
        if len(self.model_fields_set) != 1:
            raise InvalidValue("sign in with exactly one of bearer, basic, header and oauth2")
        return self


class Pages(_Part):
    """An answer that comes in pages. `next`, `items`: expressions over `response`, the answer of each page.

    `origins`: servers beside that of the first page which may have the next ones.
    """

    next: str = pydantic.Field(min_length=1, max_length=2000)
    items: str = pydantic.Field(default="{{ response.body }}", min_length=1, max_length=2000)
    limit: StrictInt = pydantic.Field(default=50, ge=1, le=1000)
    origins: tuple[str, ...] = pydantic.Field(default=(), max_length=20)

    @field_validator("origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for text in origins:
            if not text.startswith(("https://", "http://")) or urlsplit(text).path not in ("", "/"):
                raise InvalidValue("an origin is a server, such as https://api.example.com")
        return origins


class HttpParams(BaseModel):
    """The call, as the builder writes it. Validation errors never quote a value: it may hold a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, serialize_by_alias=True)

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: str = pydantic.Field(min_length=1, max_length=8192)
    auth: Auth | None = None
    headers: dict[str, str] = {}
    query: dict[str, Scalar] = {}
    json_body: Any = pydantic.Field(default=None, alias="json")
    """JSON to send; `json: null` sends a null. (`json` alone would shadow a method of pydantic's.)"""
    form: dict[str, Scalar | list[Scalar] | None] | None = None
    multipart: dict[str, MultipartValue | list[MultipartValue] | None] | None = None
    body: str | None = None
    file: dict[str, Any] | None = None
    save_as: str | None = pydantic.Field(default=None, min_length=1, max_length=200)
    """The name under which the body of the answer is kept as a file, in the place of `body`."""
    pages: Pages | None = None
    expect: tuple[int | str, ...] = pydantic.Field(default=("200-299",), min_length=1)
    """Statuses that mean success: numbers, or ranges like `200-299`."""
    idempotency_header: str = "Idempotency-Key"

    @field_validator("method", mode="before")
    @classmethod
    def _upper(cls, method: object) -> object:
        return method.upper() if isinstance(method, str) else method

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            url_guard.check_header(name, value)
        if len({name.lower() for name in headers}) < len(headers):
            raise InvalidValue("a header is there twice (upper and lower case are the same)")
        return headers

    @field_validator("idempotency_header")
    @classmethod
    def _check_idempotency_header(cls, name: str) -> str:
        url_guard.check_header(name)
        return name

    @field_validator("json_body")
    @classmethod
    def _clean_json(cls, value: object) -> Value:
        return json_values.clean(value)

    @field_validator("multipart")
    @classmethod
    def _check_parts(cls, multipart: Mapping[str, object] | None) -> Mapping[str, object] | None:
        if any(_CONTROL.search(name) for name in multipart or ()):
            raise InvalidValue("the name of a part has a line break or another control character")
        for value in (multipart or {}).values():
            for item in value if isinstance(value, list) else (value,):
                if isinstance(item, dict):
                    file_references.read(item)
        return multipart

    @field_validator("file")
    @classmethod
    def _check_file(cls, file: dict[str, Any] | None) -> Value:
        return None if file is None else file_references.read(file).value

    @field_validator("expect")
    @classmethod
    def _check_expect(cls, expect: tuple[int | str, ...]) -> tuple[int | str, ...]:
        for entry in expect:
            _statuses(entry)
        return expect

    @model_validator(mode="after")
    def _check_body(self) -> HttpParams:
        given = [name for name in BODIES if self._is_given(name)]
        if len(given) > 1:
            raise InvalidValue(f"give '{given[0]}' or '{given[1]}', not both")
        if self.pages is not None and (self.method != "GET" or given):
            raise InvalidValue("only a GET without a body has pages")
        if self.pages is not None and self.save_as is not None:
            raise InvalidValue("an answer that comes in pages is no file")
        return self

    def _is_given(self, name: str) -> bool:
        return self.sends_json if name == "json" else getattr(self, name) is not None

    @property
    def files(self) -> tuple[FileReference, ...]:
        """The files that the call sends."""
        return tuple(file_references.find_all(json_values.clean([self.file, self.multipart])))

    @property
    def sends_json(self) -> bool:
        return "json_body" in self.model_fields_set

    def accepts(self, status: int) -> bool:
        return any(status in _statuses(entry) for entry in self.expect)


def _statuses(entry: int | str) -> range:
    match = _STATUSES.fullmatch(str(entry))
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if first > last:
        raise InvalidValue(f"{str(entry)[:40]!r} is not a status or a range like 200-299")
    return range(first, last + 1)


def scalar_text(value: Scalar) -> str:
    """Return the value as JSON writes it, a text as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


# -- what is wrong in a file, whatever the values of its expressions will be ------------------------------------


def find_problems(params: Mapping[str, Value]) -> Iterator[ParamProblem]:
    """Yield what can never work, whatever the expressions give."""
    given = [name for name in BODIES if name in params]
    if len(given) > 1:
        yield ParamProblem((given[1],), f"A call has one body: `{given[0]}` or `{given[1]}`, not both.")
    auth, headers = params.get("auth"), params.get("headers")
    names = {name.lower(): name for name in headers} if isinstance(headers, dict) else {}
    if "multipart" in params and "content-type" in names:
        message = "`multipart` needs a `Content-Type` of its own."
        yield ParamProblem(("headers", names["content-type"]), message, "Delete the header.")
    if isinstance(auth, dict):
        yield from _find_auth_problems(auth, params.get("url"), names)
    if isinstance(pages := params.get("pages"), dict):
        yield from _find_page_problems(pages, params, given)
        if "save_as" in params:
            yield ParamProblem(
                ("save_as",), "An answer that comes in pages is no file.", "Delete `save_as` or `pages`."
            )


def _find_page_problems(
    pages: Mapping[str, Value], params: Mapping[str, Value], bodies: Sequence[str]
) -> Iterator[ParamProblem]:
    method = params.get("method", "GET")
    if isinstance(method, str) and method.upper() != "GET":
        yield ParamProblem(("pages",), f"Only GET has pages: each {method.upper()} would do its work again.")
    if bodies:
        yield ParamProblem(("pages",), f"A call with pages has no `{bodies[0]}`.")
    for key in ("next", "items"):
        text = pages.get(key)
        if isinstance(text, str) and not _is_whole(text):
            hint = 'Write it like "{{ response.body.next }}".'
            yield ParamProblem(("pages", key), f"`{key}` is one whole expression over `response`.", hint)
    if "{{" in str(pages.get("origins")):
        yield ParamProblem(("pages", "origins"), "The file itself names the servers that may be called.")


def _is_whole(text: str) -> bool:
    try:
        return compile_template(text).is_whole
    except ExpressionError:
        return True  # it is reported as an expression


def _find_auth_problems(auth: Mapping[str, Value], url: Value, headers: Mapping[str, str]) -> Iterator[ParamProblem]:
    header = auth.get("header")
    own = header.get("name") if isinstance(header, dict) else "authorization"
    if isinstance(own, str) and own.lower() in headers:
        name = headers[own.lower()]
        yield ParamProblem(("headers", name), f"`auth` sets the header {name} itself.", "Delete one of the two.")
    for path in _CREDENTIALS:
        text = _look(auth, path)
        if isinstance(text, str) and not _reads_secret(text):
            message = "What proves who calls is a secret: in the file or in a run, people would see it."
            hint = "Write it as `{{ secret.NAME }}`, and set SIGNOFF_SECRET_NAME on the server."
            yield ParamProblem(("auth", *path), message, hint)
    token_url = _look(auth, ("oauth2", "token_url"))
    if isinstance(token_url, str) and "{{" in token_url:
        message = "The file itself names the server that gets the client's secret."
        yield ParamProblem(("auth", "oauth2", "token_url"), message, "Write the whole address.")
    for place, address in ((("url",), url), (("auth", "oauth2", "token_url"), token_url)):
        if isinstance(address, str) and sends_in_the_clear(address):
            yield ParamProblem(place, "`auth` would be sent in the clear over plain http.", "Write https.")


def _look(auth: Mapping[str, Value], path: Path) -> Value:
    try:
        return json_values.look(dict(auth), path)
    except KeyError:
        return None


def _reads_secret(text: str) -> bool:
    try:
        return bool(compile_template(text).secrets)
    except ExpressionError:
        return True  # it is reported as an expression


def sends_in_the_clear(address: str) -> bool:
    """Return whether an address is certainly plain http to a host that is not local. It may have expressions."""
    if address[:7].lower() != "http://":
        return False
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    return "{" not in host and "}" not in host and not _is_local(host)


def _is_local(host: str) -> bool:
    """Return whether a host is this machine, or one in the network of this machine."""
    try:
        literal = urls.literal_host(host)
    except InvalidValue:
        return False
    if literal is not None:
        return not url_guard.is_public(url_guard.unwrap(literal))
    name = host.rstrip(".").lower()
    return "." not in name or name.endswith((".localhost", ".local", ".internal", ".home.arpa"))
