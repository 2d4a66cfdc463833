"""The order of the first page: fetched, audited, shipped, joined, or recovered."""

from __future__ import annotations

from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime

ORDERS = af.Workflow(
    name="orders",
    inputs=[af.Input("order_id", type="string"), af.Input("limit", default=100)],
    state={"retries": 0},
    steps=[
        af.Step(
            "fetch",
            activity="fetch_order",
            parameters={"id": "${inputs.order_id}"},
            store="order",
            retry=[af.Retry(max_attempts=3, on=["timeout"])],
            catch=[af.Catch(on=["all"], goto="recover", store="error")],
            next=[
                af.Edge(
                    "audit", when="state.order.total > inputs.limit", branch="audit"
                ),
                af.Edge("ship", branch="ship"),
                af.Edge("done", branch="final"),
            ],
        ),
        af.Step(
            "audit",
            wait_signal=af.WaitSignal(
                topic="audit-${inputs.order_id}", timeout=86_400, store="verdict"
            ),
        ),
        af.Step(
            "ship",
            activity="ship_order",
            parameters={"order": "${state.order}"},
            store="parcel",
        ),
        af.Step(
            "done",
            join=af.Join(
                branches=["audit", "ship"],
                mappings={"audit.verdict": "verdict", "ship.parcel": "parcel"},
            ),
        ),
        af.Step("recover", activity="refund", parameters={"reason": "${state.error}"}),
    ],
    outputs=[
        af.Output("verdict", branch="final"),
        af.Output("parcel", branch="final"),
    ],
)


class Shop:
    """What the activities of the workflow talk to.

    Attributes:
        troubles: raised by `fetch_order`, one a call.
        refunds: the reasons given.
    """

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.troubles: list[Exception] = []
        self.refunds: list[dict] = []

    def activities(self) -> list[Any]:
        """Return them, for a runtime."""

        def fetch_order(id: str) -> dict:
            self.fetched.append(id)
            if self.troubles:
                raise self.troubles.pop(0)
            return {"id": id, "total": 150}

        def ship_order(order: dict) -> str:
            return f"parcel-{order['id']}"

        def refund(reason: dict) -> None:
            self.refunds.append(reason)

        return [fetch_order, ship_order, refund]


@pytest.fixture
def shop() -> Shop:
    """Return a shop without troubles."""
    return Shop()


def test_a_large_order_waits_for_its_audit(shop: Shop) -> None:
    """An order above the limit rests until somebody has looked at it."""
    with runtime(ORDERS, activities=shop.activities()) as rt:
        suspension = rt.start(ORDERS, order_id="7").wait().suspension

    assert suspension is not None
    assert suspension.topics == ("audit-7",)


def test_an_audited_order_has_verdict_and_parcel(shop: Shop) -> None:
    """What both branches found is the output of the execution."""
    with runtime(ORDERS, activities=shop.activities()) as rt:
        run = rt.start(ORDERS, order_id="7")
        run.signal("audit-7", "fine")

        assert run.result() == {"verdict": "fine", "parcel": "parcel-7"}


def test_nothing_is_audited_below_the_limit(shop: Shop) -> None:
    """An order within the limit waits for no audit."""
    with runtime(ORDERS, activities=shop.activities()) as rt:
        result = rt.start(ORDERS, order_id="7", limit=1_000).wait()

    assert result.suspension is None


def test_a_shop_that_is_slow_is_asked_again(shop: Shop) -> None:
    """Timeouts of the shop are retried, up to three times in all."""
    shop.troubles = [TimeoutError("slow"), TimeoutError("slow")]
    with runtime(ORDERS, activities=shop.activities()) as rt:
        run = rt.start(ORDERS, order_id="7")
        run.signal("audit-7", "fine")
        run.result()

    assert shop.fetched == ["7"] * 3


def test_a_shop_that_fails_leads_to_a_refund(shop: Shop) -> None:
    """Any other failure is caught, and its reason handed to the refund."""
    shop.troubles = [ValueError("no such order")]
    with runtime(ORDERS, activities=shop.activities()) as rt:
        rt.start(ORDERS, order_id="7").wait()

    assert [reason["message"] for reason in shop.refunds] == ["no such order"]
