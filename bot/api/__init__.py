"""The HTTP API: programs ask people, start runs and read what became of them. Paths are below `/api/v1`."""
