"""Settings: read from the environment and a file, with all problems reported at once."""

from __future__ import annotations

import base64
import html
import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot import databases, loaded_settings, setting_values, settings, variable_checks
from bot.settings import NotAFile, Settings, SettingsError


def problems_of(**values: str) -> list[str]:
    """Load the settings, and return the sentences of the refusal."""
    with pytest.raises(SettingsError) as caught:
        loaded_settings.load({f"SIGNOFF_{name.upper()}": value for name, value in values.items()})
    assert str(caught.value) == "\n".join(caught.value.sentences)
    return caught.value.sentences


def test_no_setting_is_required(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    loaded = loaded_settings.load({})
    assert loaded.database == tmp_path / "signoff" / "signoff.db"
    assert (loaded.operator, loaded.admins, loaded.http_allow) == ("", (), ())
    assert (loaded.log_level, loaded.log_format) == ("info", "text")


def test_an_empty_database_is_the_default_one() -> None:
    assert loaded_settings.load({"SIGNOFF_DATABASE_URL": ""}).database_url == settings.default_database()


@pytest.mark.parametrize("value", ["", "https://slack.com/", "https://slack-gov.com", "http://127.0.0.1:8080"])
def test_the_address_where_people_sign_in_is_safe(value: str) -> None:
    loaded = loaded_settings.load({"SIGNOFF_SLACK_ISSUER": value} if value else {})
    assert loaded.slack_issuer == (value.rstrip("/") or "https://slack.com")


@pytest.mark.parametrize(
    "value", ["slack.com", "http://slack.com", "https://", "https://slack.com?x=1", "https://[", "ftp://a"]
)
def test_people_are_not_sent_to_an_unsafe_address_to_sign_in(value: str) -> None:
    assert problems_of(slack_issuer=value) == ["SIGNOFF_SLACK_ISSUER: must look like https://slack.com."]


def test_the_client_id_of_an_app_is_two_numbers() -> None:
    assert problems_of(slack_client_id="A0123") == [
        "SIGNOFF_SLACK_CLIENT_ID: must look like 1234567890.1234567890: "
        "copy the Client ID from the page of the Slack app."
    ]


def test_what_is_missing_for_the_sign_in_is_named() -> None:
    needed = {
        "SIGNOFF_PUBLIC_URL": "https://signoff.example.com",
        "SIGNOFF_SLACK_BOT_TOKEN": "xoxb-1",
        "SIGNOFF_SLACK_CLIENT_ID": "1.2",
        "SIGNOFF_SLACK_CLIENT_SECRET": "shh",
    }
    assert loaded_settings.load({}).missing_for_sign_in == tuple(needed)
    assert loaded_settings.load({**needed, "SIGNOFF_SLACK_APP_TOKEN": "xapp-1"}).missing_for_sign_in == ()


def test_set_values_are_read() -> None:
    loaded = loaded_settings.load(
        {
            "SIGNOFF_DATABASE_URL": "sqlite:////srv/signoff/a b%20ü.db",
            "SIGNOFF_OPERATOR": "Lee@Example.com",
            "SIGNOFF_ADMINS": " sam@example.com, ,kim@example.com,",
            "SIGNOFF_HTTP_ALLOW": "localhost:8080, .internal ,10.1.0.0/16",
            "SIGNOFF_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8,2001:db8::1",
            "SIGNOFF_LOG_LEVEL": "DEBUG",
            "SIGNOFF_LOG_FORMAT": "Json",
            "SIGNOFF_SECRET_CRM": "not a setting",
            "PATH": "/bin",
        }
    )
    assert loaded.database == Path("/srv/signoff/a b%20ü.db")
    assert loaded.operator == "Lee@example.com"
    assert loaded.admins == ("sam@example.com", "kim@example.com")
    assert loaded.http_allow == ("localhost:8080", ".internal", "10.1.0.0/16")
    assert loaded.trusted_proxies == ("127.0.0.1", "10.0.0.0/8", "2001:db8::1")
    assert (loaded.log_level, loaded.log_format) == ("debug", "json")


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"SIGNOFF_NAME": " Acme Finance "}, "Acme Finance"),
        ({"SIGNOFF_NAME": "Größe & Söhne", "SIGNOFF_PUBLIC_URL": "https://s.example"}, "Größe & Söhne"),
        ({"SIGNOFF_PUBLIC_URL": "https://signoff.example.com:8443/team"}, "signoff.example.com"),
        ({}, ""),
    ],
)
def test_the_name_of_who_runs_signoff_is_that_of_the_host_unless_it_is_set(values: dict[str, str], name: str) -> None:
    assert loaded_settings.load(values).site_name == name


