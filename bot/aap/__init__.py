"""Signoff as a provider of the Agent Approval Protocol: its routes, translated to the commands of the engine."""
