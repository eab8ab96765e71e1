"""The Slack channel: request messages, modals, App Home and slash command of one Slack app.

Pure, no input or output, no clock: `ids` (limits, ids, what travels in buttons and modals), `text` (text objects,
cutting), `rich` (rich text), `fitting` (what is shown where not all fits), `blocks` (messages); `inputs` (a field as
inputs), `forms` (many fields), `modals`, `details`, `register` and `runs` (views), `answers` (view state back to
values); `lists` (answers of the slash command), `home` (App Home), `failures` (Slack's errors). They may import
`bot.card` and the engine, and return plain dictionaries. Everything else here talks to Slack. Start at `blocks`.
"""
