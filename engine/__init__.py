"""The engine: it runs workflows, stops at gates, and goes on after decisions, whatever crashes.

It knows nothing of Slack, email, web servers or pages. Everything outside calls `engine.service.Engine`; everything the
engine needs from outside is a protocol in `engine.ports`.

Start reading at `runs` (the state machine of a run) and `requests` (the rules of a request), both pure, and then at
`service`, which loads, calls them, and saves.

Imports run downward only (checked by import-linter, see pyproject.toml).
"""
