"""Creates certificates for a mail server on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trustme

from bot.devtools.sandbox import MailConfig
from bot.devtools.sandbox.mail.config import Security


def encrypted_mail_config(folder: Path, security: Security, **more: Any) -> MailConfig:
    """Return the config of a mail server with a certificate for 127.0.0.1 and localhost. Clients must trust `ca`."""
    authority, stranger = trustme.CA(), trustme.CA()
    ca, right, wrong = folder / "ca.pem", folder / "server.pem", folder / "wrong.pem"
    authority.cert_pem.write_to_path(ca)
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(right)
    stranger.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(wrong)
    return MailConfig(security=security, certificate=right, ca=ca, wrong_certificate=wrong, **more)
