"""A LangChain agent: every tool call waits until a person has approved it in Signoff."""

import os

from agentapprovalprotocol.langgraph import ApprovalMiddleware
from langchain.agents import create_agent
from refunds import refund

approvals = ApprovalMiddleware(f"{os.environ['SIGNOFF_URL']}/api/aap", os.environ["SIGNOFF_API_KEY"])
agent = create_agent(os.environ.get("MODEL", "openai:gpt-5-mini"), tools=[refund], middleware=[approvals])

if __name__ == "__main__":
    result = agent.invoke({"messages": [("user", "Order A-7 came broken. Refund its 120 EUR.")]})
    print(result["messages"][-1].text)
