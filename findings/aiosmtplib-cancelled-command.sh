#!/usr/bin/env bash
# aiosmtplib 5.1.3: after a command is cancelled, the client still says that it is connected, and pairs each later command
# with the answer to the command before it. So a late answer is taken for the answer to another command.
#
# Seen, with a server that answers its first NOOP after half a second while the client waits a tenth:
#     is_connected after the cancelled NOOP: True
#     VRFY was answered: 250 noop
#     RSET was answered: 252 vrfy
# So a client has to be closed after any cancellation. Signoff does: bot/email/client.py, `_connection`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiosmtplib==5.1.3
cat >"$folder/show.py" <<'PYTHON'
import asyncio

import aiosmtplib

ANSWERS = {"EHLO": "250 mail.example", "NOOP": "250 noop", "VRFY": "252 vrfy", "RSET": "250 reset"}


async def serve(reader, writer):
    writer.write(b"220 mail.example\r\n")
    try:
        while line := await reader.readline():
            verb = line.decode().split()[0]
            if verb == "NOOP":
                await asyncio.sleep(0.5)
            writer.write(f"{ANSWERS[verb]}\r\n".encode())
    except asyncio.CancelledError:
        pass


async def answered(client, command):
    answer = await client.execute_command(command)
    return f"{answer.code} {answer.message}"


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=server.sockets[0].getsockname()[1], start_tls=False)
    await client.connect()
    await client.ehlo()
    try:
        await asyncio.wait_for(client.noop(), 0.1)
    except TimeoutError:
        print("is_connected after the cancelled NOOP:", client.is_connected)
    print("VRFY was answered:", await answered(client, b"VRFY <ann@example.com>"))
    print("RSET was answered:", await answered(client, b"RSET"))
    client.close()


asyncio.run(main())
PYTHON
seen=$("$folder/venv/bin/python" "$folder/show.py" 2>"$folder/stderr") || { cat "$folder/stderr" >&2; exit 1; }
expected='is_connected after the cancelled NOOP: True
VRFY was answered: 250 noop
RSET was answered: 252 vrfy'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ] || { echo "This has changed; it was:"; printf '%s\n' "$expected"; exit 1; }
