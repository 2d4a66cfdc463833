"""What the tests of child executions share: small definitions, and what they did."""

from __future__ import annotations

from typing import Any

import actorflow as af


class Story:
    """A child and its parents, and a diary of what their activities did."""

    def __init__(self) -> None:
        self.did: list[Any] = []
        self.undone: list[Any] = []
        self.broken = True

        @af.activity
        def undo(result: Any) -> None:
            self.undone.append(result)

        @af.activity(compensate=undo)
        def reserve(item: str) -> str:
            self.did.append(item)
            return f"reserved {item}"

        @af.activity
        def fragile(item: str) -> str:
            self.did.append(f"fragile {item}")
            if self.broken:
                raise ValueError(f"{item} broke")
            return f"mended {item}"

        @af.activity
        def double(n: int) -> int:
            self.did.append(n)
            return n * 2

        self.reserve, self.fragile, self.double = reserve, fragile, double
        self.doubling = af.Flow("doubling", inputs=["n"]).then(double, into="out")
        self.doubling = self.doubling.output("out").build()
        self.stock = af.Flow("stock", inputs=["item"]).then(reserve, into="goods")
        self.stock = self.stock.wait_signal("go").output("goods").build()
        self.breaking = (
            af.Flow("breaking", inputs=["item"])
            .then(reserve, into="goods")
            .then(fragile, into="end")
            .output("end")
            .build()
        )
        self.frail = af.Flow("frail", inputs=["item"]).then(fragile, into="end")
        self.frail = self.frail.output("end").build()

    def parent_of(self, child: Any, **options: Any) -> af.Flow:
        """Return a flow that runs *child*, then something fragile."""
        return (
            af.Flow("parent", inputs=["item"])
            .child(child, name="inner", into="got", **options)
            .then(self.fragile, into="end")
            .output("got", "end")
            .build()
        )

    def only(self, child: Any, **options: Any) -> af.Flow:
        """Return a flow that only runs *child*."""
        flow = af.Flow("parent", inputs=["item"])
        return flow.child(child, name="inner", into="got", **options).output("got")


def statuses(rt: af.Runtime) -> dict[str, str]:
    """Return how every execution stands, after all that is under way."""
    rt.clock.advance(0)
    return {row.id: row.status for row in rt.list()}


def kinds(rt: af.Runtime, execution_id: str) -> list[str]:
    """Return the classes of an execution's events, by name."""
    return [type(r.event).__name__ for r in rt.history(execution_id)]
