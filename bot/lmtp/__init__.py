"""Emails that start runs: an LMTP server to which the mail server of an organization delivers. Optional.

`server` listens, `session` answers the commands of one delivery, `email_reader` reads an email, and `authentication`
reads what the mail server says about its sender. Both readers are pure. `setup` puts them together.
"""
