"""Roles and people from a file of the operator: who has which role, and which addresses belong to one person."""
