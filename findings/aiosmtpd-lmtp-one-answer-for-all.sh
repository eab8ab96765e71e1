#!/usr/bin/env bash
# aiosmtpd 1.4.6: its LMTP server answers an email to two recipients once. LMTP (RFC 2033, 4.2) has one answer for each
# recipient that was accepted, so a mail server waits for a second one that never comes, and then delivers again to both.
#
# Seen, with a handler that takes every email:
#     RCPT TO:<ann@example.com>: 250 OK
#     RCPT TO:<lee@example.com>: 250 OK
#     first answer to the email: 250 2.6.0 taken for 2
#     second answer to the email: none in two seconds
# So a handler has to refuse a second recipient for now (452), or write an answer for each by itself. Signoff refuses it:
# bot/lmtp/session.py, `handle_RCPT`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiosmtpd==1.4.6
cat >"$folder/show.py" <<'PYTHON'
import asyncio

from aiosmtpd.lmtp import LMTP


class Handler:
    async def handle_DATA(self, server, session, envelope):
        return f"250 2.6.0 taken for {len(envelope.rcpt_tos)}"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: LMTP(Handler()), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])

    async def answer():
        return (await reader.readline()).decode().strip()

    await answer()
    writer.write(b"LHLO mail.example\r\n")
    while not (await answer()).startswith("250 "):
        pass
    writer.write(b"MAIL FROM:<bob@example.com>\r\n")
    await answer()
    for recipient in ("ann", "lee"):
        writer.write(f"RCPT TO:<{recipient}@example.com>\r\n".encode())
        print(f"RCPT TO:<{recipient}@example.com>:", await answer())
    writer.write(b"DATA\r\n")
    await answer()
    writer.write(b"Subject: hello\r\n\r\nhello\r\n.\r\n")
    print("first answer to the email:", await answer())
    try:
        print("second answer to the email:", await asyncio.wait_for(answer(), 2))
    except TimeoutError:
        print("second answer to the email: none in two seconds")
    writer.close()
    server.close()


asyncio.run(main())
PYTHON
seen=$("$folder/venv/bin/python" "$folder/show.py" 2>"$folder/stderr") || { cat "$folder/stderr" >&2; exit 1; }
expected='RCPT TO:<ann@example.com>: 250 OK
RCPT TO:<lee@example.com>: 250 OK
first answer to the email: 250 2.6.0 taken for 2
second answer to the email: none in two seconds'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ] || { echo "This has changed; it was:"; printf '%s\n' "$expected"; exit 1; }
