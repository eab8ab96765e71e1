"""The terminal: cards printed with rich, a channel that prints them, and the questions of `signoff try`.

`view` renders cards, `story_lines` stories, `next_commands` the commands that answer, `input_hints` what may be typed;
`output` prints, `channel` prints copies, and `prompts` asks the person at the keyboard for a decision.
"""
