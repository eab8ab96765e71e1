"""Rich text (docs.slack.dev/reference/block-kit/blocks/rich-text-block)."""

from __future__ import annotations

from bot.devtools.sandbox import limits
from bot.devtools.sandbox.blocks import rules
from bot.devtools.sandbox.blocks.rules import Rule, array, by_type, string, typed

_MAX_ELEMENTS = 10_000
"""Slack publishes no limit for rich text elements; the limits of texts apply first."""

_STYLE = rules.record({}, dict.fromkeys(("bold", "italic", "strike", "code", "underline"), rules.boolean))
_MENTION_STYLE = rules.record(
    {},
    dict.fromkeys(
        ("bold", "italic", "strike", "highlight", "client_highlight", "unlink", "code", "underline"), rules.boolean
    ),
)

_ELEMENTS: dict[str, Rule] = {
    "text": typed("text", {"text": string(least=1)}, {"style": _STYLE}),
    "link": typed("link", {"url": string(least=1)}, {"text": string(), "unsafe": rules.boolean, "style": _STYLE}),
    "user": typed("user", {"user_id": string(least=1)}, {"style": _MENTION_STYLE}),
    "usergroup": typed("usergroup", {"usergroup_id": string(least=1)}, {"style": _MENTION_STYLE}),
    "channel": typed("channel", {"channel_id": string(least=1)}, {"style": _MENTION_STYLE}),
    "team": typed("team", {"team_id": string(least=1)}, {"style": _MENTION_STYLE}),
    "broadcast": typed("broadcast", {"range": rules.one_of("here", "channel", "everyone")}, {"style": _STYLE}),
    "color": typed("color", {"value": string(pattern=r"#[0-9a-fA-F]{6}")}, {"style": _STYLE}),
    "emoji": typed("emoji", {"name": string(least=1)}, {"unicode": string(), "url": string(), "style": _STYLE}),
    "date": typed(
        "date",
        {"timestamp": rules.integer(least=0, most=10**12), "format": string(least=1)},
        {"url": string(), "fallback": string(), "style": _STYLE},
    ),
}
_BORDER: dict[str, Rule] = {"border": rules.integer(least=0, most=1)}
_INLINE = array(by_type(_ELEMENTS), most=_MAX_ELEMENTS, least=0)
_SECTION = typed("rich_text_section", {"elements": _INLINE})
_PARTS: dict[str, Rule] = {
    "rich_text_section": _SECTION,
    "rich_text_quote": typed("rich_text_quote", {"elements": _INLINE}, _BORDER),
    "rich_text_preformatted": typed(
        "rich_text_preformatted",
        {"elements": array(by_type({name: _ELEMENTS[name] for name in ("text", "link")}), most=_MAX_ELEMENTS, least=0)},
        {**_BORDER, "language": string()},
    ),
    "rich_text_list": typed(
        "rich_text_list",
        {
            "style": rules.one_of("bullet", "ordered"),
            "elements": array(by_type({"rich_text_section": _SECTION}), most=_MAX_ELEMENTS),
        },
        {
            **_BORDER,
            "indent": rules.integer(least=0, most=limits.RICH_TEXT_INDENT),
            "offset": rules.integer(least=0, most=10**6),
        },
    ),
}
RICH_TEXT = typed(
    "rich_text",
    {"elements": array(by_type(_PARTS), most=_MAX_ELEMENTS)},
    {"block_id": string(most=limits.BLOCK_ID)},
)