@pytest.mark.parametrize("name", ["two\nlines", "Acme\u202e", "x" * 61])
def test_a_name_is_one_short_line_that_can_be_seen(name: str) -> None:
    assert problems_of(name=name) == ["SIGNOFF_NAME: must be one line of at most 60 visible characters."]


@pytest.mark.parametrize(
    "proxies", ["proxy.example.com", "10.0.0.0/8, *", "10.0.0.1/8", "0.0.0.0/0", "::/0", "10.0.0.1:80"]
)
def test_a_proxy_that_is_no_address_is_refused(proxies: str) -> None:
    (sentence,) = problems_of(trusted_proxies=proxies)
    invalid = proxies.rpartition(", ")[2]
    assert sentence.startswith(f"SIGNOFF_TRUSTED_PROXIES: {invalid!r} ")


def test_a_database_of_a_command_goes_before_the_one_that_is_set(tmp_path: Path) -> None:
    assert (
        loaded_settings.load({"SIGNOFF_DATABASE_URL": "mysql://x"}, database=tmp_path / "t.db").database
        == tmp_path / "t.db"
    )


def test_a_database_may_be_relative_or_under_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/lee")
    assert loaded_settings.load({"SIGNOFF_DATABASE_URL": "sqlite:///here.db"}).database == tmp_path / "here.db"
    assert loaded_settings.load({"SIGNOFF_DATABASE_URL": "sqlite:///~/here.db"}).database == Path("/home/lee/here.db")


SERVER = (
    "postgresql+asyncpg://user:password@host/signoff. Write / ? # @ and : in user or password as %2F %3F %23 %40 %3A"
)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://x", "must look like sqlite:////absolute/path/signoff.db."),
        ("/srv/signoff.db", "must look like sqlite:////absolute/path/signoff.db."),
        ("sqlite:", "must look like sqlite:////absolute/path/signoff.db."),
        ("sqlite:///", "must look like sqlite:////absolute/path/signoff.db."),
        ("sqlite://host/x.db", "must look like sqlite:////absolute/path/signoff.db."),
        ("postgresql://ann:geheim@host/x", f"must look like {SERVER}."),
        ("postgresql+psycopg://ann:geheim@host/x", f"must look like {SERVER}."),
        ("postgresql+asyncpg://ann:geheim@host", f"must look like {SERVER}."),
        (
            "postgresql+asyncpg://ann:geheim@host:port/x",
            f"is not a URL. Write {SERVER}.",
        ),
    ],
)
def test_a_database_that_is_neither_a_file_nor_on_a_server_is_refused(url: str, sentence: str) -> None:
    assert f"SIGNOFF_DATABASE_URL: {sentence}" in problems_of(database_url=url)


SERVED = {"SIGNOFF_DATABASE_URL": "postgresql+asyncpg://ann:g%23heim@db.example.com/signoff", "SIGNOFF_KEY": "5a" * 32}


def test_the_password_of_a_database_is_hidden_as_it_is_written_and_as_it_is() -> None:
    loaded = loaded_settings.load(SERVED)
    assert loaded.redact("g#heim and g%23heim") == "(the password of the database) and (the password of the database)"
    assert databases.place(loaded) == "signoff on db.example.com"


def test_a_database_on_a_server_is_no_file() -> None:
    with pytest.raises(NotAFile, match="names a server"):
        _ = loaded_settings.load(SERVED).database


