"""Executions in the queue: who takes them, in which order, and how many at once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

import actorflow as af
from actorflow.model.events import ExecutionReleased
from actorflow.model.state import HEAD_START
from actorflow.testing import runtime
from tests.worker.helpers import Site, Stuck


@af.activity
def greet(name: str, times: int = 1) -> str:
    """Say hello."""
    return f"hello {name}" * times


flow = af.Flow("greeting", inputs=["name"]).then(greet).output("greet").build()


@af.activity(retry=af.Retry(max_attempts=2, initial=5.0, jitter=0.0))
def slow(ctx: af.ActivityContext) -> str:
    """Take five seconds."""
    if ctx.attempt == 1:
        raise ConnectionError("later")
    return "done"


asleep = af.Flow("asleep").sleep(60).build()
held = af.Flow("held").then(slow).build()
waits = af.Flow("waits").wait_signal("go", into="go").output("go").build()

WORKFLOW = af.Workflow(
    "strict",
    inputs=[af.Input("count", type="integer"), af.Input("name", default="you")],
    steps=[
        af.Step(
            "greet",
            activity=greet,
            parameters={"name": "${inputs.name}", "times": "${inputs.count}"},
            store="said",
        )
    ],
    outputs=[af.Output("said")],
)


def statuses(rt: af.Runtime) -> dict[str, str]:
    """Return the status of every execution."""
    return {row.id: row.status for row in rt.list()}


def test_a_worker_starts_what_is_submitted() -> None:
    """A runtime that is a worker takes what it has put into the queue itself."""
    with runtime(flow, worker=af.Worker()) as rt:
        run = rt.submit(flow, name="Ada")

        assert run.result() == "hello Ada"
        assert [type(e.event).__name__ for e in run.history()][:2] == [
            "ExecutionQueued",
            "ExecutionStarted",
        ]


def test_nothing_is_taken_without_a_worker() -> None:
    """A runtime that is no worker leaves the queue alone, whatever it knows."""
    with runtime(flow) as rt:
        run = rt.submit(flow, name="Ada")
        rt.clock.advance(3600)

        assert run.status == "queued"


def test_submitting_needs_no_definition(site: Site) -> None:
    """A process without the definition submits; one that has it runs."""
    with site.open() as client:
        client.submit("greeting", name="Ada", execution_id="g-1")
    with site.open(flow, worker=af.Worker()) as rt:
        assert rt.get("g-1").result() == "hello Ada"


def test_a_submission_is_idempotent() -> None:
    """The same id gives the same execution, queued or ended."""
    with runtime(flow, worker=af.Worker()) as rt:
        first = rt.submit(flow, name="Ada", execution_id="g")
        assert rt.submit(flow, name="Bob", execution_id="g").result() == "hello Ada"
        rt.submit(flow, name="Bob", execution_id="g")

        assert len(rt.list()) == 1
        with pytest.raises(af.ExecutionExistsError):
            rt.submit(flow, name="Ada", execution_id=first.id, on_conflict="fail")
        with pytest.raises(af.DefinitionMismatch):
            rt.submit(asleep, execution_id="g")


def test_what_is_submitted_may_have_a_timeout() -> None:
    """It counts from when a worker starts it, and takes the place of its own."""
    with runtime(waits, worker=af.Worker(concurrency=1)) as rt:
        runs = [rt.submit(waits, timeout=t) for t in ("90s", 30, None)]
        rt.clock.advance(60)

        assert [run.status for run in runs] == ["suspended", "failed", "suspended"]
        assert (error := runs[1].wait().error) is not None
        assert error.type == "timeout"
        with pytest.raises(af.SettingError, match="timeout must be positive"):
            rt.submit(waits, timeout=0)


def test_time_in_the_queue_does_not_count(site: Site) -> None:
    """What has waited longer for a worker than it may take is not late."""
    with site.open() as client:
        client.submit("waits", execution_id="w", timeout=30)
        client.clock.advance(3600)
    with site.open(waits, worker=af.Worker()) as rt:
        rt.get("w").wait()
        rt.get("w").signal("go", 1)

        assert rt.get("w").result() == 1


def test_what_is_submitted_may_be_followed(site: Site) -> None:
    """What is to come after its end is given along, as for `start`."""
    followed = af.FollowUp(asleep, on=("completed", "failed"), name="rest")
    with site.open(asleep) as client:
        client.submit("greeting", name="Ada", execution_id="g", on_complete=followed)
        with pytest.raises(af.DefinitionError, match="two named 'rest'"):
            client.submit("greeting", name="Bob", on_complete=[followed, followed])
    with site.open(flow, asleep, worker=af.Worker()) as rt:
        assert rt.get("g").result() == "hello Ada"
        assert statuses(rt) == {"g": "completed", "g/then/rest": "suspended"}


def test_starting_finds_what_is_queued() -> None:
    """`start` under the id of a queued execution gives that execution."""
    with runtime(flow) as rt:
        rt.submit(flow, name="Ada", execution_id="g")
        run = rt.start(flow, name="Bob", execution_id="g")

        assert run.status == "queued"
        assert (
            rt.start(flow, name="Bob", execution_id="g", on_conflict="restart").result()
            == "hello Bob"
        )


def test_priority_goes_first_and_waiting_counts(site: Site) -> None:
    """A higher priority goes first, unless a lower one has waited for long enough."""
    ran: list[str] = []

    @af.activity
    def note(name: str) -> None:
        ran.append(name)

    noted = af.Flow("noted", inputs=["name"]).then(note).build()
    with site.open() as client:
        client.submit("noted", name="old")
        client.clock.advance(HEAD_START + 1)
        for name, priority in (("low", -1), ("normal", 0), ("high", 1), ("top", 2)):
            client.submit("noted", name=name, priority=priority)
            client.clock.advance(1)
    with site.open(noted, worker=af.Worker(concurrency=1)) as rt:
        for row in rt.list():
            rt.get(row.id).result()

    assert ran == ["top", "old", "high", "normal", "low"]


def test_no_more_at_once_than_there_is_room_for(site: Site) -> None:
    """A worker begins the next when one ends; what rests makes room."""
    with site.open() as client:
        for n in range(3):
            client.submit("asleep", execution_id=f"asleep-{n}")
        for n in range(3):
            client.submit("held", execution_id=f"held-{n}")
    with site.open(asleep, held, worker=af.Worker(concurrency=2)) as rt:
        rt.clock.advance(1)
        counted = Counter(row.status for row in rt.list())
        assert counted == {"suspended": 3, "running": 2, "queued": 1}
        rt.clock.advance(5)
        assert Counter(row.status for row in rt.list()) == {
            "suspended": 3,
            "completed": 2,
            "running": 1,
        }


def test_sleepers_wake_as_there_is_room(site: Site) -> None:
    """However many wake at once, no more run than there is room for; all end."""
    naps = af.Flow("naps").sleep(60).then(slow).output("slow").build()
    with site.open() as client:
        for n in range(7):
            client.submit("naps", execution_id=str(n))
    with site.open(naps, worker=af.Worker(), passivate_after=1.0) as rt:
        rt.clock.advance(30)
        assert {row.owner for row in rt.list()} == {None}
    with site.open(naps, worker=af.Worker(concurrency=2)) as rt:
        rt.clock.advance(31)
        assert Counter(row.status for row in rt.list())["running"] == 2
        rt.clock.advance(100)
        assert Counter(row.status for row in rt.list()) == {"completed": 7}


def test_tags_say_where(site: Site) -> None:
    """A tagged execution begins, and wakes, only where all of its tags are."""
    with site.open() as client:
        client.submit("asleep", execution_id="a", tags=["gpu", "eu"])
        client.submit("asleep", execution_id="b")
    with site.open(asleep, worker=af.Worker(tags=["gpu"])) as rt:
        rt.clock.advance(30)
        assert statuses(rt) == {"a": "queued", "b": "suspended"}
    with site.open(asleep, worker=af.Worker(tags=["eu", "gpu"])) as rt:
        rt.clock.advance(31)
        assert statuses(rt) == {"a": "suspended", "b": "completed"}
    with site.open(asleep, worker=af.Worker()) as rt:
        rt.clock.advance(300)
        assert statuses(rt)["a"] == "suspended"
        rt.signal("a", "hello")  # is left for who has the tags
        assert [row.command for row in rt.log.inbox()] == ["signal"]
    with site.open(asleep, worker=af.Worker(tags=["eu", "gpu"])) as rt:
        assert rt.get("a").result() is not None
        assert rt.log.inbox() == []


def test_unknown_definitions_are_passed_by(site: Site) -> None:
    """What nobody here knows is not touched, and holds up nobody."""
    with site.open() as client:
        for n in range(5):
            client.submit("elsewhere", execution_id=f"x{n}", priority=9)
        client.submit("greeting", name="Ada", execution_id="g")
    with site.open(flow, worker=af.Worker(concurrency=1)) as rt:
        assert rt.get("g").result() == "hello Ada"
        assert {rt.row(row.id).epoch for row in rt.list(workflow="elsewhere")} == {1}


def test_defaults_come_from_the_worker(site: Site) -> None:
    """What the caller did not give, the definition gives where it runs."""
    with site.open() as client:
        client.submit("strict", count=2, execution_id="s")
    with site.open(WORKFLOW, worker=af.Worker()) as rt:
        assert rt.get("s").result() == {"said": "hello youhello you"}


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({}, "input 'count' is required"),
        ({"count": "two"}, "input 'count' must be integer"),
        ({"count": 1, "size": 2}, "unknown input 'size'"),
    ],
)
def test_inputs_that_do_not_fit_fail_it(
    site: Site, inputs: dict[str, Any], problem: str
) -> None:
    """Who could not check its inputs finds in the log why it did not start."""
    with site.open() as client:
        client.submit("strict", execution_id="s", **inputs)
    with site.open(WORKFLOW, worker=af.Worker()) as rt:
        with pytest.raises(af.ExecutionFailed, match="strict") as caught:
            rt.get("s").result()

        assert caught.value.error.type == "invalid_input"
        assert problem in caught.value.error.message


def test_inputs_are_checked_at_once_where_that_is_possible() -> None:
    """Who has the definition learns at the call that the inputs do not fit."""
    with runtime(WORKFLOW) as rt:
        with pytest.raises(af.InputError, match="required"):
            rt.submit("strict")
        assert rt.list() == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"priority": "high"}, "priority must be"),
        ({"tags": "gpu"}, "tags must be"),
        ({"tags": [""]}, "tags must be"),
        ({"on_conflict": "restart"}, "on_conflict must be"),
    ],
)
def test_options_without_meaning(options: dict[str, Any], message: str) -> None:
    """An option that has no meaning is refused, by name."""
    with runtime(flow) as rt, pytest.raises(af.SettingError, match=message):
        rt.submit(flow, name="Ada", **options)


def test_inputs_by_position_need_the_definition() -> None:
    """Without the definition nobody knows which input comes first."""
    with runtime() as rt, pytest.raises(af.InputError, match="by name"):
        rt.submit("greeting", "Ada")


@pytest.mark.parametrize("options", [{"concurrency": 0}, {"max_attempts": 0}])
def test_workers_without_meaning(options: dict[str, Any]) -> None:
    """A worker that could do nothing is refused."""
    with pytest.raises(af.SettingError, match="at least 1"):
        af.Worker(**options)


def test_signals_wait_in_the_queue(site: Site) -> None:
    """A signal to a queued execution does not start it, and is there when it starts."""
    with site.open(waits) as rt:
        rt.submit(waits, execution_id="w")
        rt.signal("w", "go", 42, key="k")
        rt.signal("w", "go", 43, key="k")
        rt.clock.advance(1)
        assert statuses(rt) == {"w": "queued"}
    with site.open(waits, worker=af.Worker()) as rt:
        assert rt.get("w").result() == 42


def test_paused_in_the_queue(site: Site) -> None:
    """A queued execution that is paused loses its turn until it is resumed."""
    with site.open(flow) as rt:
        rt.submit(flow, name="Ada", execution_id="g")
        rt.pause("g", reason="budget")
        rt.clock.advance(1)
    with site.open(flow, worker=af.Worker()) as rt:
        rt.clock.advance(100)
        assert statuses(rt) == {"g": "paused"}
        rt.resume("g")
        assert rt.get("g").result() == "hello Ada"


def test_cancelled_in_the_queue() -> None:
    """A queued execution can be cancelled before its turn comes."""
    with runtime(flow) as rt:
        run = rt.submit(flow, name="Ada")
        run.cancel(reason="no longer")

        with pytest.raises(af.ExecutionCancelled):
            run.result()


def test_a_command_does_not_take_the_turn(site: Site) -> None:
    """What was only told something is started by the next worker all the same."""
    with site.open(flow) as rt:
        rt.submit(flow, name="Ada", execution_id="g")
        rt.signal("g", "note")
        rt.clock.advance(1)
        assert [row.owner for row in rt.list()] == [None]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 6))
def test_killed_at_every_write(site: Site, at: int, *, after: bool) -> None:
    """Wherever a worker dies, the next one starts or finishes what it had claimed."""
    with site.open() as client:
        client.submit("greeting", name="Ada", execution_id="g")
    site.crash(flow, at=at, after=after)
    with site.open(flow, worker=af.Worker()) as rt:
        assert rt.get("g").result() == "hello Ada"


def test_an_activity_that_kills_its_process_is_given_up(site: Site) -> None:
    """After so many deaths in one activity it fails for good, and can be retried."""
    deadly = af.Flow("deadly").then(slow).output("slow").build()
    with site.open() as client:
        client.submit("deadly", execution_id="d")
    for _ in range(3):
        with site.open(deadly, worker=af.Worker(max_attempts=3), executors=Stuck) as rt:
            rt.clock.advance(1)
            Site.kill(rt)
    with site.open(deadly, worker=af.Worker(max_attempts=3)) as rt:
        with pytest.raises(af.ExecutionFailed) as caught:
            rt.get("d").result()
        assert caught.value.error.type == "interrupted"
        rt.retry("d")
        assert rt.get("d").result() == "done"


def test_a_drained_worker_is_held_against_nobody(site: Site) -> None:
    """Stopping in good order is no attempt, however often it happens."""
    lasting = af.Flow("lasting").then(slow).output("slow").build()
    with site.open() as client:
        client.submit("lasting", execution_id="s")
    for _ in range(4):
        with site.open(
            lasting, worker=af.Worker(max_attempts=2), executors=Stuck
        ) as rt:
            rt.clock.advance(1)
            rt.drain()
    with site.open(lasting, worker=af.Worker(max_attempts=2)) as rt:
        assert rt.get("s").result() == "done"
        released = [e for e in rt.history("s") if type(e.event) is ExecutionReleased]
        assert len(released) == 4


def test_a_drained_worker_takes_nothing(site: Site) -> None:
    """From the moment it drains, nothing further begins."""
    with site.open(flow, worker=af.Worker()) as rt:
        rt.drain()
        rt.submit(flow, name="Ada", execution_id="g")
        rt.clock.advance(1)
        assert statuses(rt) == {"g": "queued"}
