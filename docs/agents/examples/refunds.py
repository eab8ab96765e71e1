"""The tool of the examples: it refunds an order, here by writing a line to the file that REFUNDS names."""

import os


def refund(order: str, amount: int) -> str:
    """Refund an order of the shop."""
    with open(os.environ.get("REFUNDS", "refunds.txt"), "a", encoding="utf-8") as file:
        file.write(f"{order} {amount}\n")
    return f"Refunded {amount} EUR for order {order}."
