"""Mail: asks people who cannot be asked in Slack, tells them how it ended, and sends what `email` steps say.

Pure, no input or output, no clock: `showing` (a card as the texts of a mail), `cutting` (how much of it), `message`
(the mail), `failures` (what an answer of the mail server means). `looks` has the templates, which lie in
`templates/email`; `dkim` signs. `smtp` hands mails in, step by step; `channel` and `mailer` are the ports; `setup`
binds them. They may import what lies below, and the engine. Start at `showing`.
"""
