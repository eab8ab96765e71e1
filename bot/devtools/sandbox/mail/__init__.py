"""The mail side of the sandbox: a real SMTP server that every address of the world is reached by, and its mailboxes.

    mail = slack.mail
    await aiosmtplib.send(message, hostname=mail.host, port=mail.port)
    (got,) = await mail.wait_for(to="mia@example.com", subject="Refund")
    mail.fault("dot", "lost")

As strict as the strictest server out there. It is our own and not aiosmtpd, whose last release asks asyncio for what
Python 3.14 deprecates, and which has no place for half of the faults: before the greeting, in the handshake, or
between keeping a mail and saying so.

| module | what is in it |
|---|---|
| `server` | start here: `MailServer`, the handle of tests |
| `config` | plain, STARTTLS or TLS; who may send |
| `session`, `wire` | one connection: the order of things, and its bytes |
| `dialogue`, `syntax`, `replies` | what each command is answered with |
| `contents` | what is refused in a mail, and what is complained of |
| `faults` | faults on demand |
| `kinds`, `mailbox`, `parsing` | mails, where they are kept, and what is in them |
"""
