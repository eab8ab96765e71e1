"""The surfaces of Signoff: commands, channels and pages, and the composition root that binds them to the engine.

`cli` holds the commands, `app` builds a process, and each channel is a package (`slack`, `email`, `web`, `terminal`).
`local` takes the commands of this machine from other processes. Nothing here decides: every decision is one call of
`engine.service.Engine`.
"""
