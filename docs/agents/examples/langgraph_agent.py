"""A LangGraph tool node: the graph calls it with the calls of the model, and each waits for a person."""

import os

from agentapprovalprotocol.langgraph import ApprovalMiddleware
from langchain.chat_models import init_chat_model
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from refunds import refund

approvals = ApprovalMiddleware(f"{os.environ['SIGNOFF_URL']}/api/aap", os.environ["SIGNOFF_API_KEY"])
model = init_chat_model(os.environ.get("MODEL", "openai:gpt-5-mini")).bind_tools([refund])


def ask_model(state: MessagesState) -> dict[str, list[object]]:
    """Let the model say what comes next."""
    return {"messages": [model.invoke(state["messages"])]}


graph = StateGraph(MessagesState)
graph.add_node("model", ask_model)
graph.add_node("tools", ToolNode([refund], wrap_tool_call=approvals.wrap_tool_call))
graph.add_edge(START, "model")
graph.add_conditional_edges("model", tools_condition)
graph.add_edge("tools", "model")

if __name__ == "__main__":
    result = graph.compile().invoke({"messages": [("user", "Order A-7 came broken. Refund its 120 EUR.")]})
    print(result["messages"][-1].text)
