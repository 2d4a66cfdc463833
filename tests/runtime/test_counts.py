"""What things cost, counted: commits, events, messages, threads.  Never timed."""

from __future__ import annotations

import gc
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.log.codec import Codec
from actorflow.log.memory import MemoryLog
from actorflow.log.port import Write
from actorflow.log.sqlite import SQLiteLog
from actorflow.model import rules
from actorflow.model.events import Recorded
from actorflow.model.rules import View
from actorflow.model.steps import BY_NAME
from actorflow.runtime.expressions import Expressions
from actorflow.runtime.fanout import FanActor
from actorflow.runtime.run import Run, RunActor
from actorflow.testing import runtime


class CountingLog(MemoryLog):
    """Counts writes, and the events that are read."""

    writes = 0
    read_back = 0

    def write(self, batch: Sequence[Write]) -> None:
        """Count, then write."""
        self.writes += 1
        super().write(batch)

    def read(
        self, stream: int, *, after: int = 0, until: int | None = None
    ) -> Iterator[Recorded]:
        """Count what is read."""
        for recorded in super().read(stream, after=after, until=until):
            self.read_back += 1
            yield recorded


@af.activity
def increment(n: int) -> int:
    """Return the next number."""
    return n + 1


def chain(steps: int) -> af.Workflow:
    """Return a graph of *steps* in a row."""
    last = steps - 1
    return af.Workflow(
        f"chain-{steps}",
        state={"n": 0},
        steps=[
            af.Step(
                f"step{number}",
                activity=increment,
                parameters={"n": "${state.n}"},
                store="n",
                next=[af.Edge(f"step{number + 1}")] if number < last else [],
            )
            for number in range(steps)
        ],
        outputs=[af.Output("n")],
    )


FAN_OUT = af.Workflow(
    "fan-out",
    inputs=[af.Input("numbers")],
    steps=[
        af.Step(
            "each", map=af.Map(over="inputs.numbers", activity=increment), store="all"
        )
    ],
    outputs=[af.Output("all")],
)


def cost_of(workflow: af.Workflow, **inputs: Any) -> tuple[int, int]:
    """Return the commits and the events of one execution."""
    log = CountingLog()
    with runtime(workflow, log=log) as rt:
        run = rt.start(workflow, **inputs)
        run.result()
        return log.writes, rt.row(run.id).head


def calls_of(workflow: af.Workflow, **inputs: Any) -> int:
    """Return how many calls of Python functions one execution makes."""
    count = 0

    def note(frame: Any, what: str, argument: Any) -> None:
        nonlocal count
        count += what == "call"

    with runtime(workflow) as rt:
        rt.start(workflow, **inputs).result()  # fills caches
        sys.setprofile(note)
        try:
            rt.start(workflow, **inputs).result()
        finally:
            sys.setprofile(None)
    return count


# -- a chain ---------------------------------------------------------------------------


def test_a_step_is_one_commit() -> None:
    """A step's end and the next one's beginning are written together."""
    few, many = cost_of(chain(10))[0], cost_of(chain(60))[0]

    assert many - few == 50


def test_a_step_is_two_events() -> None:
    """It started, it completed; what decides what is next is not recorded."""
    few, many = cost_of(chain(10))[1], cost_of(chain(60))[1]

    assert many - few == 2 * 50


def test_a_step_is_one_transaction_of_the_file(tmp_path: Path) -> None:
    """Threads and SQLite do not change that: one COMMIT a step, and one to begin."""
    statements: list[str] = []
    log = SQLiteLog(tmp_path / "log.db")
    assert log._writer is not None
    log._writer.connection().set_trace_callback(statements.append)
    with af.Runtime(log, [chain(30)]) as rt:
        rt.start("chain-30").result()
    kinds = [s.split("(")[0] for s in statements]
    writing = [
        before.startswith("INSERT INTO event")
        for before, commit in pairwise(kinds)
        if commit.startswith("COMMIT")
    ]

    assert sum(writing) == 30 + 1


