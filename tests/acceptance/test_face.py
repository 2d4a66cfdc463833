"""The public face in one piece: what the guides show in parts, as somebody types it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

import actorflow as af
from actorflow.testing import Replayer, Simulation, runtime

# -- 1. activities ---------------------------------------------------------------------


@frozen
class Receipt:
    """What a charge gives."""

    order_id: str
    amount: int


def refund(order_id: str, amount: int) -> None:
    """Give the money back."""
    REFUNDED.append((order_id, amount))


REFUNDED: list[tuple[str, int]] = []


@af.activity
def fetch(url: str) -> str:
    """Return a page."""
    return f"<{url}>"


@af.activity(
    retry=af.Retry(
        max_attempts=5,
        initial=1.0,
        factor=2.0,
        max_delay=60.0,
        jitter=0.1,
        on=(ConnectionError, "timeout"),
        never=(ValueError,),
    ),
    timeout=30.0,
    rate_limit=af.RateLimit(50, per=60.0, name="jira"),
    executor="thread",
    compensate=refund,
)
def charge(order_id: str, amount: int) -> Receipt:
    """Take the money."""
    return Receipt(order_id, amount)


def make_plan() -> list[str]:
    """Return a plan."""
    return ["a", "b"]


def careful(ctx: af.ActivityContext, n: int) -> list[Any]:
    """Use all that an activity's context has."""
    ctx.log.info("begin")
    plan = ctx.record("plan", make_plan)
    said = ctx.wait_signal("approve", timeout=3600)
    ctx.progress(3, total=10, message="page 3")
    ctx.emit({"n": n})
    ctx.heartbeat("alive")
    assert not ctx.cancelled
    key = ctx.idempotency_key
    return [plan, said, ctx.execution_id, ctx.address, ctx.attempt, bool(key)]


def test_an_activity_has_a_policy_and_a_context() -> None:
    """Options make a copy; the context records, waits, tells and yields."""
    other = fetch.options(timeout=5.0, key="front-page")
    assert other is not fetch
    assert fetch("x") == "<x>"
    flow = af.Flow("careful", inputs=["n"]).then(careful).output("careful").build()
    with runtime(flow) as rt:
        run = rt.start(flow, n=1, execution_id="e")
        rests = run.wait().suspension
        assert rests
        assert rests.topics == ("approve",)
        rt.signal("e", "approve", "yes")
        plan, said, execution, address, attempt, has_key = run.result()
        assert (plan, said, execution, attempt, has_key) == (
            ["a", "b"],
            "yes",
            "e",
            1,
            True,
        )
        assert address.endswith("careful")
        assert list(run.emitted()) == [{"n": 1}]


# -- 2. dynamic nodes ------------------------------------------------------------------


@frozen
class Plan:
    """Where to look."""

    urls: list[str]


@frozen
class Report:
    """What was found."""

    topic: str
    first: str
    second: str
    at: Any
    chance: float
    id: Any


def plan_for(topic: str) -> Plan:
    """Return where to look."""
    return Plan([f"{topic}/{n}" for n in range(3)])


@af.activity
def summarise(page: str) -> str:
    """Say it shorter."""
    return page[:4]


@af.dynamic
async def research(ctx: af.Context, topic: str) -> Report:
    """Plan, look, summarise, ask."""
    plan = await ctx.run(plan_for, topic)
    pages = await ctx.map(fetch, plan.urls, max_concurrency=32)
    async with asyncio.TaskGroup() as tg:
        a = tg.create_task(ctx.run(summarise, pages[0]))
        b = tg.create_task(ctx.run(summarise.options(key="second"), pages[1]))
    await ctx.emit({"stage": "summarised"})
    await asyncio.sleep(3600)  # noqa: TID251 - as users do
    ok = await ctx.ask("Publish?", schema=bool, id="publish")
    try:
        await ctx.wait_signal("note", timeout=60.0)
    except TimeoutError:
        ctx.log.info("no note")
    assert ok
    assert ctx.patched("footnotes-v2")
    return Report(
        topic, a.result(), b.result(), ctx.now(), ctx.random.random(), ctx.uuid4()
    )


@af.dynamic
def blocking(ctx: af.Context, topic: str) -> list[str]:
    """Do the same with blocking calls."""
    plan = ctx.run(plan_for, topic)
    assert isinstance(plan, Plan)
    return [ctx.run(fetch, url) for url in plan.urls]


def fails() -> None:
    """Fail."""
    raise ValueError("no")


@af.dynamic
async def failing(ctx: af.Context) -> list[str]:
    """Catch what a child fails with."""
    try:
        await ctx.run(fails)
    except af.NodeFailed as error:
        return [error.address, error.node, str(error.cause)]
    return []


