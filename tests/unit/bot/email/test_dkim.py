"""DKIM signatures, checked by dkimpy and by a second verifier that follows RFC 6376."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import dkim as dkimpy
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.email import dkim, message
from bot.email.dkim import Key, Signer
from tests.support.email_env import REQUEST_CARD, envelope

RAW_MESSAGE = message.mail(REQUEST_CARD, envelope()).as_bytes()


def relax_header(line: bytes) -> bytes:
    name, _, value = line.partition(b":")
    return name.lower().strip() + b":" + b" ".join(value.replace(b"\r\n", b"").split())


def verify(raw: bytes, key: Key) -> dict[str, str]:
    """Return the tags of a valid signature. Raise `InvalidSignature` for any other."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = re.split(rb"\r\n(?![ \t])", head)
    (signature,) = [line for line in lines if line.lower().startswith(b"dkim-signature:")]
    tags = dict(
        part.strip().split("=", 1) for part in re.sub(r"\s+", "", signature.decode().split(":", 1)[1]).split(";")
    )
    canonical = b"\r\n".join(re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n"))
    canonical = re.sub(rb"(\r\n)*\Z", b"", canonical)
    canonical += b"\r\n" if canonical else b""
    if base64.b64encode(hashlib.sha256(canonical).digest()).decode() != tags["bh"]:
        raise InvalidSignature("body")
    headers: dict[str, list[bytes]] = {}
    for line in lines:
        headers.setdefault(line.partition(b":")[0].strip().lower().decode(), []).append(line)
    data = b""
    for name in tags["h"].split(":"):
        if headers.get(name):
            data += relax_header(headers[name].pop()) + b"\r\n"
    data += relax_header(re.sub(rb"(?s)(;\s*b=).*\Z", rb"\1", signature)).rstrip(b" ")
    signature_value = base64.b64decode(tags["b"])
    if isinstance(key, rsa.RSAPrivateKey):
        key.public_key().verify(signature_value, data, padding.PKCS1v15(), hashes.SHA256())
    else:
        key.public_key().verify(signature_value, hashlib.sha256(data).digest())
    return tags


@pytest.fixture(scope="module", params=["rsa", "ed25519"])
def key(request: pytest.FixtureRequest) -> Key:
    return rsa.generate_private_key(65537, 2048) if request.param == "rsa" else Ed25519PrivateKey.generate()


def sign(key: Key, content: bytes = RAW_MESSAGE) -> bytes:
    return Signer(key, domain="example.com", selector="s1").sign(content)


def test_a_signature_verifies_and_names_its_signer(key: Key) -> None:
    tags = verify(sign(key), key)
    assert (tags["v"], tags["d"], tags["s"], tags["c"]) == ("1", "example.com", "s1", "relaxed/relaxed")
    assert {"from", "to", "subject", "date", "message-id"} <= set(tags["h"].split(":"))
    assert tags["h"].split(":").count("from") == 2, "a second From header would break the signature"


def test_another_library_accepts_a_signature_and_refuses_a_changed_email() -> None:
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    def dns_record(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"s1._domainkey.example.com."
        return b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)

    signed_message = sign(key)
    assert dkimpy.verify(signed_message, dnsfunc=dns_record)
    assert not dkimpy.verify(signed_message.replace(b"Refund", b"Refute", 1), dnsfunc=dns_record)


def test_signing_leaves_the_email_unchanged(key: Key) -> None:
    assert sign(key).endswith(b"\r\n" + RAW_MESSAGE)
    assert max(map(len, sign(key).split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"Refund", b"Refute"), (b"mia@", b"eve@"), (b"signoff@", b"boss@"), (b"\r\n\r\n", b"\r\nFrom: eve@evil\r\n\r\n")],
)
def test_a_change_after_signing_breaks_the_signature(key: Key, before: bytes, after: bytes) -> None:
    signed_message = sign(key)
    assert before in signed_message
    with pytest.raises(InvalidSignature):
        verify(signed_message.replace(before, after, 1), key)


@pytest.mark.parametrize(("body"), [b"", b"\r\n", b"a  b \t\r\n\r\n\r\n", b"no end"])
def test_bodies_of_every_shape_can_be_signed(key: Key, body: bytes) -> None:
    signed_message = sign(key, b"From: a@example.com\r\nSubject: folded\r\n\t twice \r\n\r\n" + body)
    assert verify(signed_message, key)["d"] == "example.com"


def encode_pem(key: Key | ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())


def test_a_key_is_read_from_its_file(tmp_path: Path, key: Key) -> None:
    (tmp_path / "key.pem").write_bytes(encode_pem(key))
    assert verify(sign(dkim.load(tmp_path / "key.pem")), key)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"secret", "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
        (encode_pem(ec.generate_private_key(ec.SECP256R1())), "neither"),
    ],
)
def test_a_file_without_a_usable_key_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "key.pem").write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        dkim.load(tmp_path / "key.pem")
    assert "secret" not in str(caught.value)
