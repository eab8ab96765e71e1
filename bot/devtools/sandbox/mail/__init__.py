"""The email side of the sandbox: a real SMTP server that accepts email for every address, and its mailboxes.

    mail = slack.mail
    await aiosmtplib.send(message, hostname=mail.host, port=mail.port)
    (received,) = await mail.wait_for(to="mia@example.com", subject="Refund")
    mail.fault("dot", "lost")

It is as strict as the strictest servers. It is our own code and not aiosmtpd behind a proxy: a proxy cannot see inside
of TLS, and aiosmtpd accepts what strict servers refuse and has no hook for faults before the greeting, in the
handshake, or between keeping an email and answering.

| module | what is in it |
|---|---|
| `server` | start here: `MailServer`, the handle of tests |
| `config` | plain, STARTTLS or TLS; the user who may send |
| `session`, `wire` | one connection: its sequence and its bytes |
| `dialogue`, `syntax`, `replies` | commands and their answers |
| `contents` | rules for the content of emails |
| `faults` | faults on demand |
| `records`, `mailbox`, `message_parser` | received emails, their mailboxes and contents |
| `api`, `mailbox_page` | the scripting API and the page |
"""
