"""DKIM signatures (RFC 6376, RFC 8463) over the final bytes of a mail, relaxed/relaxed.

It is our own code because the library for it (dkimpy) comes as source only, and an installation should need no
compiler or build tool.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

Key: TypeAlias = RSAPrivateKey | Ed25519PrivateKey

SMALLEST_RSA: Final = 1024
"""Minimum size of an RSA key in bits: verifiers refuse smaller ones (RFC 8301, 3.2)."""
_SIGNED: Final = (
    *("from", "to", "reply-to", "subject", "date", "message-id", "in-reply-to", "references"),
    *("mime-version", "content-type", "content-transfer-encoding", "auto-submitted"),
)
_ONCE: Final = ("from", "to", "subject", "date")
"""Named once more than they occur, so that a second one would break the signature (8.15)."""
_SPACE: Final = re.compile(rb"[ \t]+")
_FIELD: Final = re.compile(rb"([!-9;-~]+)[ \t]*:((?:[^\r]|\r\n[ \t])*)\r\n")
_LINE: Final = 72


def load(path: Path) -> Key:
    """Return the private key in a PEM file. Raises `ValueError` with a sentence, or `OSError`."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The texts of these errors may quote the file, so they are not chained.
        raise ValueError("is no private key in PEM, without a password") from None
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise ValueError("is neither an RSA nor an Ed25519 key")
    if isinstance(key, RSAPrivateKey) and key.key_size < SMALLEST_RSA:
        raise ValueError(f"is an RSA key of fewer than {SMALLEST_RSA} bits, which no verifier takes")
    return key


class Signer:
    """Signs for a domain with the key whose public half is at `selector._domainkey.domain`."""

    def __init__(self, key: Key, *, domain: str, selector: str) -> None:
        self._key, self._domain, self._selector = key, domain, selector

    def sign(self, content: bytes) -> bytes:
        """Return the email with its signature on top. `content`: lines end in CR LF."""
        head, _, body = content.partition(b"\r\n\r\n")
        fields = [(name.lower(), value) for name, value in _FIELD.findall(head + b"\r\n")]
        names = [*_present(fields), *_ONCE]
        unsigned = self._unsigned(names, body)
        signed = b"".join(_relaxed(name, value) + b"\r\n" for name, value in _chosen(fields, names))
        signature = self._signature(signed + _relaxed(b"dkim-signature", unsigned.encode()))
        return f"DKIM-Signature:{unsigned}{_folded(signature)}\r\n".encode() + content

    def _unsigned(self, names: list[str], body: bytes) -> str:
        digest = base64.b64encode(hashlib.sha256(_relaxed_body(body)).digest()).decode()
        algorithm = "rsa-sha256" if isinstance(self._key, RSAPrivateKey) else "ed25519-sha256"
        return (
            f" v=1; a={algorithm}; c=relaxed/relaxed;\r\n"
            f" d={self._domain}; s={self._selector};\r\n"
            f" h={_listed(names)};\r\n"
            f" bh={digest};\r\n"
            f" b="
        )

    def _signature(self, data: bytes) -> str:
        if isinstance(self._key, RSAPrivateKey):
            signature = self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        else:
            signature = self._key.sign(hashlib.sha256(data).digest())
        return base64.b64encode(signature).decode()


def _present(fields: list[tuple[bytes, bytes]]) -> list[str]:
    present = {name.decode("ascii") for name, _ in fields}
    return [name for name in _SIGNED if name in present]


def _chosen(fields: list[tuple[bytes, bytes]], names: list[str]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the fields that are signed, from the bottom up (5.4.2). A name without a field left adds nothing."""
    left = {name: [value for other, value in fields if other.decode("ascii") == name] for name in names}
    for name in names:
        if left[name]:
            yield name.encode(), left[name].pop()


def _relaxed(name: bytes, value: bytes) -> bytes:
    """Return a field in relaxed form (3.4.2)."""
    return name + b":" + _SPACE.sub(b" ", value.replace(b"\r\n", b"")).strip()


def _relaxed_body(body: bytes) -> bytes:
    """Return the body in relaxed form (3.4.4)."""
    lines = [_SPACE.sub(b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    relaxed = b"\r\n".join(lines).rstrip(b"\r\n")
    return relaxed + b"\r\n" if relaxed else b""


def _listed(names: list[str]) -> str:
    lines = (":".join(names[index : index + 6]) for index in range(0, len(names), 6))
    return ":\r\n  ".join(lines)


def _folded(text: str) -> str:
    return "".join(f"\r\n  {text[index : index + _LINE]}" for index in range(0, len(text), _LINE))
