"""Copies of requests on their way to people: which go where, the outbox relay, and what came of each attempt."""
