"""The demo: a complete Signoff on this machine, with a local Slack, a mail server and services to call.

Nothing leaves the machine, and no setting of the user is read. The playground is for people: it has fixed ports, and a
folder with which the next start continues. The story plays by itself: every part listens on a free port of loopback,
and the database is in a temporary folder that is deleted at the end.

| module | what is in it |
|---|---|
| `playground` | start here for `signoff demo`: runs all parts, and prints the first things to try |
| `folder` | the files of the playground, locked by one process at a time |
| `services`, `payments`, `deployments`, `other_services` | the services that workflows call, and their ledger |
| `ledger_page` | the page that shows the ledger |
| `advice` | hints for people while there is nothing to see yet |
| `workflows`, `templates` | the ready-made workflows, with the people and services of this machine; their files |
| `browser` | opens the page in the user's browser |
| `story_feed` | the events of a run for the side panel of the page |
| `story` | start here for `--play`: `play()`, the order of the chapters, and the totals at the end |
| `first_chapters`, `last_chapters`, `email_chapter`, `together_chapter` | the chapters |
| `scene` | actions and expectations: each action is printed, each claim checked |
| `forged_click` | a click that Slack did not sign |
| `narration` | the printed lines; a claim that does not hold |
| `servers` | starts and stops the parts of the story |
| `visible_text`, `emails` | texts of Slack messages and of emails |
| `story_browser`, `page_parser` | browsers for the review pages |
"""
