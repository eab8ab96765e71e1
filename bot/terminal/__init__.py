"""The terminal: cards printed with rich, a channel that prints them, and the questions of `signoff try`.

`screen` arranges (no input, no state), `channel` prints copies, `ask` puts a request to the person at the keyboard.
"""
