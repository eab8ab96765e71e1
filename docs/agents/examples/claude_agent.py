"""An agent of the Claude Agent SDK: every tool call waits until a person has approved it in Signoff."""

import asyncio
import os
from typing import Any

from agentapprovalprotocol.claude_agent_sdk import ApprovalHooks
from claude_agent_sdk import ClaudeAgentOptions, ResultMessage, create_sdk_mcp_server, query, tool
from refunds import refund

approvals = ApprovalHooks(f"{os.environ['SIGNOFF_URL']}/api/aap", os.environ["SIGNOFF_API_KEY"])


@tool("refund", "Refund an order of the shop", {"order": str, "amount": int})
async def refund_tool(sent: dict[str, Any]) -> dict[str, Any]:
    """Refund an order, as the SDK calls its tools."""
    return {"content": [{"type": "text", "text": refund(**sent)}]}


async def main() -> None:
    """Ask the agent, and print its last words."""
    shop = create_sdk_mcp_server("shop", tools=[refund_tool])
    options = approvals.options(ClaudeAgentOptions(model=os.environ.get("MODEL"), mcp_servers={"shop": shop}))
    async for message in query(prompt="Order A-7 came broken. Refund its 120 EUR.", options=options):
        if isinstance(message, ResultMessage):
            print(message.result)


if __name__ == "__main__":
    asyncio.run(main())
