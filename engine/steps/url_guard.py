"""Decides where an `http` step may call, and with which headers: checks the URL, and vets every address."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from yarl import URL

from engine import urls
from engine.errors import InvalidValue, StepError
from engine.ports import Resolve

Address: TypeAlias = IPv4Address | IPv6Address

_LABEL_LENGTH: Final = 200

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")  # RFC 9110, 5.6.2
_NOT_IN_HEADER: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110, 5.5: of the control characters only a tab
# The client library frames the message and names the host; a second header enables request smuggling.
_FRAMING: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer"}
    | {"upgrade", "expect", "accept-encoding"}
)

_NAT64: Final = IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""The networks that IANA has assigned to the public internet; `is_global` alone allows 4000:: and fec0::."""
_NOT_PUBLIC: Final = (
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.88.99.0/24"),  # former 6to4 relays, RFC 7526
    IPv6Network("2001::/23"),  # protocol assignments, Teredo among them
    IPv6Network("3fff::/20"),  # documentation, RFC 9637; unknown to Python 3.11
)
# Addresses that look public, but lead from inside a cloud to its platform. The others (169.254.0.0/16 of most clouds,
# 100.100.100.200 of Alibaba, 192.0.0.192 of Oracle, fd00:ec2::254 of AWS, fd20:ce::254 of Google) are never public.
_PLATFORMS: Final = (
    # Azure: learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
    IPv4Network("168.63.129.16/32"),
    # restricted and private.googleapis.com: cloud.google.com/vpc/docs/configure-private-google-access
    IPv4Network("199.36.153.4/30"),
    IPv4Network("199.36.153.8/30"),
    IPv6Network("2600:2d00:2:1000::/56"),
    IPv6Network("2600:2d00:2:2000::/56"),
    # IBM: cloud.ibm.com/docs/vpc?topic=vpc-service-endpoints-for-vpc
    IPv4Network("161.26.0.0/16"),
    IPv4Network("166.8.0.0/14"),
)


async def system_resolve(host: str, port: int) -> list[str]:
    """Resolve a host with the operating system, through the running loop."""
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


@dataclass(frozen=True, slots=True)
class CallTarget:
    """A URL that may be called if its addresses may. `call`: method, scheme, host and path, for messages."""

    url: URL
    host: str
    port: int
    literal: Address | None
    call: str