def test_a_dynamic_node_is_ordinary_asyncio() -> None:
    """Children, tasks, timers, questions, signals, time and chance are durable."""
    with runtime(research) as rt:
        run = rt.start(research, "t", execution_id="r")
        assert run.wait().status == "suspended"
        rt.clock.advance(3600)
        assert [question.id for question in rt.questions()] == ["publish"]
        rt.answer("r", "publish", True)
        rt.clock.advance(60)
        report = run.result()
        assert (report.topic, report.first, report.second) == ("t", "<t/0", "<t/1")
        assert list(run.emitted()) == [{"stage": "summarised"}]


def test_a_dynamic_node_may_block_or_catch() -> None:
    """On a thread of its own; and failures say where they were."""
    with runtime(blocking, failing) as rt:
        assert rt.start(blocking, "t").result() == ["<t/0>", "<t/1>", "<t/2>"]
        address, node, cause = rt.start(failing).result()
    assert "fails" in address
    assert node == "fails"
    assert "no" in cause


# -- 3. flows --------------------------------------------------------------------------


@frozen
class Order:
    """An order."""

    total: int
    customers: list[str]
    rush: bool
    region: str


@frozen
class Delivery:
    """How far a delivery is."""

    delivered: bool


def fetch_order(order_id: str) -> Order:
    """Look it up."""
    return Order(120, ["ann", "bob"], order_id == "rush", "eu")


def score(total: int) -> int:
    """Judge it."""
    return total // 10


def create_order(order_id: str) -> str:
    """Make an order."""
    return f"order {order_id}"


def create_invoice(order_id: str) -> str:
    """Make an invoice."""
    return f"invoice {order_id}"


def create_shipment(order_id: str) -> str:
    """Make a shipment."""
    return f"shipment {order_id}"


def send_email(customer: str) -> str:
    """Tell a customer."""
    return f"to {customer}"


def expedite() -> str:
    """Hurry."""
    return "fast"


def standard() -> str:
    """Do not."""
    return "slow"


def poll_carrier(previous: Any) -> Delivery:
    """Ask again."""
    return Delivery(previous is not None)


def region(name: str) -> af.Flow:
    """Return a flow of that name."""
    return af.Flow(name, inputs=["order_id"]).then(standard, into=name)


def notify() -> str:
    """Tell everybody."""
    return "told"


def fulfilment() -> af.Flow:
    """Return the flow that uses every method of the builder."""
    invoice = af.Flow("invoice", inputs=["order_id"]).then(create_invoice, into="no")
    return (
        af.Flow("fulfil-order", inputs=["order_id"])
        .then(fetch_order, into="order")
        .then(score, input=lambda s: {"total": s["order"].total})
        .parallel(
            "create", create_order, create_invoice, create_shipment, on_error="wait"
        )
        .map(
            "emails",
            send_email,
            over="order.customers",
            max_concurrency=8,
            on_error="continue",
        )
        .when(lambda s: s["order"].rush)
        .then(expedite)
        .otherwise()
        .then(standard)
        .end()
        .route(
            lambda s: s["order"].region,
            {"eu": region("eu"), "us": region("us")},
            default=region("row"),
        )
        .loop(
            "poll",
            poll_carrier,
            until=lambda i, prev, new: new.delivered,
            max_iterations=100,
        )
        .sleep(60)
        .wait_signal(
            "delivered", timeout=86_400, into="delivery", on_timeout=region("late")
        )
        .gate("refund-approval", timeout=3600)
        .child(invoice, into="invoice", input=lambda s: {"order_id": s["order_id"]})
        .then(notify)
        .output("invoice", "emails", "standard", "refund-approval", "delivery")
        .build()
    )


@pytest.fixture(name="flow")
def _flow() -> af.Flow:
    return fulfilment()


def finished(rt: Any, run: af.ExecutionHandle) -> Any:
    """Give an order what it waits for, and return what it gives."""
    rt.clock.advance(60)
    rt.signal(run.id, "delivered", {"by": "dhl"})
    rt.answer(run.id, "refund-approval", False)
    return run.result(timeout=60)


def test_a_flow_has_every_method_of_the_builder(flow: af.Flow) -> None:
    """A no at the gate is a result; outcomes hold values; the child has its own id."""
    with runtime(flow) as rt:
        output = finished(rt, rt.start(flow, order_id="o-1"))

    assert [outcome.value for outcome in output["emails"]] == ["to ann", "to bob"]
    assert output["standard"] == "slow"
    assert output["delivery"] == {"by": "dhl"}
    assert output["refund-approval"]["approved"] is False
    assert output["invoice"]["no"] == "invoice o-1"