def test_a_step_is_two_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its activity returns, its branch hears of the end, and begins the next."""
    seen = counted(monkeypatch, RunActor, "on_receive")
    cost_of(chain(10))
    few = seen.total()
    seen.clear()
    cost_of(chain(60))

    assert seen.total() - few == 2 * 50


def test_a_step_costs_the_same_however_many_came_before() -> None:
    """The second hundred steps make as many calls as the first."""
    one, two, three = (calls_of(chain(steps)) for steps in (100, 200, 300))

    assert three - two == pytest.approx(two - one, rel=0.02)


def test_a_step_takes_no_more_calls_than_it_did() -> None:
    """Some 260 Python functions, from one activity's call to the next's."""
    some, more = (calls_of(chain(steps)) for steps in (20, 120))

    assert (more - some) / 100 < 275


def test_a_round_leaves_nothing_in_memory(tmp_path: Path) -> None:
    """What is recorded is on disk; a cycle of a year does not grow."""
    blocks: list[int] = []

    def look(n: int) -> int:
        if n in (600, 1600):  # both after a snapshot
            gc.collect()
            blocks.append(sys.getallocatedblocks())
        return n + 1

    again = af.Edge("look", when="state.n < 1601")
    cycle = af.Workflow(
        "cycle",
        state={"n": 0},
        steps=[
            af.Step("look", activity=look, parameters=BY_NAME, store="n", next=[again])
        ],
    )
    with af.Runtime(tmp_path / "log.db", [cycle], durability="process") as rt:
        rt.start(cycle).result()

    before, after = blocks
    assert after - before < 500


class Unlisted(dict[str, Any]):
    """Variables that may be looked up, and not looked through."""

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("somebody looks through all variables")

    keys = values = items = copy = __iter__  # type: ignore[assignment]


@pytest.mark.parametrize(
    "parameters",
    [BY_NAME, {"n": "${state.n}"}, {"n": "${n}"}, lambda state: {"n": state["n"]}],
    ids=["by name", "a path", "a bare name", "a callable"],
)
def test_a_parameter_costs_the_same_however_many_variables_there_are(
    parameters: Any,
) -> None:
    """What a step is given is looked up; the rest of the state is not touched."""
    view = View(Unlisted(), Unlisted(n=1, other=2), {})

    assert Expressions(Codec()).arguments(parameters, ["n"], view) == {"n": 1}


@pytest.mark.parametrize("name", [":memory:", "log.db"])
def test_a_chain_runs_on_one_thread(name: str, tmp_path: Path) -> None:
    """The thread that ran a step sees to what follows, and runs the next step."""
    threads = set()

    def note(n: int) -> int:
        threads.add(threading.current_thread())
        return n

    steps = [
        af.Step(f"{n}", activity=note, parameters={"n": n}, next=[af.Edge(f"{n + 1}")])
        for n in range(20)
    ]
    line = af.Workflow(
        "line", steps=[*steps, af.Step("20", activity=note, parameters={"n": 20})]
    )
    path = name if name == ":memory:" else tmp_path / name
    with af.Runtime(path, [line], threads=8) as rt:
        rt.start(line).result()

    assert len(threads) == 1


def test_jobs_that_wait_for_each_other_get_a_thread_each() -> None:
    """As many run at once as there may be threads."""
    meeting = threading.Barrier(4)

    def meet(n: int) -> int:
        meeting.wait(timeout=20)
        return n

    meetings = af.Workflow(
        "meetings",
        steps=[af.Step("all", map=af.Map(over=[*range(8)], activity=meet), store="n")],
        outputs=[af.Output("n")],
    )
    with af.Runtime(":memory:", [meetings], threads=4) as rt:
        met = rt.start(meetings).result()

    assert met == {"n": [*range(8)]}


# -- a fan-out -------------------------------------------------------------------------


def counted(
    monkeypatch: pytest.MonkeyPatch, owner: type[Any], method: str
) -> Counter[str]:
    """Count the calls of a method, by the class it is called on."""
    original, seen = getattr(owner, method), Counter[str]()

    def counting(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen[type(self).__name__] += 1
        return original(self, *args, **kwargs)

    monkeypatch.setattr(owner, method, counting)
    return seen


def test_an_item_is_one_event() -> None:
    """Items begin by the hundred in one event, and end in one each."""
    events = cost_of(FAN_OUT, numbers=[*range(2_000)])[1]

    assert events <= 2_000 + 20


def test_ten_thousand_items_share_a_few_commits() -> None:
    """What gathers while others are busy is one transaction."""
    writes = cost_of(FAN_OUT, numbers=[*range(10_000)])[0]

    assert writes <= 100


def test_an_item_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """The map hears of every item once, that is all."""
    seen = counted(monkeypatch, FanActor, "handle")
    cost_of(FAN_OUT, numbers=[*range(2_000)])

    assert seen["FanActor"] <= 2_000 + 20


def test_items_that_only_return_have_no_actor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Execution, branch and map are all the actors there are."""
    seen = counted(monkeypatch, Run, "spawn")
    cost_of(FAN_OUT, numbers=[*range(2_000)])

    assert seen["Run"] == 3