def test_a_role_and_a_key_belong_to_a_database_on_a_server() -> None:
    assert [*variable_checks.problems({"SIGNOFF_ROLE": "bot"}, ("role",))] == [
        "SIGNOFF_ROLE: has no use with a database file, which one process does all work on. Remove it."
    ]
    missing = {name: value for name, value in SERVED.items() if name != "SIGNOFF_KEY"}
    assert "is needed with PostgreSQL" in "".join(variable_checks.problems(missing, ("database_url",)))


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sqlite:////srv/signoff.db?mode=memory", "must not have options after `?`"),
        ("sqlite:////srv/signoff.db?mode=memory&cache=shared", "must not have options after `?`"),
        ("sqlite:////srv/signoff.db?", "must not have options after `?`"),
        ("sqlite:///:memory:", "must name a file on a disk"),
        ("sqlite:///file::memory:", "must name a file on a disk"),
        ("sqlite:///file:signoff.db", "must name a file on a disk"),
        ("sqlite:////srv/", "must name a file, not a folder"),
        ("sqlite:////srv/..", "must name a file, not a folder"),
        ("sqlite:///.", "must name a file, not a folder"),
        ("sqlite:////srv/sign\noff.db", "has invisible characters"),
        ("sqlite:////srv/sign\0off.db", "has invisible characters"),
        ("sqlite:///~no-such-user/signoff.db", "names the home folder of a user who does not exist"),
        ("sqlite:////srv/" + "n" * 201, "is too long"),
        ("sqlite:///" + "/nnnn" * 100, "is too long"),
    ],
)
def test_a_database_that_no_server_could_keep_is_refused(url: str, sentence: str) -> None:
    (problem,) = problems_of(database_url=url)
    assert problem.startswith(f"SIGNOFF_DATABASE_URL: {sentence}")


@pytest.mark.parametrize(
    "url",
    [
        'https://signoff.example.com/"><script>alert(1)</script>',
        "https://signoff.example.com/a'b",
        "https://signoff.example.com/<",
        "https://signoff.example.com/..",
        "https://signoff.example.com/a/../b",
        "https://signoff.example.com/./a",
        "https://signoff.example.com/%2e%2E/a",
        "https://signoff.example.com/a//b",
        "https://signoff.example.com//a",
        "https://signoff.example.com/a\\b",
        "https://signoff.example.com/a|b",
        "https://signoff.example.com/a%0d%0ab",
        "https://signoff.example.com/%zz",
        "https://signoff.example.com/a;b",
        "https://signoff..example.com",
        "https://-signoff.example.com",
        "https://signoff.example.com:0",
        "https://signoff.example.com:",
        "https://signoff.example.com:65536",
        "https://user@signoff.example.com",
        "https://signoff.example.com?x",
        "https://",
        "https:///path",
        "https://" + "a." * 130 + "com",
        "javascript:alert(1)",
        "//signoff.example.com",
    ],
)
def test_a_public_address_that_is_more_than_an_address_is_refused(url: str) -> None:
    (sentence,) = problems_of(public_url=url)
    assert sentence.startswith("SIGNOFF_PUBLIC_URL: ")


@pytest.mark.parametrize(
    "url",
    [
        "https://signoff.example.com",
        "https://Signoff.example.com:8443/tools/signoff-1_2.~x/",
        "https://example.com./a%20b",
        "https://[2001:db8::1]:8000/x",
        "http://127.0.0.1:8000",
        "http://localhost",
    ],
)
def test_a_public_address_of_the_usual_kinds_is_taken(url: str) -> None:
    assert loaded_settings.load({"SIGNOFF_PUBLIC_URL": url}).public_url == url.rstrip("/")


@given(st.text(alphabet=st.sampled_from('abz019.-_~%/:\\"<>&;?#@[]()| \n\r\té'), max_size=30))
def test_an_accepted_public_address_is_unchanged_before_every_path(suffix: str) -> None:
    """Browsers read it as written: without `..`, without another host, without a character that ends an attribute."""
    try:
        public_url = setting_values.parse_public_url(f"https://e.example{suffix}")
    except ValueError:
        return
    link = f"{public_url}/r/token"
    assert urljoin(link, link) == link
    assert html.escape(link) == link
    assert urlsplit(link).path.endswith("/r/token")
    assert (urlsplit(link).query, urlsplit(link).fragment, urlsplit(link).username) == ("", "", None)


@pytest.mark.parametrize("address", ['https://slack.com/"><b>', "https://slack.com/api?x", "https://a@slack.com/", "x"])
def test_an_invalid_address_of_slack_is_refused(address: str) -> None:
    assert problems_of(slack_api_url=address) == ["SIGNOFF_SLACK_API_URL: must look like https://slack.com/api/."]


