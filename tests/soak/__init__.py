"""The soak: a server that is killed, stopped, starved of room and lied to about the time, and what must hold after it.

    make soak SOAK_MINUTES=5 SOAK_SEED=17

What it does and what it checks is told in docs/soak.md.

| module | what is in it |
|---|---|
| `campaign` | start here: one campaign from its folder to its figures |
| `serve`, `servers` | the servers, each a process of its own on a clock that can be stepped; how they are killed |
| `world`, `service` | the local Slack, the workflows, and what was said to whom; the service that counts its calls |
| `clients`, `people` | who starts, decides, cancels and attends, through the socket and through signed clicks |
| `chaos`, `room` | what is done to the server, to Slack, to the clock and to the disk |
| `evidence` | what is left when all is over, and what may be asked of it |
| `verdict`, `copies` | the checks; each finds what is wrong by name |
"""
