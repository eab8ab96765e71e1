"""The Slack channel: request messages, modals, App Home and slash command of one Slack app.

Pure, no input or output, no clock: `ids` (limits, ids, what travels in buttons and modals), `text_objects`,
`rich_text`, `truncate` (what is shown where not all fits), `message_view` (a card as a message); `input_blocks` (a
field as inputs), `form_blocks` (many fields), `request_modals`, `details_modal`, `register_modal` and `start_modal`,
`view_state` (view state back to values), `kept_entries` (what was entered in an older form, in a newer one);
`command_messages` (replies to the slash command), `home_view` (App Home), `errors` (Slack's errors). They import
`bot.presentation` and the engine, and return plain dictionaries. Everything else here talks to Slack. Start at
`message_view`.
"""
