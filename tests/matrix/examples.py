"""The workflows in examples/, with what they are run with."""

from __future__ import annotations

from typing import Any

import actorflow as af
from actorflow.testing import Simulation
from examples import crawl, orders

EXAMPLES: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "small order": (orders, {"order_id": "o-1"}, {}),
    "large order": (orders, {"order_id": "o-2"}, {"audit-o-2": "looks fine"}),
    "order of what is not there": (orders, {"order_id": "o-3"}, {}),
    "crawl": (crawl, {"start": "/", "max_depth": 9}, {}),
}


def workflow(name: str) -> af.Workflow:
    """Return the workflow of an example."""
    module: Any = EXAMPLES[name][0]
    return af.Workflow.load(module.FILE)


def simulation(name: str, seed: int = 0) -> Simulation:
    """Simulate an example."""
    module, inputs, signals = EXAMPLES[name]
    return Simulation(
        workflow(name),
        inputs=inputs,
        activities=module.ACTIVITIES,
        signals=signals,
        seed=seed,
    )
