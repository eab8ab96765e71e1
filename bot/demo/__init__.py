"""The demo: a whole Signoff on this machine, with a local Slack, scripted people and a payment service to call.

Nothing leaves the machine, and no setting of the user is read: every part listens on a free port of loopback, and the
database is a file in a temporary folder that goes when the demo ends.

| module | what is in it |
|---|---|
| `story` | start here: `play()`, its chapters in their order, and what is counted at the end |
| `opening`, `closing` | the chapters |
| `scene` | what the people do and see: each act is told, each claim checked |
| `forging` | a click that Slack did not sign |
| `telling` | the lines on the screen; a claim that does not hold |
| `stage` | the parts, put up and taken down |
| `payments` | the payment service |
| `seen` | Slack's payloads as people read them |
| `templates` | where the ready-made workflows lie |
"""
