"""Commands of this machine's operator, over a socket beside the database that only its user can open.

`service` carries commands out, `server` takes them from other processes, and `client` sends them to the process that
owns the database. Both sides share `reply` and `socket_path`.
"""
