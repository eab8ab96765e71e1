"""Composition objects: texts, options, dialogs (docs.slack.dev/reference/block-kit/composition-objects)."""

from __future__ import annotations

from typing import Any

from bot.devtools.sandbox import limits
from bot.devtools.sandbox.blocks import rules
from bot.devtools.sandbox.blocks.rules import Rule, ValidationReport, record, string, typed


def plain(most: int, least: int = 1) -> Rule:
    """Return the rule for a text object that must be `plain_text`."""
    return typed("plain_text", {"text": string(most=most, least=least)}, {"emoji": rules.boolean})


def mrkdwn(most: int, least: int = 1) -> Rule:
    """Return the rule for a text object that must be `mrkdwn`."""
    return typed("mrkdwn", {"text": string(most=most, least=least)}, {"verbatim": rules.boolean})


def text(most: int, least: int = 1) -> Rule:
    """Return the rule for a text object of either kind."""
    return rules.by_type({"plain_text": plain(most, least), "mrkdwn": mrkdwn(most, least)})


CONFIRM = record(
    {"text": text(limits.CONFIRM_TEXT)},
    {
        "title": plain(limits.CONFIRM_TITLE),
        "confirm": plain(limits.CONFIRM_BUTTON),
        "deny": plain(limits.CONFIRM_BUTTON),
        "style": rules.one_of("primary", "danger"),
    },
)


def option(*, formatted: bool = False, link: bool = False) -> Rule:
    """Return the rule for an option. Only radio buttons and checkboxes accept mrkdwn, only overflow menus a url."""
    label = text(limits.OPTION_TEXT) if formatted else plain(limits.OPTION_TEXT)
    described = text(limits.OPTION_DESCRIPTION) if formatted else plain(limits.OPTION_DESCRIPTION)
    optional: dict[str, Rule] = {"description": described}
    if link:
        optional["url"] = string(most=limits.OPTION_URL)
    return record({"text": label, "value": string(most=limits.OPTION_VALUE)}, optional)


OPTION_GROUP = record(
    {
        "label": plain(limits.OPTION_GROUP_LABEL),
        "options": rules.array(option(), most=limits.OPTIONS),
    }
)

DISPATCH_CONFIG = record(
    {},
    {"trigger_actions_on": rules.array(rules.one_of("on_enter_pressed", "on_character_entered"), most=2)},
)

CONVERSATION_FILTER = record(
    {},
    {
        "include": rules.array(rules.one_of("im", "mpim", "private", "public"), most=4),
        "exclude_external_shared_channels": rules.boolean,
        "exclude_bot_users": rules.boolean,
    },
)

SLACK_FILE = rules.both(record({}, {"id": string(least=1), "url": string(least=1)}), rules.exactly_one_of("id", "url"))


def offered_options(value: Any) -> list[Any]:
    """Return all options of an element, those of its groups included."""
    groups = value.get("option_groups") or []
    return [*(value.get("options") or []), *(option for group in groups for option in group["options"])]


def check_initial_option(value: Any, at: str, report: ValidationReport) -> None:
    """Check that initial options are among the offered ones."""
    offered = offered_options(value)
    if "initial_option" in value and value["initial_option"] not in offered:
        report.add(f"{at}/initial_option", "must match exactly one of the provided options")
    for index, option in enumerate(value.get("initial_options", [])):
        if option not in offered:
            report.add(f"{at}/initial_options/{index}", "must match exactly one of the provided options")
