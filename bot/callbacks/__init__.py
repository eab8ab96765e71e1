"""Callbacks: signed calls that tell a program what became of what it asked."""
