"""The demo: a whole Signoff on this machine, with a local Slack, mail and services to call.

Nothing leaves the machine, and no setting of the user is read. The playground is for people: it has fixed ports, and a
folder that the next start goes on with. The story plays itself: every part listens on a free port of loopback, and the
database is a file in a temporary folder that goes when the story ends.

| module | what is in it |
|---|---|
| `playground` | start here for `signoff demo`: all parts at work, and what people are told |
| `folder` | where it is kept, by one process at a time |
| `effects`, `deployments` | the services that it calls, and what they remember |
| `books` | the page that shows it |
| `advice` | what people are told where nothing has happened yet |
| `workflows` | the ready-made workflows, with the people and services of this machine |
| `browser` | opens the page |
| `story` | start here for `--play`: `play()`, its chapters in their order, and what is counted at the end |
| `opening`, `closing`, `mailed` | the chapters |
| `scene` | what the people do and see: each act is told, each claim checked |
| `forging` | a click that Slack did not sign |
| `telling` | the lines on the screen; a claim that does not hold |
| `stage` | the parts, put up and taken down |
| `payments` | the payment service |
| `seen`, `letters` | Slack's payloads and mails as people read them |
| `browsing`, `pages` | their browsers, for the review pages |
| `templates` | where the ready-made workflows lie |
"""
