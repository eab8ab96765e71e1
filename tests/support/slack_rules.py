"""Checks payloads against Slack's limits, independently of the tested code, and lists every problem."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

TEXT_KINDS = {"plain_text", "mrkdwn"}
BUTTON = {"type", "action_id", "text", "value", "style", "confirm", "url", "accessibility_label"}
OPTION_KINDS = {"static_select", "radio_buttons", "multi_static_select", "checkboxes"}
BLOCK_KEYS = {
    "header": {"text"},
    "section": {"text", "fields", "accessory"},
    "context": {"elements"},
    "actions": {"elements"},
    "divider": set(),
    "rich_text": {"elements"},
    "input": {"label", "element", "hint", "optional", "dispatch_action"},
}


def length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def problems_of_message(text: str, blocks: list[dict[str, Any]], metadata: Any = None) -> list[str]:
    problems = list(_blocks(blocks, most=50, surface="message"))
    total = sum(length(shown_text) for shown_text in texts(blocks))
    if total >= 10_000:
        problems.append(f"{total} characters in one message")
    if not text or length(text) > 4_000:
        problems.append(f"the fallback text has {length(text)} characters")
    problems += _mrkdwn(text)
    problems += missing_from_text(text, blocks)
    if metadata is not None and not (metadata.keys() == {"event_type", "event_payload"} and metadata["event_type"]):
        problems.append("metadata")
    json.dumps([text, blocks], ensure_ascii=False).encode()
    return problems


_REPEATED_CHARACTERS = 3_000
"""The fallback text must repeat all blocks of up to this many characters; of longer messages it may cut the end."""
_CUT = re.compile(r"…( \([\d,]+ more characters\))?\s*$")
_DATE = re.compile(r"<!date\^\d+\^[^|>]*\|([^>]*)>")
_ICON = re.compile(r"^[●✓✕↺↶↷◷⊘!] ")
"""The sign before a state, which is only for eyes: screen readers get the words beside it."""
_FOLDED = re.compile(r"[\d,]+ (more )?(long )?changes? in Details")
"""How many changes a closed card folds; the text for screen readers has them."""


def missing_from_text(text: str, blocks: list[dict[str, Any]]) -> list[str]:
    """Return a problem for each text of the blocks that the fallback text lacks. A cut text counts up to the cut."""
    facts = [line for text in _facts(blocks) for line in text.split("\n")]
    is_cut = any(fact.startswith("Not everything fits here") for fact in facts)
    if is_cut or sum(length(html.escape(fact)) + 8 for fact in facts) > _REPEATED_CHARACTERS:
        return []
    message_text = _DATE.sub(r"\1", text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    message_text = _collapse_blanks(message_text.replace("\n> ", "\n"))
    expected = [_collapse_blanks(_CUT.sub("", _ICON.sub("", fact))).strip(" ,:.") for fact in facts]
    return [f"not in the text: {fact}" for fact in expected if fact not in message_text]


def _collapse_blanks(text: str) -> str:
    return " ".join(text.split())


def _facts(part: Any) -> Iterator[str]:
    """Yield every text that people see outside of buttons, without arrows and dashes; of a difference, the changes."""
    if isinstance(part, list):
        for item in part:
            yield from _facts(item)
    elif isinstance(part, dict) and part.get("type") != "button":
        text = part.get("text")
        if isinstance(text, str):
            parsed = _DATE.sub(r"\1", text) if part["type"] == "mrkdwn" else text
            yield "" if text.strip() in ("→", "–", "·", "") else parsed
        if part.get("type") == "rich_text_quote" and is_difference(part):
            yield from _facts(_styled(part["elements"]))
        elif part.get("type") == "rich_text_section":
            for statement in statements(part["elements"]):
                yield from _facts(_styled(statement) if is_inline_difference(statement) else statement)
        else:
            yield from (fact for value in part.values() if not isinstance(value, str) for fact in _facts(value))


def _styled(elements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in elements if one.get("style", {}).keys() & {"bold", "strike"}]


def statements(elements: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the parts of a line between its separators, without what it says about folded text."""
    statement: list[dict[str, Any]] = []
    for element in elements:
        if element.get("text") == " · ":
            yield statement
            statement = []
        elif element.get("style") != {"italic": True} or not _FOLDED.fullmatch(element["text"]):
            statement.append(element)
    yield statement


def is_inline_difference(statement: list[dict[str, Any]]) -> bool:
    """Return whether a part of a line is a label and a change word by word: one without an arrow."""
    return bool(_styled(statement[2:])) and all(element.get("text") != " → " for element in statement)


