"""Copies of requests on their way to people: their routes, the outbox, and the result of each attempt."""
