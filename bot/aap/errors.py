"""The errors of the Agent Approval Protocol, as its clients read them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET, Struct, UnsetType

_TYPES: Final = {
    401: "authentication",
    403: "authorization",
    404: "not_found",
    409: "conflict",
    429: "rate_limit",
    500: "internal",
    503: "dependency",
}
"""The type of an error by its status. All others are requests that are not as they have to be."""


class ProtocolError(Exception):
    """An error that is answered as it is. `code`: for programs. `param`: the field that is wrong, if it is one."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.param, self.headers = param, dict(headers or {})


class _Error(Struct):
    type: str
    code: str
    message: str
    request_id: str
    param: str | UnsetType = UNSET


class ErrorBody(Struct):
    """The body of an answer that is an error."""

    error: _Error


def body(error: ProtocolError, exchange: str) -> ErrorBody:
    """Return the body of an error. `exchange`: the id of this exchange, which the answer's header has too."""
    kind = _TYPES.get(error.status, "invalid_request")
    return ErrorBody(_Error(kind, error.code, error.message, exchange, error.param or UNSET))


def invalid(message: str, param: str | None = None) -> ProtocolError:
    """Return the error for a field that is wrong, or for a body that cannot be read."""
    return ProtocolError(400, "invalid_request", message, param=param)