def is_difference(quote: dict[str, Any]) -> bool:
    """Return whether a quote shows a change word by word."""
    return len({str(sorted(element.get("style", {}))) for element in quote["elements"]}) > 1


def problems_of_view(view: dict[str, Any]) -> list[str]:
    home = view["type"] == "home"
    allowed = {"type", "callback_id", "blocks", "private_metadata"} | (set() if home else {"title", "submit", "close"})
    problems = [f"unknown key {key}" for key in view.keys() - allowed]
    problems += _blocks(view["blocks"], most=100, surface=view["type"])
    for key in "title", "submit", "close":
        if key in view:
            problems += _text(view[key], 24, key, only_plain=True)
    if not home and "title" not in view:
        problems.append("no title")
    if any(block["type"] == "input" for block in view["blocks"]) and "submit" not in view:
        problems.append("an input without submit")
    if len(view.get("private_metadata", "")) > 3_000 or len(view.get("callback_id", "")) > 255:
        problems.append("private_metadata or callback_id")
    encoded = json.dumps(view)
    if len(encoded) > 250_000:
        problems.append(f"the view has {len(encoded)} bytes")
    json.dumps(view, ensure_ascii=False).encode()
    return problems


def texts(part: Any) -> Iterator[str]:
    """Yield every text that people see."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in ("text", "fallback") and isinstance(value, str):
                yield value
            else:
                yield from texts(value)
    elif isinstance(part, list):
        for item in part:
            yield from texts(item)


def parsed_texts(part: Any) -> Iterator[str]:
    """Yield every text that Slack parses as mrkdwn."""
    if isinstance(part, dict):
        if part.get("type") == "mrkdwn":
            yield part["text"]
        for value in part.values():
            yield from parsed_texts(value)
    elif isinstance(part, list):
        for item in part:
            yield from parsed_texts(item)


def _blocks(blocks: list[dict[str, Any]], *, most: int, surface: str) -> Iterator[str]:
    if not 1 <= len(blocks) <= most:
        yield f"{len(blocks)} blocks"
    names = [block["block_id"] for block in blocks if "block_id" in block]
    if len(set(names)) < len(names):
        yield "a block_id twice"
    for block in blocks:
        name = block.get("block_id")
        # Slack gives a block without an id a new one at each update, so a form needs ids of its own.
        is_named_by_slack = surface == "message" and "block_id" not in block
        if not is_named_by_slack and not (isinstance(name, str) and 1 <= len(name) <= 255):
            yield f"block_id {name!r}"
        kind = block["type"]
        if kind not in BLOCK_KEYS or block.keys() - {"type", "block_id"} - BLOCK_KEYS[kind]:
            yield f"a block {kind} with {sorted(block)}"
        elif kind == "input" and surface != "modal":
            yield f"an input in a {surface}"
        else:
            yield from (f"{name}: {problem}" for problem in _block(kind, block, surface))


def _block(kind: str, block: dict[str, Any], surface: str) -> Iterator[str]:
    if kind == "divider":
        return
    if kind == "header":
        yield from _text(block["text"], 150, "header", only_plain=True)
    elif kind == "section":
        yield from _text(block["text"], 3_000, "section")
        yield from _element(block["accessory"]) if "accessory" in block else ()
    elif kind == "rich_text":
        yield from _rich(block, surface)
    elif kind == "input":
        yield from _text(block["label"], 2_000, "label", only_plain=True)
        yield from _text(block["hint"], 2_000, "hint", only_plain=True) if "hint" in block else ()
        yield from _input(block["element"])
    else:
        yield from _elements(kind, block["elements"])


def _elements(kind: str, elements: list[dict[str, Any]]) -> Iterator[str]:
    if not 1 <= len(elements) <= (10 if kind == "context" else 25):
        yield f"{len(elements)} elements of {kind}"
    actions = [element["action_id"] for element in elements if "action_id" in element]
    if len(set(actions)) < len(actions):
        yield "an action_id twice"
    for element in elements:
        yield from _text(element, 3_000, "context") if kind == "context" else _element(element)


_DATE_KEYS = {"type", "timestamp", "format", "fallback"}


_PARTS = ("rich_text_section", "rich_text_quote", "rich_text_preformatted")


def _is_styled_code(part: dict[str, Any]) -> bool:
    return part["type"] == "rich_text_preformatted" and any({*one} != {"type", "text"} for one in part["elements"])


def _rich(block: dict[str, Any], surface: str) -> Iterator[str]:
    if not block["elements"]:
        yield "empty rich text"
    for part in block["elements"]:
        if part["type"] not in _PARTS or not part["elements"] or _is_styled_code(part):
            yield "rich text part"
        yield from _own_lines(part)
        for element in part["elements"]:
            if element["type"] == "user" and element.keys() == {"type", "user_id"}:
                continue
            if element["type"] == "date" and element.keys() - {"style"} == _DATE_KEYS and element["fallback"]:
                continue
            if element["type"] == "link" and element.keys() == {"type", "url", "text"} and surface == "modal":
                continue
            if element["type"] != "text" or not 1 <= length(element["text"]) <= 3_000:
                yield f"rich text element {element['type']}"
            if not element.get("style", {}).keys() <= {"bold", "strike", "italic", "code"}:
                yield "rich text style"


def _own_lines(part: dict[str, Any]) -> Iterator[str]:
    """Yield a problem if data begins a line outside of a quote, where every line must begin with one of our labels."""
    texts = [element["text"] for element in part["elements"] if element["type"] == "text"]
    if part["type"] == "rich_text_section" and any("\n" in content for content in texts if content != "\n"):
        yield "lines from data outside of a quote"


def _text(text: dict[str, Any], most: int, name: str, *, only_plain: bool = False) -> Iterator[str]:
    if text["type"] not in TEXT_KINDS or (only_plain and text["type"] != "plain_text"):
        yield f"{name} is {text['type']}"
    if not 1 <= length(text["text"]) <= most:
        yield f"{name} has {length(text['text'])} characters"
    if text["type"] == "plain_text":
        if text.keys() - {"type", "text", "emoji"}:
            yield f"{name} has {sorted(text)}"
    else:
        if text.get("verbatim") is not True:
            yield f"{name} is not verbatim"
        yield from _mrkdwn(text["text"])


def _mrkdwn(text: str) -> Iterator[str]:
    """Yield a problem if Slack would parse anything but our own dates."""
    rest = re.sub(r"<!date\^\d+\^[^<>|^]+\|[^<>|]+>", "", text)
    if "<" in rest or ">" in rest or re.search(r"&(?!amp;|lt;|gt;)", rest):
        yield f"not escaped: {text[:200]!r}"


def _element(element: dict[str, Any]) -> Iterator[str]:
    if element["type"] != "button" or element.keys() - BUTTON:
        yield f"element {element['type']} with {sorted(element)}"
        return
    if not 1 <= len(element["action_id"]) <= 255 or len(element["value"]) > 2_000 or not element["value"]:
        yield "action_id or value"
    yield from _text(element["text"], 75, "button", only_plain=True)
    if element.get("style", "primary") not in ("primary", "danger"):
        yield "style"
    if not 1 <= length(element.get("accessibility_label", "x")) <= 75:
        yield "accessibility_label"
    if "confirm" in element:
        confirm = element["confirm"]
        yield from _text(confirm["title"], 100, "confirm title", only_plain=True)
        yield from _text(confirm["text"], 300, "confirm text")
        yield from _text(confirm["confirm"], 30, "confirm button", only_plain=True)
        yield from _text(confirm["deny"], 30, "deny button", only_plain=True)
        if confirm.get("style", "primary") not in ("primary", "danger"):
            yield "confirm style"


def _input(element: dict[str, Any]) -> Iterator[str]:
    kind = element["type"]
    if not 1 <= len(element["action_id"]) <= 255:
        yield "action_id"
    if kind in OPTION_KINDS:
        yield from _options(element, kind)
        return
    check = _INPUTS.get(kind)
    if check is None:
        yield f"input {kind}"
    elif not check(element):
        yield f"{kind} with {element}"


def _options(element: dict[str, Any], kind: str) -> Iterator[str]:
    if "option_groups" in element:
        yield from _option_groups(element, kind)
        return
    options = element["options"]
    yield from _each_option(options, kind)
    if not 1 <= len(options) <= (10 if kind in ("radio_buttons", "checkboxes") else 100):
        yield f"{len(options)} options of {kind}"
    if len({option["value"] for option in options}) < len(options):
        yield "an option value twice"
    several = kind in ("multi_static_select", "checkboxes")
    if several and "initial_options" in element:
        if not element["initial_options"] or any(option not in options for option in element["initial_options"]):
            yield "initial_options"
    elif not several and "initial_option" in element and element["initial_option"] not in options:
        yield "initial_option"
    if element.keys() - {"type", "action_id", "options", "initial_options" if several else "initial_option"}:
        yield f"{kind} with {sorted(element)}"


def _each_option(options: list[dict[str, Any]], kind: str) -> Iterator[str]:
    for option in options:
        yield from _text(option["text"], 75, "option", only_plain=kind in ("static_select", "multi_static_select"))
        if not 1 <= length(option["value"]) <= 150:
            yield "option value"
        if "description" in option:
            yield from _text(option["description"], 75, "description", only_plain=True)


def _option_groups(element: dict[str, Any], kind: str) -> Iterator[str]:
    rest = {key: value for key, value in element.items() if key != "option_groups"}
    if not 1 <= len(element["option_groups"]) <= 100:
        yield "option groups"
    for group in element["option_groups"]:
        yield from _text(group["label"], 75, "group", only_plain=True)
        yield from _options({**rest, "options": group["options"]}, kind)


def _is_multi_users_select(element: dict[str, Any]) -> bool:
    users = element.get("initial_users", ["U1"])
    return bool(users) and all(re.fullmatch(r"[UW][A-Z0-9]+", user) for user in users)


def _is_plain_text_input(element: dict[str, Any]) -> bool:
    return (
        1 <= element.get("max_length", 3_000) <= 3_000
        and element.keys()
        <= {"type", "action_id", "multiline", "max_length", "initial_value", "dispatch_action_config"}
        and _is_dispatch_config(element.get("dispatch_action_config", {"trigger_actions_on": ["on_enter_pressed"]}))
        and 0 <= length(element.get("initial_value", "")) <= element.get("max_length", 3_000)
        and element.get("initial_value") != ""
        and ("\n" not in element.get("initial_value", "") or element.get("multiline") is True)
    )


def _is_dispatch_config(config: dict[str, Any]) -> bool:
    return {*config["trigger_actions_on"]} <= {"on_enter_pressed", "on_character_entered"} and len(config) == 1


def _is_number_input(element: dict[str, Any]) -> bool:
    values = {key: element[key] for key in ("initial_value", "min_value", "max_value") if key in element}
    pattern = r"-?\d+(\.\d+)?" if element["is_decimal_allowed"] else r"-?\d+"
    if not all(isinstance(value, str) and re.fullmatch(pattern, value) for value in values.values()):
        return False
    numbers = {key: float(value) for key, value in values.items()}
    low, high = numbers.get("min_value", float("-inf")), numbers.get("max_value", float("inf"))
    return low <= numbers.get("initial_value", low if low > float("-inf") else high) <= high


def _has(**values: str) -> Any:
    def check(element: dict[str, Any]) -> bool:
        extra = {key: value for key, value in element.items() if key not in ("type", "action_id")}
        return all(key in values and re.fullmatch(values[key], str(value)) for key, value in extra.items())

    return check


_INPUTS = {
    "plain_text_input": _is_plain_text_input,
    "number_input": _is_number_input,
    "email_text_input": _has(initial_value=r"[^\s@]+@[^\s@]+"),
    "url_text_input": _has(initial_value=r"https?://\S+"),
    "datepicker": _has(initial_date=r"\d{4}-\d\d-\d\d"),
    "datetimepicker": _has(initial_date_time=r"\d{10}"),
    "users_select": _has(initial_user=r"[UW][A-Z0-9]+"),
    "multi_users_select": _is_multi_users_select,
    "conversations_select": _has(initial_conversation=r"[CGD][A-Z0-9]+", filter=r"\{.*\}"),
    "file_input": lambda one: 1 <= one.get("max_files", 10) <= 10 and bool(one.get("filetypes", ["x"])),
}


def untouched_state(view: dict[str, Any]) -> dict[str, Any]:
    """Return the state that Slack sends of a modal in which no one changed anything."""
    values: dict[str, Any] = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            element = block["element"]
            values[block["block_id"]] = {element["action_id"]: _untouched(element)}
    return values


def _untouched(element: dict[str, Any]) -> dict[str, Any]:
    element_type = element["type"]
    match element_type:
        case "datepicker":
            value: Any = {"selected_date": element.get("initial_date")}
        case "datetimepicker":
            value = {"selected_date_time": element.get("initial_date_time")}
        case "users_select":
            value = {"selected_user": element.get("initial_user")}
        case "static_select" | "radio_buttons":
            value = {"selected_option": element.get("initial_option")}
        case "multi_static_select" | "checkboxes":
            value = {"selected_options": element.get("initial_options", [])}
        case "file_input":
            value = {"files": []}
        case _:
            value = {"value": element.get("initial_value")}
    return {"type": element_type, **value}
