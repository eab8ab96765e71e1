"""A Pydantic AI agent: every tool call waits until a person has approved it in Signoff."""

import os

from agentapprovalprotocol.pydantic_ai import ApprovalCapability
from pydantic_ai import Agent
from refunds import refund

approvals = ApprovalCapability(f"{os.environ['SIGNOFF_URL']}/api/aap", os.environ["SIGNOFF_API_KEY"])
agent = Agent(os.environ.get("MODEL", "openai:gpt-5-mini"), tools=[refund], capabilities=[approvals])

if __name__ == "__main__":
    print(agent.run_sync("Order A-7 came broken. Refund its 120 EUR.").output)
