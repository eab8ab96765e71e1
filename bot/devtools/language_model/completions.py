"""The bodies that the local provider answers: completions and errors, as the API of OpenAI writes them. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from bot.devtools.language_model.faults import ModelFault
from engine import media_types

LETTERS_PER_TOKEN: Final = 4
_NO_FAULT: Final = ModelFault(kind="slow", seconds=0)


def tokens(text: str) -> int:
    """Return about how many tokens a text has."""
    return -(-len(text) // LETTERS_PER_TOKEN)


def completion(
    number: int, call: dict[str, Any], answer: dict[str, Any], *, fault: ModelFault | None, key: str
) -> dict[str, Any]:
    """Return the completion of a call. `answer`: the arguments of the function that the model calls."""
    fault = fault or _NO_FAULT
    if fault.kind == "echo":
        answer = dict.fromkeys(answer, key)
    written = json.dumps(fault.answer if fault.kind == "other" else answer)
    most = call.get("max_completion_tokens") or call.get("max_tokens") or 1_000_000
    message, finish = _message(call, fault, written)
    if fault.kind != "cut_off" and tokens(written) > most:
        message, finish = _cut_off(written[: most * LETTERS_PER_TOKEN]), "length"
    choices = [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}]
    if fault.kind == "two_choices":
        choices.append(
            {**choices[0], "index": 1, "message": {"role": "assistant", "content": "Or not.", "refusal": None}}
        )
    read, output = tokens(json.dumps(call["messages"])), min(tokens(written), most)
    body: dict[str, Any] = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1_772_442_000 + number,
        "model": call["model"],
        "choices": [] if fault.kind == "no_choices" else choices,
        "usage": {"prompt_tokens": read, "completion_tokens": output, "total_tokens": read + output},
    }
    if fault.kind == "no_usage":
        del body["usage"]
    return body


def _message(call: dict[str, Any], fault: ModelFault, written: str) -> tuple[dict[str, Any], str]:
    """Return the message of the model, and its finish reason."""
    match fault.kind:
        case "cut_off":
            return _cut_off(written[: len(written) // 2]), "length"
        case "null":
            return _said(None), "stop"
        case "text":
            return _said(f"```json\n{written}\n```"), "stop"
        case "refusal":
            return {**_said(None), "refusal": "I cannot help with that."}, "stop"
        case "filtered":
            return _said(None), "content_filter"
        case "invalid":
            return _calls(call, written[:-1]), "tool_calls"
        case "two":
            other = json.dumps({name: f"Not {value}" for name, value in json.loads(written).items()})
            return _calls(call, written, other), "tool_calls"
        case "twice":
            return _calls(call, written, written), "tool_calls"
    return _calls(call, written), "tool_calls"


def _said(content: str | None) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "refusal": None}


def _cut_off(beginning: str) -> dict[str, Any]:
    """Return a message that broke off. A model that knows no functions says the beginning of the JSON."""
    return _said(beginning)


def _calls(call: dict[str, Any], *arguments: str) -> dict[str, Any]:
    name = call["tools"][0]["function"]["name"]
    functions = [{"name": name, "arguments": text} for text in arguments]
    return {
        **_said(None),
        "tool_calls": [
            {"id": f"call_{number}", "type": "function", "function": function}
            for number, function in enumerate(functions)
        ],
    }


def error(message: str, kind: str, code: str | None = None) -> dict[str, Any]:
    """Return the body of an error."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message, without its files."""
    content = message["content"]
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    return "\n".join(part["text"] for part in parts if part["type"] == "text")


def _content_problem(message: Mapping[str, Any]) -> str:
    """Return what is wrong with the content of a message: a text, or the parts of one of a user."""
    content = message.get("content")
    if isinstance(content, str):
        return "" if content else "Invalid value for 'content': expected a text."
    if not isinstance(content, list) or not content or message.get("role") != "user":
        return "Invalid value for 'content': expected a text."
    return next(filter(None, map(_part_problem, content)), "")


def _part_problem(part: Any) -> str:
    match part:
        case {"type": "text", "text": str(text)} if text:
            return ""
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            return "" if _is_data(url, ("image/png", "image/jpeg", "image/gif", "image/webp")) else _NO_IMAGE
        case {"type": "file", "file": {"file_data": str(url), "filename": str(name)}} if name:
            return "" if _is_data(url, ("application/pdf",)) else "Invalid file data: expected a PDF."
    return "Invalid value for 'content': unknown part."


_NO_IMAGE: Final = "You uploaded an unsupported image. Please make sure your image is valid."
_DATA: Final = re.compile(r"data:([a-z]+/[a-z.+-]+);base64,([A-Za-z0-9+/]+={0,2})")


def _is_data(url: str, types: tuple[str, ...]) -> bool:
    """Return whether a URL holds bytes that begin as a file of this type does."""
    match = _DATA.fullmatch(url)
    if match is None or match[1] not in types:
        return False
    return media_types.sniffed(base64.b64decode(match[2], validate=True), "") == match[1]


def problem(call: object) -> str:
    """Return what is wrong with a call, or an empty text."""
    if not isinstance(call, dict):
        return "The body must be a JSON object."
    messages, tools = call.get("messages"), call.get("tools")
    if not isinstance(call.get("model"), str) or not call["model"]:
        return "you must provide a model parameter"
    if not isinstance(messages, list) or not messages:
        return "[] is too short - 'messages'"
    if any(message.get("role") not in ("system", "developer", "user", "assistant") for message in messages):
        return "Invalid value for 'messages[].role'."
    for message in messages:
        if why := _content_problem(message):
            return why
    if not isinstance(tools, list) or len(tools) != 1 or tools[0].get("type") != "function":
        return "Invalid 'tools': one function is expected here."
    if tools[0]["function"].get("parameters", {}).get("type") != "object":
        return "Invalid schema for function: schema must be a JSON Schema of 'type: \"object\"'."
    temperature = call.get("temperature", 1)
    if not isinstance(temperature, int | float) or not 0 <= temperature <= 2:
        return "Invalid 'temperature': it must be from 0 to 2."
    return ""
