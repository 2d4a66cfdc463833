"""An order, from the shop to the door: the activities that `orders.yaml` names.

Run it with ``python examples/orders.py``: the order is large, so it waits for somebody
to look at it, and this script plays that somebody.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import actorflow as af

FILE = Path(__file__).with_suffix(".yaml")
SHOP: dict[str, Any] = {
    "o-1": {"total": 30, "lines": [{"sku": "tea", "count": 2}]},
    "o-2": {"total": 250, "lines": [{"sku": "tea", "count": 1}, {"sku": "pot"}]},
    "o-3": {"total": 90, "lines": [{"sku": "unicorn", "count": 1}]},
}
STOCK = {"tea": 10, "pot": 3}


@af.activity
def fetch_order(order_id: str) -> dict[str, Any]:
    """Ask the shop."""
    order: dict[str, Any] = SHOP[order_id]
    lines = [{"count": 1, **line} for line in order["lines"]]
    return {**order, "lines": lines}


@af.activity
def pack(sku: str, count: int) -> str:
    """Take so many from the shelf."""
    if STOCK.get(sku, 0) < count:
        raise af.ActivityError(f"there is no {sku}", type="out_of_stock")
    return f"{count} {sku}"


@af.activity
def note(text: str) -> str:
    """Write something down."""
    return text


@af.activity
def send(order_id: str, parcel: dict[str, Any]) -> str:
    """Hand the parcel to the carrier, and find words for the customer."""
    if parcel.get("delay"):
        return f"{order_id} comes {parcel['delay']}"
    seen = f" ({parcel['verdict']})" if parcel.get("verdict") else ""
    return f"{order_id} is on its way with {', '.join(parcel['boxes'])}{seen}"


ACTIVITIES = [fetch_order, pack, note, send]


def main() -> None:
    """Send all orders; say yes to the one that asks."""
    orders = af.Workflow.load(FILE)
    with af.Runtime(":memory:", definitions=[orders], activities=ACTIVITIES) as runtime:
        runs = [
            runtime.start(orders, order_id=name, execution_id=name) for name in SHOP
        ]
        for run in runs:
            suspension = run.wait().suspension
            for topic in suspension.topics if suspension else ():
                print(f"{run.id} waits for {topic}")
                run.signal(topic, "looks fine")
            print(run.result(timeout=10)["answer"])


if __name__ == "__main__":
    main()
