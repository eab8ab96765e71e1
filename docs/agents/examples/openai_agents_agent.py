"""An agent of the OpenAI Agents SDK: every tool call waits until a person has approved it in Signoff."""

import os

from agentapprovalprotocol.openai_agents import Approvals
from agents import Agent, Runner, function_tool
from refunds import refund

approvals = Approvals(f"{os.environ['SIGNOFF_URL']}/api/aap", os.environ["SIGNOFF_API_KEY"])
support = Agent(name="Support", model=os.environ.get("MODEL", "gpt-5-mini"), tools=[function_tool(refund)])
agent = approvals.protect(support)

if __name__ == "__main__":
    print(Runner.run_sync(agent, "Order A-7 came broken. Refund its 120 EUR.").final_output)