class Guard:
    """Allows https to public addresses only, except for what the operator allows.

    `allow`: `host`, `host:port`, `.suffix` (every name below it) or a CIDR block. These hosts may have addresses that
    are not public, and may be called by plain http. Raises `InvalidValue` for any other entry.
    """

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self._networks = tuple(_network(entry) for entry in allow if "/" in entry)
        self._suffixes = tuple(f".{_entry(entry[1:])[0]}" for entry in allow if entry.startswith("."))
        self._hosts = frozenset(_entry(entry) for entry in allow if "/" not in entry and not entry.startswith("."))

    def check(self, method: str, text: str) -> CallTarget:
        """Return the target of a URL. Raises a definite `StepError` if its text shows that it may not be called."""
        try:
            url = URL(text)
            host = (url.raw_host or "").lower()
            port = url.port
        except ValueError:
            raise _refuse(method, "its URL cannot be read") from None
        # yarl drops line breaks silently: another URL than the approved one would be called.
        if _CONTROL.search(text):
            raise _refuse(method, "its URL contains a control character")
        if url.scheme not in ("http", "https") or not host or port is None:
            raise _refuse(method, "its URL does not begin with https:// and a host")
        called = URL(urls.canonical(text), encoded=True)
        call = f"{method} {url.scheme}://{_shown_authority(url)}{called.raw_path}"
        call = call if len(call) <= _LABEL_LENGTH else f"{call[:_LABEL_LENGTH]}…"
        if "@" in urlsplit(text).netloc:
            raise _refuse(call, "a URL may not carry a user name or password; send an Authorization header")
        if ":" not in host and "[" in urlsplit(text).netloc:
            raise _refuse(call, "its host is in brackets and not an IPv6 address")
        # An older version did not keep values in their part of the URL. So a URL that it approved may lead elsewhere.
        if urls.moves(text):
            raise _refuse(call, "its URL has a `#`, or `.` or `..` as a part of its path, which leads elsewhere")
        literal = _literal(call, host)
        target = CallTarget(url=called, host=host.rstrip("."), port=port, literal=literal, call=call)
        if literal is not None:
            self._vet(target, literal)
        elif url.scheme == "http" and not self._networks and not self._allows(target):
            raise self._only_https(target)
        return target

    async def addresses(self, target: CallTarget, resolve: Resolve) -> list[Address]:
        """Return every address of the target after one look-up. If one of them may not be called, all are refused.

        Raises `StepError` (definite): for a name that does not resolve, or resolves to where it may not.
        """
        if target.literal is not None:
            return [target.literal]
        try:
            addresses = [ip_address(text) for text in await resolve(target.host, target.port)]
        except socket.gaierror as error:
            temporary = error.errno == socket.EAI_AGAIN
            what = f"the name {target.host} cannot be resolved{' at the moment' if temporary else ''}"
            raise _refuse(target.call, what, retryable=temporary) from None
        except TimeoutError:
            raise
        except (OSError, ValueError):
            raise _refuse(target.call, f"the name {target.host} cannot be resolved") from None
        if not addresses:
            raise _refuse(target.call, f"the name {target.host} has no address")
        for address in addresses:
            self._vet(target, address)
        return addresses

    def _vet(self, target: CallTarget, address: Address) -> None:
        inner = unwrap(address)
        if self._allows(target) or any(
            candidate in network for network in self._networks for candidate in (address, inner)
        ):
            return
        if not is_public(inner):
            raise _refuse(
                target.call,
                f"{target.host} is not a public address, or resolves to one that is not; SIGNOFF_HTTP_ALLOW on the "
                "server can allow it",
            )
        if target.url.scheme == "http":
            raise self._only_https(target)

    def _allows(self, target: CallTarget) -> bool:
        listed = {(target.host, None), (target.host, target.port)}
        return not listed.isdisjoint(self._hosts) or target.host.endswith(self._suffixes)

    def _only_https(self, target: CallTarget) -> StepError:
        return _refuse(target.call, "only https is allowed, except to hosts that SIGNOFF_HTTP_ALLOW names")


def unwrap(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 one (mapped, 6to4, NAT64), where packets go, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def is_public(address: Address) -> bool:
    """Return whether an address is public. Stricter than `is_global`, whose tables age with Python."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return not any(address in network for network in (*_NOT_PUBLIC, *_PLATFORMS))


def check_header(name: str, value: str = "") -> None:
    """Raise `InvalidValue`, which never quotes the value, for a header that a builder may not set."""
    if not _TOKEN.fullmatch(name):
        raise InvalidValue(f"{name[:40]!r} is not the name of a header")
    if name.lower() in _FRAMING:
        raise InvalidValue(f"the header {name} is set by Signoff itself")
    if _NOT_IN_HEADER.search(value):
        raise InvalidValue(f"the header {name} contains a line break or another control character")


def _literal(call: str, host: str) -> Address | None:
    """Return the address of a literal host, or None for a name. Raises `StepError` for anything else."""
    try:
        return urls.literal_host(host)
    except InvalidValue as error:
        raise _refuse(call, f"its host {error}") from None


def _network(entry: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(entry)
    except ValueError as error:
        raise InvalidValue(f"the allow-list entry {entry!r} is not a CIDR block: {error}") from None


def _entry(entry: str) -> tuple[str, int | None]:
    """Parse `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address into host and port (or None)."""
    try:
        url = URL(f"https://[{entry}]" if entry.count(":") > 1 and "[" not in entry else f"https://{entry}")
        host = (url.raw_host or "").lower().rstrip(".")
        if not host or "@" in entry or url.raw_query_string or url.raw_fragment:
            raise ValueError
        _literal(entry, host)
    except (ValueError, StepError):
        raise InvalidValue(f"the allow-list entry {entry!r} is not a host, host:port, .suffix or CIDR block") from None
    return host, url.explicit_port


def _shown_authority(url: URL) -> str:
    host = f"[{url.raw_host}]" if ":" in (url.raw_host or "") else url.raw_host or ""
    return host if url.explicit_port is None else f"{host}:{url.explicit_port}"


def _refuse(call: str, why: str, *, retryable: bool = False) -> StepError:
    return StepError(f"{call} was not sent: {why}", retryable=retryable)
