"""`rt.ask` and `ctx.on_update`: messages with an answer."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.log.memory import MemoryLog
from actorflow.testing import Crash, Replayer, ReplayError, Simulation, runtime
from tests.dynamic.helpers import Counted, World, double, kinds, refuse


def _must_be_positive(amount: int) -> None:
    if amount <= 0:
        raise ValueError("amount must be positive")


@af.dynamic
async def account(ctx: af.Context) -> int:
    """Keep a balance until somebody closes it; an activity books every amount."""
    balance: int = 0
    closed = asyncio.Event()

    async def add(amount: int) -> int:
        nonlocal balance
        balance += await ctx.run(double, amount)
        return balance

    def close(_: None) -> int:
        closed.set()
        return balance

    ctx.on_update("add", add, _must_be_positive)
    ctx.on_update("close", close)
    await closed.wait()
    return int(balance)


@af.dynamic
def account_on_a_thread(ctx: af.Context) -> int:
    """Do the same, with calls that block."""
    balance, is_open = 0, True

    def add(amount: int) -> int:
        nonlocal balance
        balance += ctx.run(double, amount)
        return int(balance)

    def close(_: None) -> int:
        nonlocal is_open
        is_open = False
        return int(balance)

    ctx.on_update("add", add, _must_be_positive)
    ctx.on_update("close", close)
    while is_open:
        ctx.sleep(0.2)
    return int(balance)


ACCOUNTS = pytest.mark.parametrize(
    "node", [account, account_on_a_thread], ids=["async", "blocking"]
)


@ACCOUNTS
def test_an_update_is_answered(node: Any) -> None:
    """The caller gets what the handler returns, as soon as that is durable."""
    with runtime(node) as rt:
        run = rt.start(node)
        assert run.ask("add", 3) == 6
        assert rt.ask(run.id, "add", 4) == 14
        assert run.ask("close") == 14
        assert run.result() == 14


@ACCOUNTS
def test_on_real_threads(node: Any) -> None:
    """In an ordinary runtime too, whoever calls, and as often."""
    with af.Runtime(":memory:", [node]) as rt:
        run = rt.start(node)
        assert [run.ask("add", n, timeout=20) for n in (1, 2, 3)] == [2, 6, 12]
        assert run.ask("close", timeout=20) == 12
        assert run.result(timeout=20) == 12


@ACCOUNTS
def test_a_rejected_update_changes_nothing(node: Any) -> None:
    """The caller gets the reason, and the log does not know of it."""
    with runtime(node) as rt:
        run = rt.start(node)
        run.wait()
        before = len(run.history())
        with pytest.raises(af.UpdateRejected, match="amount must be positive") as info:
            run.ask("add", -1)
        assert (info.value.name, info.value.reason) == (
            "add",
            "amount must be positive",
        )
        with pytest.raises(af.UpdateRejected, match="cannot be read"):
            run.ask("add", "much")
        assert len(run.history()) == before
        assert run.ask("add", 1) == 2


def test_a_failing_handler_fails_the_update_not_the_node() -> None:
    """The failure is recorded, the caller gets it, and the node goes on."""

    @af.dynamic
    async def node(ctx: af.Context) -> str:
        ctx.on_update("mine", lambda _: 1 / 0)
        ctx.on_update("child", lambda _: ctx.run(refuse, "no"))
        ctx.on_update("odd", lambda _: object())
        return str(await ctx.wait_signal("go"))

    with runtime(node) as rt:
        run = rt.start(node)
        with pytest.raises(af.UpdateFailed, match="division by zero"):
            run.ask("mine")
        with pytest.raises(af.UpdateFailed) as info:
            run.ask("child", key="k")
        assert info.value.cause.address == "main/node/refuse#2:2"
        with pytest.raises(af.UpdateFailed, match="cannot be recorded"):
            run.ask("odd")
        with pytest.raises(af.UpdateFailed, match="no"):
            run.ask("child", key="k")
        run.signal("go", "went on")
        assert run.result() == "went on"


def test_a_key_makes_it_safe_to_ask_again() -> None:
    """Two updates with one name and key are one, and have one answer."""
    with runtime(account) as rt:
        run = rt.start(account)
        assert run.ask("add", 1, key="k") == 2
        assert run.ask("add", 1, key="k") == 2
        assert run.ask("add", 1, key="other") == 4
        assert run.ask("close", key="k") == 4
        assert run.result() == 4
        assert run.ask("close", key="k") == 4
        assert run.ask("add", 1, key="k") == 2
        assert kinds(run.history()).count("UpdateAnswered") == 3


def test_updates_of_one_name_are_done_one_after_the_other() -> None:
    """The second is validated when the first is done, and sees what that did."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        taken: list[str] = []

        async def take(seat: str) -> int:
            await asyncio.sleep(10)
            taken.append(seat)
            return len(taken)

        def free(seat: str) -> None:
            if seat in taken:
                raise ValueError(f"{seat} is taken")

        ctx.on_update("take", take, free)
        await ctx.wait_signal("never")

    with runtime(node) as rt:
        run = rt.start(node)
        assert run.ask("take", "1a") == 1
        with pytest.raises(af.UpdateRejected, match="1a is taken"):
            run.ask("take", "1a")
        assert run.ask("take", "1b") == 2


