"""`signoff doctor`: looks at everything that a working Signoff needs, and changes nothing.

| module | what is in it |
|---|---|
| `rounds` | start here: carries out all checks; one that breaks is a finding and hides no other |
| `finding`, `case` | what a check says; what all checks are given |
| `settings`, `machine` | the settings; time, time zones |
| `database`, `places` | the file: schema, damage, owner; where it lies: disk, file system, permissions |
| `work` | workflows and their secrets, copies that fail, runs and requests that nobody sees to |
| `slack`, `calls`, `content`, `samples` | tokens, scopes, manifest, clock; whether Slack takes what we show |
| `mail` | the mail server: connection, certificate, login |
| `door` | the address at which Slack's deliveries are taken over HTTP |

May import what lies below `bot.cli`, but for `bot.devtools.demo` and `bot.devtools.bench`.
"""
