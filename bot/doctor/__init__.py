"""`signoff doctor`: checks everything that a working Signoff needs, and changes nothing.

| module | what is in it |
|---|---|
| `checks` | start here: runs all checks; a check that breaks becomes a finding and does not hide the others |
| `finding`, `context` | the result of a check; the settings and the clock that every check is given |
| `settings`, `machine` | the settings; the machine's clock and time zones |
| `database`, `database_folder` | the file: schema, damage, owner; its folder: disk space, file system, permissions |
| `database_server` | a database on PostgreSQL: version, schema, rights, clock, connections, TLS, key, queue |
| `workload` | workflows, failing copies, runs and requests that wait for attention |
| `secrets` | whether the secrets that workflows name are set, and can be decrypted |
| `triggers`, `api_keys`, `callbacks` | what starts runs by itself; the keys of programs; their callbacks |
| `oversight` | what Signoff itself asks, and no person can decide |
| `slack`, `slack_call`, `block_validation`, `samples` | tokens, scopes, clock; whether Slack accepts our blocks |
| `email` | the mail server: connection, certificate, login |
| `account_sign_in` | whether people can sign in with Slack |
| `events_endpoint` | the address at which Slack delivers over HTTP |

May import everything below `bot.cli` except `bot.devtools.demo` and `bot.devtools.bench`.
"""
