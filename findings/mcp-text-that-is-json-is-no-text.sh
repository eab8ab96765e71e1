#!/usr/bin/env bash
# mcp 2.3.0 (PyPI): what a server's tool gets is not always what the client sent.
#   - A parameter of the type `str | None` (any type but a bare str) has a text read as JSON first. The text "null"
#     arrives as None, and a text in brackets or braces is refused, because it has become a list or an object. Numbers,
#     true and quoted texts arrive as they were. The same texts reach a parameter of the type str unchanged.
#   - An argument that the tool does not have is dropped, and the call is carried out without it; the schema that a
#     client gets does not forbid it either.
# For a tool that shows its arguments to a person this means: a note that looks like JSON is lost or refused, and a
# misspelt argument is never seen.
#
# Seen:
#     str | None, 'null': None
#     str | None, '[1]': error
#     str | None, '{"a": 1}': error
#     str | None, '12': '12'
#     str, 'null': 'null'
#     str, '[1]': '[1]'
#     str, '{"a": 1}': '{"a": 1}'
#     str, '12': '12'
#     an unknown argument: 'ok', additionalProperties is not said
# Signoff's tools take texts as str, and refuse what they do not know: bot/mcp/server.py, tests/flow/test_mcp_command.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mcp==2.3.0
seen=$("$folder/venv/bin/python" -W ignore - 2>/dev/null <<'PYTHON'
import anyio
from mcp import Client
from mcp.server import MCPServer

server = MCPServer("notes", log_level="CRITICAL")


@server.tool()
def optional(note: str | None = None) -> str:
    return repr(note)


@server.tool()
def plain(note: str = "") -> str:
    return repr(note)


async def main() -> None:
    async with Client(server) as client:
        for name, kind in (("optional", "str | None"), ("plain", "str")):
            for note in ("null", "[1]", '{"a": 1}', "12"):
                answer = await client.call_tool(name, {"note": note})
                print(f"{kind}, {note!r}: {'error' if answer.is_error else answer.content[0].text}")
        answer = await client.call_tool("plain", {"note": "ok", "amount": 5})
        said = [tool.input_schema.get("additionalProperties", "is not said") for tool in (await client.list_tools()).tools]
        print(f"an unknown argument: {answer.content[0].text}, additionalProperties {said[1]}")


anyio.run(main)
PYTHON
)
expected="str | None, 'null': None
str | None, '[1]': error
str | None, '{\"a\": 1}': error
str | None, '12': '12'
str, 'null': 'null'
str, '[1]': '[1]'
str, '{\"a\": 1}': '{\"a\": 1}'
str, '12': '12'
an unknown argument: 'ok', additionalProperties is not said"
printf '%s\n' "$seen"
[ "$seen" = "$expected" ] || { echo "This has changed; it was:"; printf '%s\n' "$expected"; exit 1; }