@ACCOUNTS
def test_updates_survive_a_crash_anywhere(node: Any) -> None:
    """Every caller that asks again gets the answer it would have got."""
    for seed in range(3):
        report = Simulation(
            node, seed=seed, updates={"add": [1, -1, 2], "close": None}
        ).crash_everywhere()
        assert report.end.output == 6
        assert report.end.replies == {
            "add-0": 2,
            "add-1": "execution 'simulated' refuses 'add': amount must be positive",
            "add-2": 6,
            "close-0": 6,
        }


@ACCOUNTS
def test_updates_replay(node: Any) -> None:
    """A history with updates is what today's code does; validators are not asked."""
    world = World()
    with world.process(node) as rt:
        run = rt.start(node)
        run.ask("add", 1)
        run.ask("close")
        run.result()
    log = MemoryLog(store=world.store, clock=world.clock.time)
    assert Replayer(log).check(node) == 1


def test_a_changed_answer_is_found_out() -> None:
    """Code that answers something else is another code."""

    @af.dynamic(name="node")
    async def old(ctx: af.Context) -> None:
        ctx.on_update("x", lambda _: 1)
        await ctx.wait_signal("never")

    @af.dynamic(name="node")
    async def new(ctx: af.Context) -> None:
        ctx.on_update("x", lambda _: 2)
        await ctx.wait_signal("never")

    world = World()
    with world.process(old) as rt:
        rt.start(old).ask("x")
    log = MemoryLog(store=world.store, clock=world.clock.time)
    with pytest.raises(ReplayError, match="got UpdateAnswered"):
        Replayer(log).check(new)


def test_an_update_survives_between_acceptance_and_answer() -> None:
    """The process dies while the handler works; asking again gets the one answer."""
    counted = Counted()
    work = counted.activity("work")

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        async def slow(x: int) -> Any:
            first = await ctx.run(work, x)
            await asyncio.sleep(60)
            return first

        ctx.on_update("slow", slow)
        await ctx.wait_signal("never")

    world = World()
    with world.process(node) as rt:
        run = rt.start(node, execution_id="n")
        with pytest.raises(TimeoutError, match="it may still be done"):
            run.ask("slow", 7, key="k", timeout=10)
    with world.process(node) as rt:
        assert rt.ask("n", "slow", 7, key="k") == 7
        assert rt.ask("n", "slow", 8, key="k") == 7
    assert counted.calls == {"work": 1}


def test_a_passivated_execution_is_woken() -> None:
    """It costs nothing while nobody asks, and answers when somebody does."""
    world = World()
    with world.process(account, max_resting=0) as rt:
        run = rt.start(account, execution_id="a")
        assert run.ask("add", 1) == 2
    with world.process(account) as rt:
        assert rt.get("a").wait().suspension.updates == ("add", "close")  # type: ignore[union-attr]
        assert rt.ask("a", "add", 2) == 6


