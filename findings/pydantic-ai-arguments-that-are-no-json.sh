#!/usr/bin/env bash
# pydantic-ai 2.68.0: for a function call whose arguments are no JSON, ToolCallPart.args_as_json_str() returns valid JSON,
# an object with the text under INVALID_JSON. Code that parses the result never sees that the model broke off. The text
# itself is in ToolCallPart.args. A completion without a choice is an IndexError from model_request, and of two choices
# the first is returned without a word.
#
# Seen, with a local server that speaks the chat completions of OpenAI:
#     arguments that break off -> {"INVALID_JSON":"{\"a\": "}
#     no choice -> IndexError
#     two choices -> one answer, the first
# Signoff reads `args`, and refuses a completion that does not have one choice: bot/ai/client.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pydantic-ai-slim[openai]==2.68.0' openai==3.57.0 aiohttp==3.14.5
cat >"$folder/show.py" <<'PYTHON'
import asyncio

from aiohttp import web
from openai import AsyncOpenAI
from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelRequest, UserPromptPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider


def choice(index, **message):
    return {"index": index, "finish_reason": "stop", "message": {"role": "assistant", "content": None, **message}}


CALL = {"id": "c1", "type": "function", "function": {"name": "answer", "arguments": '{"a": '}}
CHOICES = {
    "arguments that break off": [choice(0, tool_calls=[CALL])],
    "no choice": [],
    "two choices": [choice(0, content="the first"), choice(1, content="the second")],
}


async def main():
    choices = []

    async def answer(request):
        return web.json_response(
            {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": choices}
        )

    app = web.Application()
    app.router.add_post("/chat/completions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = AsyncOpenAI(api_key="none", base_url=f"http://127.0.0.1:{runner.addresses[0][1]}", max_retries=0)
    model = OpenAIChatModel("m", provider=OpenAICompatibleProvider("local", openai_client=client))
    for name, choices in CHOICES.items():
        try:
            (part,) = (await model_request(model, [ModelRequest(parts=[UserPromptPart("hello")])])).parts
        except Exception as error:
            print(name, "->", type(error).__name__)
        else:
            is_call = hasattr(part, "args")
            print(name, "->", part.args_as_json_str() if is_call else f"one answer, {part.content}")
    await runner.cleanup()


asyncio.run(main())
PYTHON
seen=$("$folder/venv/bin/python" "$folder/show.py" 2>"$folder/stderr") || { cat "$folder/stderr" >&2; exit 1; }
expected='arguments that break off -> {"INVALID_JSON":"{\"a\": "}
no choice -> IndexError
two choices -> one answer, the first'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ] || { echo "This has changed; it was:"; printf '%s\n' "$expected"; exit 1; }
