"""The settings of email: each is checked when it is read, and no error message contains a password."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from bot import loaded_settings, setting_values, settings
from bot.email import setup
from bot.settings import SettingsError
from tests.support.email_env import AT

GOOD = {
    "SMTP_URL": "smtp+starttls://signoff%40example.com:sword%2Ffish@smtp.example.com",
    "EMAIL_FROM": "Signoff <signoff@Example.com>",
    "PUBLIC_URL": "https://signoff.example.com/prefix/",
}


def load(**changed: str) -> settings.Settings:
    return loaded_settings.load({f"SIGNOFF_{name}": value for name, value in {**GOOD, **changed}.items() if value})


def error_of(**changed: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(**changed)
    assert "fish" not in str(caught.value)
    return str(caught.value)


def test_correct_settings_are_read() -> None:
    loaded = load()
    assert loaded.mail_server == setting_values.MailServerAddress(
        host="smtp.example.com", port=587, security="starttls", user="signoff@example.com", password="sword/fish"
    )
    assert "fish" not in repr(loaded)
    assert "fish" not in repr(loaded.mail_server)
    assert loaded.email_from == "Signoff <signoff@example.com>"
    assert loaded.public_url == "https://signoff.example.com/prefix"
    assert loaded_settings.load({}).mail_server is None


@pytest.mark.parametrize(
    ("url", "port", "security"),
    [
        ("smtps://smtp.example.com", 465, "tls"),
        ("SMTPS://smtp.example.com:2465/", 2465, "tls"),
        ("smtp+starttls://u:p@smtp.example.com", 587, "starttls"),
        ("smtp://localhost", 25, "none"),
        ("smtp://127.0.0.1:1025", 1025, "none"),
        ("smtp://[::1]:1025", 1025, "none"),
    ],
)
def test_the_url_of_a_mail_server_gives_its_port_and_encryption(url: str, port: int, security: str) -> None:
    parsed = setting_values.parse_smtp_url(url)
    assert (parsed.port, parsed.security) == (port, security)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("smtp.example.com", "must look like smtps://"),
        ("https://smtp.example.com", "must look like smtps://"),
        ("smtps://", "must look like smtps://"),
        ("smtps://u:fish@", "must look like"),
        ("smtps://u:sword/fish@smtp.example.com", "%2F"),
        ("smtps://u:sword#fish@smtp.example.com", "%23"),
        ("smtps://u:sword?fish@smtp.example.com", "%3F"),
        ("smtps://u:fish@smtp.example.com:99999", "must look like"),
        ("smtps://u:fish@smtp.example.com:0", "must look like"),
        ("smtps://u:fish@smtp.example.com/fish", "must look like"),
        ("smtps://u:fish@[::1", "must look like"),
        ("smtps://u@smtp.example.com", "must have both a user and a password"),
        ("smtps://:fish@smtp.example.com", "must have both a user and a password"),
        ("smtps://u:fish%0A@smtp.example.com", "that no mail server accepts"),
        ("smtps://u:fish%FF@smtp.example.com", "that no mail server accepts"),
        ("smtp://smtp.example.com", "only on this machine"),
        ("smtp://u:fish@localhost", "unencrypted"),
    ],
)
def test_the_error_for_an_unusable_mail_server_leaves_out_the_password(url: str, message: str) -> None:
    assert message in error_of(SMTP_URL=url)


@pytest.mark.parametrize(
    "sender",
    [
        "signoff",
        "Signoff",
        "a@example.com, b@example.com",
        "Signoff, Inc <a@example.com>",
        "<@example.com>",
        "ü@example.com",
        "a@example.com\nBcc: b@example.com",
    ],
)
def test_a_sender_is_one_mailbox(sender: str) -> None:
    assert "SIGNOFF_EMAIL_FROM: must be" in error_of(EMAIL_FROM=sender)


def test_a_sender_may_have_any_name() -> None:
    assert setting_values.parse_sender('"Signoff, Inc" <a@example.com>').display_name == "Signoff, Inc"
    assert setting_values.parse_sender("Größe <a@example.com>").display_name == "Größe"
    assert setting_values.parse_sender("a@example.com").display_name == ""


@pytest.mark.parametrize(
    "url",
    [
        "signoff.example.com",
        "ftp://signoff.example.com",
        "https://",
        "https://signoff.example.com?x",
        "https://signoff.example.com/#x",
        "https://u:fish@signoff.example.com",
        "https://signoff.example.com:x",
        "https://signoff.example.com/a b",
        "http://signoff.example.com",
    ],
)
def test_a_public_url_is_https_and_has_no_other_parts(url: str) -> None:
    assert "SIGNOFF_PUBLIC_URL: " in error_of(PUBLIC_URL=url)


def test_a_public_url_on_this_machine_may_be_http() -> None:
    assert setting_values.parse_public_url("http://localhost:8000/") == "http://localhost:8000"
    assert setting_values.parse_public_url("http://[::1]:8000") == "http://[::1]:8000"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"EMAIL_FROM": ""}, "SMTP_URL: has no use without SIGNOFF_EMAIL_FROM"),
        ({"PUBLIC_URL": ""}, "SMTP_URL: has no use without SIGNOFF_PUBLIC_URL"),
        ({"SMTP_URL": ""}, "EMAIL_FROM: has no use without SIGNOFF_SMTP_URL"),
        ({"DKIM_KEY_FILE": "x"}, "DKIM_KEY_FILE: has no use without SIGNOFF_DKIM_SELECTOR"),
        ({"DKIM_SELECTOR": "x"}, "DKIM_SELECTOR: has no use without SIGNOFF_DKIM_KEY_FILE"),
        ({"DKIM_DOMAIN": "x"}, "DKIM_DOMAIN: has no use without SIGNOFF_DKIM_KEY_FILE"),
        ({"DKIM_SELECTOR": "a b", "DKIM_KEY_FILE": "x"}, "DKIM_SELECTOR: must be a name"),
    ],
)
def test_a_setting_that_needs_another_says_so(changed: Mapping[str, str], message: str) -> None:
    assert message in error_of(**changed)


def test_the_password_is_never_logged() -> None:
    assert "fish" not in load().redact("sword/fish, sword%2Ffish")


@pytest.mark.parametrize("name", ["SMTP_CA_FILE", "DKIM_KEY_FILE"])
@pytest.mark.parametrize(("content", "message"), [(None, "cannot be read"), ("fish", "no")])
async def test_an_unusable_file_keeps_the_server_from_starting(
    tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    file = tmp_path / "file.pem"
    if content is not None:
        file.write_text(content)
    chosen = load(**{name: str(file)}, **({"DKIM_SELECTOR": "s1"} if name == "DKIM_KEY_FILE" else {}))
    with pytest.raises(SettingsError, match=f"{name}: .*{message}"):
        async with setup.open_email(chosen, lambda: AT):
            pass


async def test_without_a_mail_server_there_is_no_email() -> None:
    async with setup.open_email(loaded_settings.load({}), lambda: AT) as mail:
        assert mail is None
