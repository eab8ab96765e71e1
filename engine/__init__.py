"""The engine: runs workflows, stops at gates, goes on after decisions, whatever crashes.

It knows nothing of Slack, mail, web servers or pages. Everything outside reaches it through
`engine.service.Engine`; everything it needs from outside is a protocol in `engine.ports`.

Start reading at `plan` (the run's state machine) and `gate` (the request's), both pure, then
`service`, which loads, asks them, and saves.

Imports run downward only (checked by import-linter, see pyproject.toml).
"""