def test_definitions_tell_all_their_problems() -> None:
    """At once, when they are built or given to a runtime."""
    with pytest.raises(af.DefinitionError) as caught:
        af.Flow("bad").when("a").then(standard).output("nothing").build()
    assert len(caught.value.problems) > 1

    flow = af.Flow("unbound").then(score).map("m", score, over="!!").build()
    with pytest.raises(af.DefinitionError) as caught:
        af.Runtime(":memory:", definitions=[flow])
    assert len(caught.value.problems) > 1


# -- 4. graphs -------------------------------------------------------------------------


def ship_order(order: Order) -> str:
    """Send it."""
    return f"parcel of {order.total}"


def give_back(reason: Any) -> str:
    """Return the money."""
    return f"refund: {reason}"


def by_id(id: str) -> Order:
    """Look it up, by the name the graph gives."""
    return fetch_order(id)


ACTIVITIES = [
    af.activity(name="fetch_order")(by_id),
    ship_order,
    af.activity(name="refund")(give_back),
]


def orders() -> af.Workflow:
    """Return the graph with a fork, an audit that not every order needs, and a join."""
    return af.Workflow(
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
                        "audit",
                        when="state.order.total > inputs.limit",
                        branch="audit",
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
            af.Step(
                "recover", activity="refund", parameters={"reason": "${state.error}"}
            ),
        ],
        outputs=[
            af.Output("verdict", branch="final"),
            af.Output("parcel", branch="final"),
        ],
    )


def test_a_graph_forks_waits_and_joins() -> None:
    """An audit that nobody needed is not waited for."""
    wf = orders()
    with runtime(wf, activities=ACTIVITIES) as rt:
        run = rt.start(wf, order_id="o-1")
        rt.signal(run.id, "audit-o-1", "fine")
        assert run.result() == {"verdict": "fine", "parcel": "parcel of 120"}
        small = rt.start(wf, order_id="o-2", limit=1_000)
        assert small.result() == {"verdict": None, "parcel": "parcel of 120"}
    assert "audit" in wf.to_mermaid()
    assert fulfilment().workflow.name == "fulfil-order"


# -- 5. the runtime --------------------------------------------------------------------


def test_the_runtime_starts_steers_and_tells(  # noqa: PLR0915 - all of it
    flow: af.Flow, tmp_path: Path
) -> None:
    """Every verb of the runtime, on a log that another runtime opens again."""
    wf, heard = orders(), []
    settings: dict[str, Any] = {
        "definitions": [flow, research, wf],
        "activities": ACTIVITIES,
        "durability": "process",
        "threads": 8,
    }
    with af.Runtime(
        tmp_path / "orders.db", on_event=lambda *e: heard.append(e), **settings
    ) as rt:
        run = rt.start(wf, order_id="o-42", execution_id="o-42")
        assert rt.start(wf, order_id="o-42", execution_id="o-42").id == run.id
        with pytest.raises(af.ExecutionExistsError):
            rt.start(wf, order_id="o", execution_id="o-42", on_conflict="fail")
        with pytest.raises(af.DefinitionMismatch):
            rt.start(flow, order_id="o", execution_id="o-42")
        result = run.wait()
        assert result.status == "suspended"
        assert result.suspension
        assert result.suspension.reason == "waiting"
        assert result.suspension.topics == ("audit-o-42",)
        assert result.suspension.wake_at is not None
        assert not result.suspension.questions
        rt.pause("o-42", branch=None, reason="audit")
        rt.resume("o-42")
        branch = next(event.seq for event in run.history() if event.address == "audit")
        rt.fork("o-42", at=branch, execution_id="o-42-b")
        rt.cancel("o-42", compensate=True)
        with pytest.raises(af.ExecutionCancelled):
            run.result(timeout=60)
    with af.Runtime(tmp_path / "orders.db", **settings) as rt:
        fork = rt.get("o-42-b")
        rt.signal("o-42-b", "audit-o-42", "fine")
        assert fork.result(timeout=60)["verdict"] == "fine"
        assert [each.id for each in rt.list(status="cancelled")] == ["o-42"]
        assert len(list(rt.list(workflow="orders"))) == 2
        events = list(fork.stream())
        assert events == list(rt.history("o-42-b"))
        assert list(fork.stream(after=3)) == events[3:]
        assert rt.state("o-42-b", at=branch).branches
        done = fork.wait()
        assert (done.status, done.error) == ("completed", None)
        assert done.finished_at
        assert done.duration == done.finished_at - done.started_at
    assert heard


