"""A crew of CrewAI: every tool call of its agents waits until a person has approved it in Signoff."""

import os

from agentapprovalprotocol.crewai import ApprovalHooks
from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool
from refunds import refund

ApprovalHooks(f"{os.environ['SIGNOFF_URL']}/api/aap", os.environ["SIGNOFF_API_KEY"]).install()

model = LLM(model=os.environ.get("MODEL", "openai/gpt-5-mini"))
support = Agent(role="Support", goal="Help customers", backstory="", tools=[tool("refund")(refund)], llm=model)
task = Task(
    description="Order A-7 came broken. Refund its 120 EUR.", expected_output="What was refunded", agent=support
)

if __name__ == "__main__":
    print(Crew(agents=[support], tasks=[task]).kickoff().raw)
