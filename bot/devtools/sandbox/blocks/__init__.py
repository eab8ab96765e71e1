"""Validation of Block Kit: what Slack accepts in a message, a modal and App Home, and how it words what it refuses.

Start at `check`. `layout` has the blocks, `elements` what stands in them, `richtext` and `parts` what they are made of,
`rules` the few combinators that all are written with. Nothing here knows of state, except for the app's scopes.
"""
