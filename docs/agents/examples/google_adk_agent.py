"""An agent of Google's Agent Development Kit: every tool call waits until a person has approved it in Signoff."""

import asyncio
import os

from agentapprovalprotocol.adk import ApprovalPlugin, check_coverage
from google.adk.agents import LlmAgent
from google.adk.apps import App
from google.adk.runners import InMemoryRunner
from refunds import refund

approvals = ApprovalPlugin(f"{os.environ['SIGNOFF_URL']}/api/aap", os.environ["SIGNOFF_API_KEY"])
agent = LlmAgent(name="support", model=os.environ.get("MODEL", "gemini-3-flash"), tools=[refund])
app = App(name="support", root_agent=agent, plugins=[approvals])
check_coverage(app, approvals)

if __name__ == "__main__":
    events = asyncio.run(InMemoryRunner(app=app).run_debug("Order A-7 came broken. Refund its 120 EUR.", quiet=True))
    print(events[-1].content.parts[-1].text)
