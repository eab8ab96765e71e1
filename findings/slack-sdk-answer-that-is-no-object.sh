#!/usr/bin/env bash
# slack_sdk 3.47.0: for a JSON body that is not an object, AsyncWebClient raises AttributeError, which it does not document.
# For a body that is not JSON at all, it raises SlackApiError. A proxy that answers in place of Slack can send either body,
# even after Slack has carried out the call. Code that catches only SlackClientError misses the AttributeError.
#
# Seen, with a local server that answers every call with status 200 and Content-Type application/json:
#     [1] -> AttributeError
#     "ok" -> AttributeError
#     <html></html> -> SlackApiError
#     (nothing) -> SlackApiError
# Signoff treats all of them as an unknown outcome: bot/slack/client.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check slack_sdk==3.47.0 aiohttp==3.14.5
cat >"$folder/show.py" <<'PYTHON'
import asyncio

from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

BODIES = ["[1]", '"ok"', "<html></html>", ""]


async def main():
    body = ""

    async def answer(request):
        return web.Response(text=body, content_type="application/json")

    app = web.Application()
    app.router.add_post("/chat.postMessage", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    for body in BODIES:
        client = AsyncWebClient(token="xoxb-none", base_url=f"http://127.0.0.1:{port}/", retry_handlers=[])
        try:
            await client.chat_postMessage(channel="C1", text="hello")
        except Exception as error:
            print(body or "(nothing)", "->", type(error).__name__)
    await runner.cleanup()


asyncio.run(main())
PYTHON
seen=$("$folder/venv/bin/python" "$folder/show.py" 2>"$folder/stderr") || { cat "$folder/stderr" >&2; exit 1; }
expected='[1] -> AttributeError
"ok" -> AttributeError
<html></html> -> SlackApiError
(nothing) -> SlackApiError'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ] || { echo "This has changed; it was:"; printf '%s\n' "$expected"; exit 1; }