def test_a_caller_who_waits_keeps_the_execution_in_memory() -> None:
    """It does not rest while somebody here waits for a handler that sleeps."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        async def slow(x: int) -> int:
            await asyncio.sleep(1_000)
            return x

        ctx.on_update("slow", slow)
        await ctx.wait_signal("never")

    with runtime(node) as rt:
        assert rt.start(node).ask("slow", 1, timeout=None) == 1


def test_asking_what_nobody_answers_is_an_error() -> None:
    """It names what there is, and asks nothing of the log."""

    @af.activity
    def work() -> int:
        return 1

    flow = af.Flow("plain").wait_signal("go").then(work).build()
    with runtime(account, flow) as rt:
        run = rt.start(account)
        with pytest.raises(af.HandlerNotFoundError, match="'add', 'close'"):
            run.ask("remove", 1)
        with pytest.raises(af.HandlerNotFoundError, match="there are: none"):
            rt.start(flow).ask("add", 1)
        with pytest.raises(af.ExecutionNotFoundError):
            rt.ask("nobody", "add")
        run.ask("close")
        run.result()
        with pytest.raises(af.ExecutionEndedError):
            run.ask("add", 1)


def test_a_node_that_ends_while_it_answers_tells_the_caller() -> None:
    """Nobody waits for what will not come."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        async def slow(_: Any) -> None:
            await asyncio.sleep(100)

        ctx.on_update("slow", slow)
        await asyncio.sleep(10)
        raise KeyError("mine")

    @af.dynamic
    async def inner(ctx: af.Context) -> None:
        await node.fn(ctx)

    @af.dynamic
    async def outer(ctx: af.Context) -> None:
        try:
            await ctx.run(inner)
        except af.NodeFailed:
            await ctx.wait_signal("never")

    with runtime(node, outer) as rt:
        with pytest.raises(af.UpdateFailed, match="has ended"):
            rt.start(node).ask("slow")
        run = rt.start(outer)
        for _ in "ab":
            with pytest.raises(af.UpdateFailed, match="has ended"):
                run.ask("slow", key="k")
        with pytest.raises(af.HandlerNotFoundError):
            run.ask("slow")


def test_a_returning_node_answers_what_it_has_accepted() -> None:
    """An accepted update is done, even by a node that is about to end."""

    @af.dynamic
    async def node(ctx: af.Context) -> str:
        async def slow(x: int) -> int:
            await asyncio.sleep(100)
            return x

        ctx.on_update("slow", slow)
        await asyncio.sleep(10)
        return "done"

    with runtime(node) as rt:
        run = rt.start(node)
        assert run.ask("slow", 3, timeout=None) == 3
        assert run.result() == "done"


def test_a_paused_execution_takes_no_updates() -> None:
    """The caller waits for the resume; nothing is lost, and nothing done before."""
    with runtime(account) as rt:
        run = rt.start(account)
        run.wait()
        rt.pause(run.id)
        with pytest.raises(TimeoutError):
            run.ask("add", 1, timeout=10)
        rt.resume(run.id)
        assert run.ask("add", 1) == 2


def test_asking_right_after_the_start_waits_for_the_node() -> None:
    """A node that has not come so far yet is not one that has no handler."""
    flow = af.Flow("later").then(double, input={"x": 1}).then(account).build()
    with runtime(account, flow) as rt:
        assert rt.start(account).ask("add", 1) == 2
        run = rt.start(flow)
        run.wait()
        assert run.ask("add", 1) == 2