@pytest.mark.parametrize("host", ["", " ", "a b", "0.0.0.0/0", "a..b", "a\0b"])
def test_an_invalid_host_is_refused_and_an_empty_host_is_not_every_address(host: str) -> None:
    (sentence,) = problems_of(host=host)
    assert sentence.startswith("SIGNOFF_HOST: must be an address of this machine")


@pytest.mark.parametrize("name", ["", "crm", "CRM-TOKEN", "1ST", "CRM TOKEN", "CRM.TOKEN", "_X", "É"])
def test_a_secret_without_a_usable_name_is_refused(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded_settings.load({f"SIGNOFF_SECRET_{name}": "hunter22"})
    (sentence,) = caught.value.sentences
    assert sentence.startswith(f"SIGNOFF_SECRET_{name}: must end with a name of A-Z, 0-9 and _")
    assert "hunter22" not in sentence


def test_all_problems_are_reported_together() -> None:
    sentences = problems_of(
        operatr="lee@example.com",
        nonsense="1",
        operator="lee",
        admins="sam@example.com,nobody",
        log_level="loud",
        log_format="xml",
        database_url="mysql://x",
    )
    assert [sentence.partition(":")[0] for sentence in sentences] == [
        "SIGNOFF_NONSENSE",
        "SIGNOFF_OPERATR",
        "SIGNOFF_DATABASE_URL",
        "SIGNOFF_OPERATOR",
        "SIGNOFF_ADMINS",
        "SIGNOFF_LOG_LEVEL",
        "SIGNOFF_LOG_FORMAT",
    ]
    assert "SIGNOFF_OPERATR: there is no such setting. Did you mean SIGNOFF_OPERATOR?" in sentences
    assert "SIGNOFF_NONSENSE: there is no such setting." in sentences
    assert any("'nobody'" in sentence for sentence in sentences)
    assert "SIGNOFF_LOG_LEVEL: must be 'debug', 'info', 'warning' or 'error'." in sentences


def test_usable_values_are_read_beside_unusable_ones(tmp_path: Path) -> None:
    values = {"SIGNOFF_PORT": "many", "SIGNOFF_OPERATOR": "nobody", "SIGNOFF_HOST": "::1", "SIGNOFF_PROT": "1"}
    loaded = loaded_settings.read(values, database=tmp_path / "a.db")
    assert (loaded.settings.host, loaded.settings.port, loaded.settings.operator) == ("::1", 8000, "")
    assert loaded.settings.database == tmp_path / "a.db"
    assert loaded.unusable == {"port", "operator"}
    assert list(loaded.complaints) == problems_of(
        **{name.removeprefix("SIGNOFF_"): value for name, value in values.items()}
    )
    assert loaded_settings.read({}).complaints == ()


@pytest.mark.parametrize("port", ["many", "", "80.5", "0", "65536", "-1"])
def test_an_invalid_port_is_refused_with_an_example(port: str) -> None:
    assert problems_of(port=port) == ["SIGNOFF_PORT: must be a whole number from 1 to 65535, like 8000."]
    assert loaded_settings.read({"SIGNOFF_PORT": "65535"}).settings.port == 65535


def test_a_token_of_another_kind_is_refused_with_the_right_prefix() -> None:
    values = {"slack_app_token": "xoxb-1", "slack_bot_token": "xapp-1"}
    assert problems_of(**values) == [
        "SIGNOFF_SLACK_BOT_TOKEN: must begin with xoxb-.",
        "SIGNOFF_SLACK_APP_TOKEN: must begin with xapp-.",
    ]


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text('SIGNOFF_OPERATOR="file@example.com"\nSIGNOFF_ADMINS=sam@example.com\nSIGNOFF_EMPTY\n# note\n')
    monkeypatch.setenv("SIGNOFF_OPERATOR", "lee@example.com")
    loaded = loaded_settings.load_environment(file)
    assert (loaded["SIGNOFF_OPERATOR"], loaded["SIGNOFF_ADMINS"]) == ("lee@example.com", "sam@example.com")
    assert "SIGNOFF_EMPTY" not in loaded


def test_without_a_file_there_is_the_environment(tmp_path: Path) -> None:
    assert loaded_settings.load_environment(tmp_path / ".env") == dict(os.environ)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes("SIGNOFF_OPERATOR=lee@example.com".encode("utf-16"))
    with pytest.raises(SettingsError) as caught:
        loaded_settings.load_environment(file)
    assert caught.value.sentences == [f"{file} is not UTF-8 text. Save it as UTF-8."]


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.mkdir()
    with pytest.raises(SettingsError) as caught:
        loaded_settings.load_environment(file)
    assert caught.value.sentences == [f"{file} cannot be read: Is a directory."]


@pytest.mark.parametrize("kind", ["fifo", "device", "large", "nul", "broken"])
def test_a_file_that_holds_no_settings_is_refused(tmp_path: Path, kind: str) -> None:
    file = tmp_path / ".env"
    if kind == "fifo":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    elif kind == "large":
        with file.open("wb") as sparse:
            sparse.truncate(10_000_000_000)
    elif kind == "nul":
        file.write_bytes(b"# a note\nSIGNOFF_OPERATOR=lee@example.com\0\n")
    else:
        file.write_text("# a note\nSIGNOFF_OPERATOR lee@example.com\n")
    expected = {
        "fifo": f"{file} is not a regular file. Make it one, or remove it.",
        "device": f"{file} is not a regular file. Make it one, or remove it.",
        "large": f"{file} is larger than 1,000,000 bytes. It may only have settings.",
        "nul": f"{file}: line 2 has a NUL character. Remove it.",
        "broken": f"{file}: line 2 cannot be read. Write NAME=value.",
    }
    with pytest.raises(SettingsError) as caught:
        loaded_settings.load_environment(file)
    assert caught.value.sentences == [expected[kind]]


def test_a_mark_of_an_editor_at_the_start_of_the_file_hides_no_setting(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("SIGNOFF_TEST_MARK=1\n", encoding="utf-8-sig")
    assert loaded_settings.load_environment(file)["SIGNOFF_TEST_MARK"] == "1"


def test_only_the_passed_values_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNOFF_HOST", "9.9.9.9")
    assert loaded_settings.load({"SIGNOFF_DATABASE_URL": "sqlite:////tmp/signoff.db"}).host == "127.0.0.1"


@pytest.mark.parametrize("value", ["x", "abc", "a  ", " 12 ", " ", "      "])
def test_a_secret_too_short_to_be_hidden_is_refused(value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        loaded_settings.load({"SIGNOFF_SECRET_PIN": value, "SIGNOFF_SECRET_LONG": "1234", "SIGNOFF_SECRET_EMPTY": ""})
    (sentence,) = raised.value.sentences
    assert sentence.startswith("SIGNOFF_SECRET_PIN: must have at least 4 characters")


@pytest.mark.parametrize("escape", [json.dumps, quote, lambda text: base64.b64encode(text.encode()).decode()])
def test_credentials_are_struck_out_however_they_are_escaped(escape: Callable[[str], str]) -> None:
    password = 'p"a\\ss w0rd'
    url = f"smtps://me:{quote(password, safe='')}@mail.example.com"
    values = {
        "SIGNOFF_SMTP_URL": url,
        "SIGNOFF_EMAIL_FROM": "s@example.com",
        "SIGNOFF_PUBLIC_URL": "https://s.example.com",
    }
    assert "ss w0rd" not in loaded_settings.load(values).redact(f"it was {escape(password)}, {url}")
    assert "(the password of the mail server)" in loaded_settings.load(values).redact(escape(password))


@pytest.mark.parametrize("value", ["15", "20001", "-1", "many", "", "1e3", "500.5"])
def test_a_number_of_connections_that_makes_no_sense_is_refused(value: str) -> None:
    (sentence,) = problems_of(max_connections=value)
    assert sentence == "SIGNOFF_MAX_CONNECTIONS: must be a whole number from 16 to 20000, like 500."
    assert loaded_settings.load({"SIGNOFF_MAX_CONNECTIONS": "64"}).max_connections == 64


def test_every_secret_of_the_settings_is_masked_in_texts() -> None:
    secrets = [name for name, field in Settings.model_fields.items() if field.annotation is SecretStr]
    assert len(secrets) > 3
    values = {name: SecretStr(f"{name}-Kx8w2pQz7") for name in secrets}
    values["smtp_url"] = SecretStr("smtps://user:Kx8w2pQz7rT@mail.example.com")
    settings = Settings().model_copy(update=values)
    text = settings.redact(" ".join([*(value.get_secret_value() for value in values.values()), "Kx8w2pQz7rT"]))
    assert "Kx8w2pQz7" not in text


def test_working_hours_and_holidays_are_read() -> None:
    hours = loaded_settings.load({}).office_hours
    assert (hours.days, hours.begins, hours.ends, hours.zone, hours.holidays) == ((0, 1, 2, 3, 4), 540, 1020, "UTC", "")
    values = {"SIGNOFF_WORKING_HOURS": "mon-thu 08:00-16:00 Europe/Berlin", "SIGNOFF_HOLIDAYS": "de-be"}
    hours = loaded_settings.load(values).office_hours
    assert (hours.days, hours.zone, hours.holidays) == ((0, 1, 2, 3), "Europe/Berlin", "DE-BE")
    assert loaded_settings.load({"SIGNOFF_WORKING_HOURS": "", "SIGNOFF_HOLIDAYS": ""}).office_hours.begins == 540


def test_working_hours_and_holidays_that_no_one_has_are_refused() -> None:
    assert problems_of(working_hours="9 to 5", holidays="Germany") == [
        "SIGNOFF_WORKING_HOURS: must look like mon-fri 09:00-17:00, or with a time zone: "
        "mon-fri 09:00-17:00 Europe/Berlin.",
        "SIGNOFF_HOLIDAYS: must be a country, like DE, or one of its parts, like DE-BE.",
    ]


def test_how_long_contents_are_kept_is_read() -> None:
    assert loaded_settings.load({}).kept_for is None
    assert loaded_settings.load({"SIGNOFF_RETENTION": "400d"}).kept_for == timedelta(days=400)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("soon", "'soon' is not a duration; write it like 90s, 15m, 4h, 2d, 1w or 1h30m. For contents, write 400d."),
        ("12h", "must be at least a day, like 400d."),
    ],
)
def test_a_retention_that_is_no_age_of_contents_is_refused(text: str, problem: str) -> None:
    assert problems_of(retention=text) == [f"SIGNOFF_RETENTION: {problem}"]


# -- language models ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://api.example.com/v1/", ""),
        ("http://localhost:11434/v1", ""),
        ("http://127.0.0.1:8000", ""),
        ("http://models.internal:8000/v1", "models.internal"),
        ("http://10.1.2.3:8000/v1", "10.0.0.0/8"),
    ],
)
def test_a_provider_of_language_models_is_called_safely(url: str, allowed: str) -> None:
    loaded = loaded_settings.load({"SIGNOFF_AI_URL": url, "SIGNOFF_HTTP_ALLOW": allowed})
    assert loaded.ai_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    ["http://api.example.com/v1", "ftp://a", "https://", "https://me:secret@a.example", "https://a.example?x=1", "x"],
)
def test_a_prompt_is_never_sent_to_an_unsafe_address(url: str) -> None:
    (problem,) = problems_of(ai_url=url)
    assert problem.startswith("SIGNOFF_AI_URL: m")
    assert "secret" not in problem


def test_the_prices_of_models_are_read_exactly() -> None:
    prices = loaded_settings.load({"SIGNOFF_AI_PRICES": "my-model=0.25/2, vendor/other:7b = 1/4.5"}).model_prices
    assert {name: (str(price.input), str(price.output)) for name, price in prices.items()} == {
        "my-model": ("0.25", "2"),
        "vendor/other:7b": ("1", "4.5"),
    }
    assert loaded_settings.load({}).model_prices == {}


@pytest.mark.parametrize("text", ["my-model", "my-model=1", "=1/2", "my-model=-1/2", "my-model=1/2/3", "m=1e9/2"])
def test_prices_that_cannot_be_read_are_refused(text: str) -> None:
    (problem,) = problems_of(ai_prices=text)
    assert "must look like my-model=0.25/2" in problem


def test_the_key_of_the_language_model_is_redacted() -> None:
    loaded = loaded_settings.load({"SIGNOFF_AI_KEY": "sk-4f2b9c7d1e8a"})
    assert loaded.redact("with sk-4f2b9c7d1e8a.") == "with (the key of the language model)."
    assert "sk-4f2b9c7d1e8a" not in repr(loaded)
