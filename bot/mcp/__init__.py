"""An MCP server for agents that ask people: a client of Signoff's API, with no database of its own.

Only this package knows the library, which is in the extra `signoff[mcp]`.
"""