def test_an_execution_is_found_by_its_attributes(flow: af.Flow) -> None:
    """What a caller attaches can be searched for."""
    with runtime(flow) as rt:
        for name, customer in (("a", "acme"), ("b", "else")):
            who = {"customer": customer}
            rt.start(flow, order_id="o", attributes=who, execution_id=name).wait()
        found = rt.list(
            status="suspended", workflow="fulfil-order", where={"customer": "acme"}
        )
        assert [each.id for each in found] == ["a"]


def test_a_failed_execution_is_retried_where_it_failed() -> None:
    """What was done is not done again."""
    done: list[str] = []
    broken = [True]

    def once() -> None:
        done.append("once")

    def breaks() -> str:
        if broken[0]:
            raise ValueError("broken")
        return "whole"

    flow = af.Flow("mend").then(once).then(breaks).output("breaks").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        with pytest.raises(af.ExecutionFailed):
            run.result()
        broken[0] = False
        rt.retry(run.id)
        assert run.result() == "whole"
    assert done == ["once"]


def test_results_and_events_come_in_asyncio_too(tmp_path: Path) -> None:
    """An execution is awaited, and its stream iterated, in an event loop."""

    async def main(run: af.ExecutionHandle) -> tuple[Any, int]:
        return await run, len([event async for event in run.stream()])

    with af.Runtime(tmp_path / "log.db", definitions=[blocking]) as rt:
        pages, events = asyncio.run(main(rt.start(blocking, "t")))

    assert pages == ["<t/0>", "<t/1>", "<t/2>"]
    assert events > 3


# -- 6. actors of one's own ------------------------------------------------------------


@af.event
class Deposited:
    """Money came."""

    amount: int


class Account(af.EventSourcedActor):
    """An account that remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.balance = 0

    def deposit(self, amount: int) -> int:
        """Take money."""
        if amount <= 0:
            raise ValueError("amount must be positive")
        self.persist(Deposited(amount))
        return self.balance

    def apply(self, event: Deposited) -> None:
        """Count it."""
        self.balance += event.amount


def test_an_actor_by_key_remembers(tmp_path: Path) -> None:
    """Refusals record nothing; what was told, asked and proxied adds up for ever."""
    for before in (0, 16):
        with af.Runtime(tmp_path / "log.db") as rt:
            alice = rt.actor(Account, "alice")
            assert alice.ask("deposit", 10) == before + 10
            alice.tell("deposit", 5)
            assert alice.proxy().deposit(1).get() == before + 16
            with pytest.raises(ValueError, match="must be positive"):
                alice.ask("deposit", 0)


# -- 7. tests and replays --------------------------------------------------------------


def test_a_day_passes_in_a_moment(flow: af.Flow) -> None:
    """The clock of a test is moved; the wait for the delivery runs out."""
    with runtime(flow) as rt:
        run = rt.start(flow, order_id="o-1")
        rt.clock.advance(60 + 86_400)
        rt.answer(run.id, "refund-approval", True)
        output = run.result()
    assert output["delivery"] == {"late": "slow"}
    assert output["refund-approval"]["approved"] is True


def test_every_crash_gives_the_same_end(flow: af.Flow) -> None:
    """With what it waits for given by the simulation."""
    simulation = Simulation(
        flow,
        inputs={"order_id": "o-1"},
        seed=7,
        signals={"delivered": [{"by": "dhl"}]},
        answers={"refund-approval": False},
    )
    assert simulation.crash_everywhere().end.status == "completed"


def test_todays_code_replays_yesterdays_histories(
    flow: af.Flow, tmp_path: Path
) -> None:
    """From the file, without running anything."""
    path = tmp_path / "orders.db"
    with af.Runtime(path, definitions=[flow], durability="process") as rt:
        rt.start(flow, order_id="o-1").wait()

    Replayer(path).check(flow)


# -- 8. compensation -------------------------------------------------------------------


def test_what_was_done_is_undone_when_it_fails() -> None:
    """With the arguments of what is undone, and nothing twice."""
    REFUNDED.clear()
    flow = (
        af.Flow("pay", inputs=["order_id", "amount"]).then(charge).then(fails).build()
    )
    with runtime(flow) as rt, pytest.raises(af.ExecutionFailed, match="no"):
        rt.start(flow, order_id="o-1", amount=5).result()

    assert REFUNDED == [("o-1", 5)]


def test_many_who_start_one_id_start_one_execution() -> None:
    """Whoever comes first; the others get its handle."""
    with af.Runtime(":memory:", definitions=[blocking]) as rt:

        def start(_: int) -> str:
            return rt.start(blocking, "t", execution_id="one").id

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(start, range(16))) == {"one"}
        assert len(list(rt.list())) == 1
