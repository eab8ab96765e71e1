"""DKIM signatures, checked by dkimpy, and by a verifier of our own that was written from RFC 6376."""

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

MAIL = message.mail(REQUEST_CARD, envelope()).as_bytes()


def relaxed_header(line: bytes) -> bytes:
    name, _, value = line.partition(b":")
    return name.lower().strip() + b":" + b" ".join(value.replace(b"\r\n", b"").split())


def verified(raw: bytes, key: Key) -> dict[str, str]:
    """The tags of a signature that holds. Raises `InvalidSignature`."""
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
    rest: dict[str, list[bytes]] = {}
    for line in lines:
        rest.setdefault(line.partition(b":")[0].strip().lower().decode(), []).append(line)
    data = b""
    for name in tags["h"].split(":"):
        if rest.get(name):
            data += relaxed_header(rest[name].pop()) + b"\r\n"
    data += relaxed_header(re.sub(rb"(?s)(;\s*b=).*\Z", rb"\1", signature)).rstrip(b" ")
    found = base64.b64decode(tags["b"])
    if isinstance(key, rsa.RSAPrivateKey):
        key.public_key().verify(found, data, padding.PKCS1v15(), hashes.SHA256())
    else:
        key.public_key().verify(found, hashlib.sha256(data).digest())
    return tags


@pytest.fixture(scope="module", params=["rsa", "ed25519"])
def key(request: pytest.FixtureRequest) -> Key:
    return rsa.generate_private_key(65537, 2048) if request.param == "rsa" else Ed25519PrivateKey.generate()


def signed(key: Key, content: bytes = MAIL) -> bytes:
    return Signer(key, domain="example.com", selector="s1").sign(content)


def test_a_signature_holds_and_says_who_signed(key: Key) -> None:
    tags = verified(signed(key), key)
    assert (tags["v"], tags["d"], tags["s"], tags["c"]) == ("1", "example.com", "s1", "relaxed/relaxed")
    assert {"from", "to", "subject", "date", "message-id"} <= set(tags["h"].split(":"))
    assert tags["h"].split(":").count("from") == 2, "nobody can add a second one"


def test_a_library_that_is_not_ours_takes_a_signature_and_refuses_a_changed_mail() -> None:
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    def record(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"s1._domainkey.example.com."
        return b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)

    made = signed(key)
    assert dkimpy.verify(made, dnsfunc=record)
    assert not dkimpy.verify(made.replace(b"Refund", b"Refute", 1), dnsfunc=record)


def test_the_mail_itself_is_as_it_was(key: Key) -> None:
    assert signed(key).endswith(b"\r\n" + MAIL)
    assert max(map(len, signed(key).split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"Refund", b"Refute"), (b"mia@", b"eve@"), (b"signoff@", b"boss@"), (b"\r\n\r\n", b"\r\nFrom: eve@evil\r\n\r\n")],
)
def test_what_is_changed_on_the_way_breaks_it(key: Key, before: bytes, after: bytes) -> None:
    made = signed(key)
    assert before in made
    with pytest.raises(InvalidSignature):
        verified(made.replace(before, after, 1), key)


@pytest.mark.parametrize(("body"), [b"", b"\r\n", b"a  b \t\r\n\r\n\r\n", b"no end"])
def test_bodies_of_every_shape_can_be_signed(key: Key, body: bytes) -> None:
    made = signed(key, b"From: a@example.com\r\nSubject: folded\r\n\t twice \r\n\r\n" + body)
    assert verified(made, key)["d"] == "example.com"


def pem(key: Key | ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())


def test_a_key_is_read_from_its_file(tmp_path: Path, key: Key) -> None:
    (tmp_path / "key.pem").write_bytes(pem(key))
    assert verified(signed(dkim.load(tmp_path / "key.pem")), key)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"secret", "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "neither"),
    ],
)
def test_a_file_without_a_usable_key_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "key.pem").write_bytes(content)
    with pytest.raises(ValueError, match=said) as caught:
        dkim.load(tmp_path / "key.pem")
    assert "secret" not in str(caught.value)
