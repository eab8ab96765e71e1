"""Validation of Block Kit: the blocks that Slack accepts in messages, modals and App Home, with Slack's error texts.

Start at `check`. `layout` has the blocks, `elements` their elements, `richtext` and `parts` smaller objects, `rules`
the combinators of all of them. Nothing here depends on state except the app's scopes.
"""