def test_values_come_as_annotated() -> None:
    """Both ways: the handler's parameter, and what its answer says of itself."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        def more(amount: Decimal) -> Decimal:
            return amount + 1

        ctx.on_update("more", more)
        await ctx.wait_signal("never")

    with runtime(node) as rt:
        assert rt.start(node).ask("more", "1.50") == Decimal("2.50")


def test_whoever_waited_longest_is_given_the_update() -> None:
    """Several nodes may take the same updates; each update goes to one."""

    @af.dynamic
    async def worker(ctx: af.Context, name: str) -> str:
        done = asyncio.Event()

        def work(_: Any) -> str:
            done.set()
            return name

        ctx.on_update("work", work)
        await done.wait()
        return name

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        return await ctx.map(worker, ["a", "b", "c"])

    with runtime(node) as rt:
        run = rt.start(node)
        run.wait()
        assert sorted(run.ask("work") for _ in "abc") == ["a", "b", "c"]
        assert run.result() == ["a", "b", "c"]


def test_a_validator_only_looks() -> None:
    """What it tries to change is refused, and so is the update."""

    @af.dynamic
    async def node(ctx: af.Context) -> None:
        ctx.on_update("x", print, lambda _: ctx.run(double, 1))
        ctx.on_update("y", print, lambda _: ctx.uuid4())
        await ctx.wait_signal("never")

    with runtime(node) as rt:
        run = rt.start(node)
        for name in "xy":
            with pytest.raises(af.UpdateRejected, match="only look"):
                run.ask(name)


def test_a_new_attempt_does_not_owe_the_answers_of_the_old_one() -> None:
    """The attempt fails, and what it had accepted with it; the next takes others."""

    @af.dynamic(retry=af.Retry(max_attempts=2, initial=1))
    async def node(ctx: af.Context) -> str:
        async def slow(x: int) -> int:
            await asyncio.sleep(100)
            return x

        ctx.on_update("slow", slow)
        if await ctx.wait_signal("go") == "fail":
            raise ConnectionError("lost")
        return "done"

    world = World()
    with world.process(node) as rt:
        run = rt.start(node, execution_id="n")
        with pytest.raises(TimeoutError):
            run.ask("slow", 1, key="k", timeout=1)
        run.signal("go", "fail")
        with pytest.raises(af.UpdateFailed, match="lost"):
            run.ask("slow", 1, key="k")
        assert run.ask("slow", 2, timeout=None) == 2
        run.signal("go", "end")
        assert run.result() == "done"
    log = MemoryLog(store=world.store, clock=world.clock.time)
    assert Replayer(log).check(node) == 1


class TestOtherProcesses:
    """Updates from a process that does not run the execution come by the inbox."""

    def test_the_answer_comes_out_of_the_log(self, tmp_path: Path) -> None:
        """Accepted, refused, failed, or not there: the caller learns which."""

        @af.dynamic
        async def node(ctx: af.Context) -> None:
            ctx.on_update("twice", lambda x: ctx.run(double, x), _must_be_positive)
            ctx.on_update("bad", lambda _: 1 / 0)
            await ctx.wait_signal("go")

        path = tmp_path / "log.db"
        with af.Runtime(path, [node]) as owner, af.Runtime(path, [node]) as other:
            owner.start(node, execution_id="n").wait(timeout=20)
            assert other.ask("n", "twice", 4, timeout=20) == 8
            assert other.ask("n", "twice", 4, key="k", timeout=20) == 8
            assert other.ask("n", "twice", 5, key="k", timeout=20) == 8
            assert owner.ask("n", "twice", 5, key="k", timeout=20) == 8
            with pytest.raises(af.UpdateRejected, match="amount must be positive"):
                other.ask("n", "twice", -1, timeout=20)
            with pytest.raises(af.UpdateFailed, match="division by zero"):
                other.ask("n", "bad", timeout=20)
            with pytest.raises(af.UpdateRejected, match="answers the update 'nothing'"):
                other.ask("n", "nothing", timeout=20)
            with pytest.raises(af.OwnedError):
                other.query("n", "anything")
            other.signal("n", "go")
            assert owner.get("n").result(timeout=20) is None
            with pytest.raises(af.ExecutionEndedError):
                other.ask("n", "twice", 1, timeout=20)

    def test_a_process_that_knows_no_definition_can_ask(self, tmp_path: Path) -> None:
        """It leaves the update to one that does, and reads the answer."""
        path = tmp_path / "log.db"
        with af.Runtime(path, [account]) as owner, af.Runtime(path) as other:
            owner.start(account, execution_id="a").wait(timeout=20)
            assert other.ask("a", "add", 1, timeout=20) == 2

    def test_nobody_answers_in_time(self, tmp_path: Path) -> None:
        """The update stays, and is done by whoever opens the log next."""
        path = tmp_path / "log.db"
        with af.Runtime(path, [account]) as owner:
            owner.start(account, execution_id="a").wait(timeout=20)
        with af.Runtime(path) as other, pytest.raises(TimeoutError):
            other.ask("a", "add", 1, key="k", timeout=0.01)
        with af.Runtime(path, [account]) as owner:
            assert owner.ask("a", "add", 1, key="k", timeout=20) == 2
            assert owner.ask("a", "close", timeout=20) == 2


def test_a_dying_process_answers_nobody() -> None:
    """What is not durable is not told: the caller dies with its process."""
    world = World()
    with world.dying(account, at=3) as rt:
        run = rt.start(account, execution_id="a")
        with pytest.raises(Crash):
            run.ask("add", 1)
    with world.process(account) as rt:
        assert rt.ask("a", "close") % 2 == 0


@ACCOUNTS
def test_updates_survive_whatever_goes_wrong(node: Any) -> None:
    """Takeovers, failing writes, lost and doubled results: answers come."""
    updates = {"add": [1, -1, 2], "close": None}
    report = Simulation(node, updates=updates).survive(15)
    assert report.end.replies["close-0"] == 6
