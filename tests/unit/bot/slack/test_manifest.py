"""The code handles what the manifest offers, and the manifest asks for the scopes of all called methods."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import bot.slack
from bot import loaded_settings
from bot.cli.manifest import manifest as command
from bot.devtools.sandbox import AppConfig
from bot.devtools.sandbox.methods import METHODS
from bot.openid import provider
from bot.settings import SettingsError
from bot.slack import bolt_app, manifest, text_objects
from bot.slack.rate_limit import PER_MINUTE
from tests.support import home_samples

ROOT = Path(__file__).parents[4]
SOURCES = [path.read_text() for path in Path(inspect.getfile(bot.slack)).parent.glob("*.py") if path.stem != "manifest"]


def called_methods() -> set[str]:
    """Return the methods that the code calls. The table of rate limits is left out, because it names more."""
    sources = [source for source in SOURCES if "PER_MINUTE: Final" not in source]
    return {name for name in METHODS if any(f'"{name}"' in source for source in sources)}


def test_the_file_equals_the_output_of_the_command() -> None:
    printed = CliRunner().invoke(command, []).output
    assert (ROOT / "manifest.yml").read_text() == printed
    assert yaml.safe_load(printed)["settings"]["socket_mode_enabled"] is True


def test_with_an_address_everything_is_delivered_there() -> None:
    printed = CliRunner().invoke(command, ["--url", "https://signoff.example.com/"]).output
    parsed = yaml.safe_load(printed)
    events = "https://signoff.example.com/slack/events"
    assert parsed["settings"]["event_subscriptions"]["request_url"] == events
    assert parsed["settings"]["interactivity"]["request_url"] == events
    assert [command_["url"] for command_ in parsed["features"]["slash_commands"]] == [events]
    assert parsed["settings"]["socket_mode_enabled"] is False


def test_an_address_that_slack_cannot_deliver_to_is_refused() -> None:
    problems_of = CliRunner().invoke(command, ["--url", "http://signoff.example.com"])
    assert problems_of.exit_code == 2
    assert "https:// addresses only" in problems_of.output


def test_the_manifest_asks_for_exactly_the_scopes_of_the_called_methods() -> None:
    assert called_methods() == set(manifest.METHODS)
    needed = {scope for name in called_methods() for scope in METHODS[name].scopes[:1]} | {
        "im:history",
        "files:read",
        "commands",
        "groups:read",
        # For events of replies in channels, and for finding a post of unknown outcome there.
        "channels:history",
        "groups:history",
        # For events of reactions.
        "reactions:read",
    }
    assert {*manifest.SCOPES, *manifest.OPTIONAL} == needed
    for name, scope in manifest.METHODS.items():
        by_kind = name in ("conversations.history", "conversations.replies")
        assert scope is None or by_kind or scope in METHODS[name].scopes
    assert manifest.manifest()["oauth_config"]["scopes"]["bot"] == sorted(needed)


def test_people_can_sign_in_where_the_manifest_has_the_pages() -> None:
    oauth = manifest.manifest(pages="https://signoff.example.com/team/")["oauth_config"]
    assert oauth["redirect_urls"] == ["https://signoff.example.com/team/signed-in"]
    assert oauth["scopes"]["user"] == [*provider.SCOPES]
    assert oauth["scopes"]["bot"] == manifest.manifest()["oauth_config"]["scopes"]["bot"]
    config = AppConfig.from_manifest(manifest.manifest(pages="https://signoff.example.com"))
    assert config.redirect_urls == ("https://signoff.example.com/signed-in",)


def test_every_called_method_has_a_rate_limit() -> None:
    assert called_methods() <= set(PER_MINUTE)


def test_the_commands_and_events_are_those_that_are_handled() -> None:
    document = manifest.manifest()
    assert [command_["command"] for command_ in document["features"]["slash_commands"]] == [bolt_app.COMMAND]
    assert document["settings"]["event_subscriptions"]["bot_events"] == sorted(bolt_app.EVENTS)
    assert document["settings"]["interactivity"]["is_enabled"]
    assert {shortcut["callback_id"] for shortcut in document["features"]["shortcuts"]} == bolt_app.SHORTCUTS
    home = document["features"]["app_home"]
    assert home["home_tab_enabled"]
    assert home["messages_tab_enabled"]
    assert home_samples.home()["type"] == "home"


def test_its_texts_are_as_long_as_slack_allows() -> None:
    document = manifest.manifest("https://signoff.example.com")
    assert text_objects.units(document["display_information"]["name"]) <= 35
    assert text_objects.units(document["display_information"]["description"]) <= 140
    assert all(
        len(command_["description"]) <= 2000 and len(command_["command"]) <= 32
        for command_ in document["features"]["slash_commands"]
    )
    assert all(
        len(shortcut["name"]) <= 24 and len(shortcut["description"]) <= 150
        for shortcut in document["features"]["shortcuts"]
    )


def test_the_sandbox_installs_it_as_it_is() -> None:
    config = AppConfig.from_manifest(manifest.manifest())
    default = AppConfig()
    assert sorted(config.scopes) == sorted(default.scopes)
    assert (config.commands, sorted(config.events)) == (default.commands, sorted(default.events))
    assert (config.shortcuts, config.message_shortcuts) == (default.shortcuts, default.message_shortcuts)
    assert config.home_tab
    assert config.messages_tab
    assert config.interactivity


# -- settings -----------------------------------------------------------------------------------------------

TOKENS = {
    "SIGNOFF_SLACK_BOT_TOKEN": "xoxb-1-secret",
    "SIGNOFF_SLACK_SIGNING_SECRET": "sign-secret",
    "SIGNOFF_SLACK_APP_TOKEN": "xapp-1-secret",
}


def problems_of(**values: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        loaded_settings.load({f"SIGNOFF_{name.upper()}": value for name, value in values.items()})
    assert "secret" not in str(caught.value).replace("_SECRET", "")
    return caught.value.sentences


def test_tokens_are_read_and_never_printed() -> None:
    loaded = loaded_settings.load({**TOKENS, "SIGNOFF_SLACK_API_URL": "http://127.0.0.1:1/api", "SIGNOFF_PORT": "8123"})
    assert loaded.slack_bot_token.get_secret_value() == "xoxb-1-secret"
    assert (loaded.slack_api_url, loaded.host, loaded.port) == ("http://127.0.0.1:1/api/", "127.0.0.1", 8123)
    assert "secret" not in repr(loaded).replace("_secret", "").replace("secrets_key", "").replace("SecretStr", "")
    assert loaded.redact("sent xoxb-1-secret and xapp-1-secret") == "sent (a token of Slack) and (a token of Slack)"
    assert loaded_settings.load({}).redact("nothing") == "nothing"


def test_settings_that_contradict_each_other_are_reported_together() -> None:
    (problem,) = problems_of(slack_bot_token="xoxb-1-secret")
    assert "SIGNOFF_SLACK_SIGNING_SECRET" in problem
    assert "SIGNOFF_SLACK_APP_TOKEN" in problem
    (problem,) = problems_of(slack_signing_secret="sign-secret")
    assert problem.startswith(
        "SIGNOFF_SLACK_SIGNING_SECRET: is not enough to write to Slack. Set SIGNOFF_SLACK_BOT_TOKEN too"
    )
    problems = problems_of(
        slack_bot_token="xapp-1-secret",
        slack_api_url="slack.com",
        builders="ada@example.com,group:x,U0ADA,owner",
        port="99999",
        log_level="loud",
    )
    assert [problem.partition(":")[0].removeprefix("SIGNOFF_") for problem in problems] == [
        "SLACK_BOT_TOKEN",
        "SLACK_BOT_TOKEN",
        "SLACK_API_URL",
        "BUILDERS",
        "PORT",
        "LOG_LEVEL",
    ]


def test_a_rotating_token_is_accepted() -> None:
    values = {**TOKENS, "SIGNOFF_SLACK_BOT_TOKEN": "xoxe.xoxb-1-secret"}
    assert loaded_settings.load(values).slack_bot_token.get_secret_value().startswith("xoxe")


def test_the_page_says_what_each_scope_is_for() -> None:
    page = (ROOT / "docs/slack.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z:.]+)` \| (.+) \|$", page.partition("### What the app may do")[2], re.MULTILINE)
    assert rows[: len(manifest.SCOPES) + len(manifest.OPTIONAL)] == [*{**manifest.SCOPES, **manifest.OPTIONAL}.items()]