def test_an_item_costs_the_same_however_many_there_are() -> None:
    """The third thousand of items makes as many calls as the second."""
    one, two, three = (
        calls_of(FAN_OUT, numbers=[*range(count)]) for count in (1_000, 2_000, 3_000)
    )

    assert three - two == pytest.approx(two - one, rel=0.05)


# -- coming back -----------------------------------------------------------------------


def test_resuming_reads_every_event_once() -> None:
    """Replay is one pass over the stream."""
    waiting = af.Flow("waiting").then(increment, input={"n": 1}).wait_signal("go")
    flow = waiting.build()
    log = CountingLog()
    with runtime(flow, log=log) as rt:
        rt.start(flow, execution_id="w").wait()
        length = rt.row("w").head
    again = CountingLog(store=log.store)
    with runtime(flow, log=again) as rt:
        before = again.read_back
        rt.signal("w", "go")

        assert again.read_back - before == length


@pytest.mark.parametrize("count", [None, 299])
def test_a_branch_costs_a_join_the_same_however_many_it_lists(
    count: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has ended is not looked at again at every end."""
    looked = Counter[str]()
    real = rules._may_come

    def counting(*given: Any) -> bool:
        looked["times"] += 1
        return real(*given)

    monkeypatch.setattr(rules, "_may_come", counting)
    names = [f"b{n}" for n in range(300)]
    split = af.Step(
        "split",
        decide=True,
        next=[
            *(af.Edge(name, branch=name) for name in names),
            af.Edge("join", branch="final"),
        ],
    )
    wf = af.Workflow(
        "w",
        steps=[
            split,
            *(af.Step(n, activity=increment, parameters={"n": 1}) for n in names),
            af.Step("join", join=af.Join(branches=names, count=count)),
        ],
    )
    with runtime(wf) as rt:
        rt.start(wf).result()

    assert looked["times"] < 4 * len(names)


def test_what_is_done_stays_on_disk(tmp_path: Path) -> None:
    """An execution that has ended leaves nothing of its items in memory."""
    count = 2_000
    nap = af.Flow("nap").sleep(3600).build()
    with af.Runtime(tmp_path / "log.db", [FAN_OUT, nap], durability="process") as rt:

        def blocks_after(items: int) -> int:
            rt.start(FAN_OUT, numbers=list(range(items))).result()
            rt.start(nap).wait()  # it has left memory when others have been let in
            gc.collect()
            return sys.getallocatedblocks()

        blocks_after(count)
        before = blocks_after(1)

        assert blocks_after(count) - before < count // 2
