"""The terminal: cards printed with rich, a channel that prints them, and the questions of `signoff try`.

`view` renders cards and stories, `output` prints them, `channel` prints copies, and `prompts` asks the person at the
keyboard for a decision.
"""
