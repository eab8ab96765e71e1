"""The grammar of commands (RFC 5321, RFC 6531). Everything that it does not allow is refused."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from bot.devtools.sandbox.mail.replies import SmtpRefusal

_LONGEST_LINE: Final = {"MAIL": 512 + 52, "AUTH": 12_288}
"""Maximum length of commands in bytes, with CRLF, where extensions allow more than the 512 of RFC 5321: SIZE, BODY and
SMTPUTF8 for MAIL, SASL for AUTH."""
_LONGEST_LOCAL: Final = 64
_LONGEST_DOMAIN: Final = 255
_PATH: Final = re.compile(r'<(?P<address>(?:[^<>"]|"(?:[^"\\]|\\.)*")*)>(?P<rest>.*)')
_DOT_ATOM: Final = re.compile(
    r"[\w!#$%&'*+/=?^`{|}~\-\u0080-\U0010ffff]+(\.[\w!#$%&'*+/=?^`{|}~\-\u0080-\U0010ffff]+)*"
)
_QUOTED: Final = re.compile(r'"([^"\\]|\\.)*"')
_LABEL: Final = r"[^\W_]([\w-]*[^\W_])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*|\[[0-9A-Za-z.:]+\]")


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command. `verb`: in capitals. `rest`: its arguments."""

    verb: str
    rest: str


@dataclass(frozen=True, kw_only=True)
class Path:
    """An address of the envelope with its parameters, their names in capitals. `address`: "" is the null sender."""

    address: str
    parameters: dict[str, str | None]


def parse_command(line: bytes) -> Command:
    """Return the command in a line with its line end. Raises `SmtpRefusal`."""
    if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
        raise SmtpRefusal(500, "5.5.2", "A line ends in CR LF, and neither stands alone")
    try:
        text = line[:-2].decode()
    except UnicodeDecodeError:
        raise SmtpRefusal(500, "5.5.2", "That is neither ASCII nor UTF-8") from None
    verb, _, rest = text.partition(" ")
    if len(line) > _LONGEST_LINE.get(verb.upper(), 512):
        raise SmtpRefusal(500, "5.5.2", "Line too long")
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise SmtpRefusal(500, "5.5.2", "Control characters are not allowed")
    return Command(verb=verb.upper(), rest=rest)


def parse_path(text: str, keyword: str) -> Path:
    """Return the path in `FROM:<address> PARAMETER=value …`. `keyword`: `FROM` or `TO`. Raises `SmtpRefusal`."""
    if text[: len(keyword) + 1].upper() != f"{keyword}:":
        raise SmtpRefusal(501, "5.5.4", f"Syntax: {keyword}:<address>")
    match = _PATH.fullmatch(text[len(keyword) + 1 :])
    if match is None:
        raise SmtpRefusal(501, "5.5.4", f"Syntax: {keyword}:<address>, without a space before the angle bracket")
    return Path(address=_address(match["address"]), parameters=_parameters(match["rest"]))


def _parameters(rest: str) -> dict[str, str | None]:
    if rest and not rest.startswith(" "):
        raise SmtpRefusal(501, "5.5.4", "A space is missing after the address")
    parameters: dict[str, str | None] = {}
    for parameter in rest.split():
        name, equals, value = parameter.partition("=")
        if name.upper() in parameters:
            raise SmtpRefusal(501, "5.5.4", f"{name.upper()} is given twice")
        parameters[name.upper()] = value if equals else None
    return parameters


def _address(address: str) -> str:
    if not address:
        return ""
    local, _, domain = address.rpartition("@")
    if not local or not (_DOT_ATOM.fullmatch(local) or _QUOTED.fullmatch(local)):
        raise SmtpRefusal(553, "5.1.3", "The part before the @ is not allowed")
    if not _DOMAIN.fullmatch(domain):
        raise SmtpRefusal(553, "5.1.3", "The part after the @ is not allowed")
    if len(local.encode()) > _LONGEST_LOCAL or len(domain.encode()) > _LONGEST_DOMAIN:
        raise SmtpRefusal(553, "5.1.3", "The address is too long")
    return address


def is_domain(text: str) -> bool:
    """Return whether the text is a domain or an address literal, which EHLO needs."""
    return _DOMAIN.fullmatch(text) is not None


def parse_auth_plain(text: str) -> tuple[str, str]:
    """Return user and password of a response to AUTH PLAIN. Raises `SmtpRefusal`."""
    parts = decode_base64(text).split("\0")
    if len(parts) != 3:
        raise SmtpRefusal(501, "5.5.2", "Three parts are expected, with NUL between them")
    return parts[1], parts[2]


def decode_base64(text: str) -> str:
    """Return the text in Base64 of UTF-8. Raises `SmtpRefusal`."""
    if text == "*":
        raise SmtpRefusal(501, "5.7.0", "Authentication was given up")
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise SmtpRefusal(501, "5.5.2", "That is no base64") from None
