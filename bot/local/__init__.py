"""The door for commands on the same machine: a socket beside the database, for the user who owns it.

`desk` carries commands out, `server` serves it to other processes, `client` finds whoever owns the database;
`reply` and `place` are what both sides know.
"""
