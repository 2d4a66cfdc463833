"""A log with something of everything in it, and the questions it can be asked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import actorflow as af
from actorflow.actors.clock import VirtualClock
from actorflow.errors import ActorflowError
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing import runtime

LARGE = 400
"""Characters of JSON after which a value is kept beside the log."""


@af.activity
def greet(name: str) -> str:
    """Return a greeting."""
    return f"Hello, {name}"


@af.activity
def copies(name: str) -> str:
    """Return a lot."""
    return name * 2 * LARGE


@af.activity(retry=af.Retry(max_attempts=3, initial=60, jitter=0))
def second_time(ctx: af.ActivityContext, name: str) -> str:
    """Fail once."""
    if ctx.attempt == 1:
        raise ConnectionError("not yet")
    return name


@af.activity
def refuse(name: str) -> str:
    """Fail."""
    raise ValueError(f"not {name}")


@af.dynamic
async def counting(ctx: af.Context, n: int) -> int:
    """Count in many runs."""
    for _ in range(20):
        n = await ctx.run(increment, n)
    if n < 120:
        ctx.continue_as_new(n)
    await ctx.wait_signal("go")
    return n


@af.activity
def increment(n: int) -> int:
    """Return the next number."""
    return n + 1


greeting = af.Flow("greeting", inputs=["name"]).then(greet).output("greet").build()
large = af.Flow("large", inputs=["name"]).then(copies).output("copies").build()
failing = af.Flow("failing", inputs=["name"]).then(refuse).build()
retrying = (
    af.Flow("retrying", inputs=["name"]).then(second_time, into="r").output("r").build()
)
waiting = (
    af.Flow("waiting", inputs=["name"])
    .sleep(60)
    .wait_signal("go", into="went")
    .then(greet)
    .output("greet")
    .build()
)
asking = (
    af.Flow("asking", inputs=["name"]).gate("sure").then(greet).output("greet").build()
)
parent = (
    af.Flow("parent", inputs=["name"])
    .child(waiting, input={"name": "${name}"}, into="said")
    .output("said")
    .build()
)
FLOWS = [greeting, large, failing, retrying, waiting, asking, parent, counting]


@af.event
class Put:
    """Something was put into the box."""

    what: str


class Box(af.EventSourcedActor):
    """Has what was put into it."""

    snapshot_every = 3

    def __init__(self) -> None:
        super().__init__()
        self.all: list[str] = []

    def apply(self, event: Put) -> None:
        """Have one more."""
        self.all.append(event.what)

    def to_snapshot(self) -> Any:
        """Return what it has."""
        return self.all

    def from_snapshot(self, snapshot: Any) -> None:
        """Have it again."""
        self.all = list(snapshot)

    def put(self, what: str) -> list[str]:
        """Put something in."""
        self.persist(Put(what))
        return self.all


def build(path: Path, clock: VirtualClock) -> None:
    """Make a log at *path*; its last process is killed, with everything in flight."""
    with runtime(
        *FLOWS,
        log=SQLiteLog(
            path, clock=clock.time, owner_label="first", durability="process"
        ),
        clock=clock,
        claim_check_over=LARGE,
    ) as rt:
        for n, flow in enumerate((greeting, large, failing)):
            rt.start(flow, name=flow.name, execution_id=f"ended {n}")
        rt.subscribe("reader", lambda *_: None, start="beginning").catch_up()
        for n in range(5):
            rt.actor(Box, "box").proxy().put(f"thing {n}").get()
        rt.schedules.add(
            af.Schedule("daily", "greeting", cron="0 4 * * *", inputs={"name": "s"})
        )
        rt.clock.advance(1)
    log = SQLiteLog(path, clock=clock.time, owner_label="second")
    with runtime(*FLOWS, log=log, clock=clock) as rt:
        for n in range(3):
            attributes = {"customer": f"c-{n}", "size": n, "urgent": bool(n)}
            rt.start(
                waiting, name="w", execution_id=f"waiting {n}", attributes=attributes
            )
        rt.start(retrying, name="r", execution_id="retrying")
        rt.start(asking, name="a", execution_id="asking")
        rt.start(parent, name="p", execution_id="parent")
        rt.start(counting, 0, execution_id="counting").wait()
        rt.start(waiting, name="halted", execution_id="paused")
        rt.pause("paused", reason="lunch")
        rt.submit(
            greeting, name="queued", execution_id="queued", priority=3, tags=["gpu"]
        )
        with closing(SQLiteLog(path, clock=clock.time)) as other:
            for n in range(3):
                data = {"topic": "go", "payload": n}
                other.post("execution", f"waiting {n}", "signal", data, key=f"k-{n}")
        log.abandon()


Question = Callable[[SQLiteLog], Any]


def questions(path: Path) -> dict[str, Question]:
    """Return what can be asked of the log that `build` has made, by name."""
    with SQLiteLog(path, read_only=True) as log:
        streams = [
            (kind, row.name)
            for kind in ("execution", "actor", "schedule", "subscriber")
            for row in log.rows(kind)
        ]
    asked: dict[str, Question] = {
        "inbox": lambda log: [(r.name, r.command, r.data, r.key) for r in log.inbox()],
        "follow": lambda log: log.follow("execution"),
        "end": lambda log: log.end(),
        "rows in a status": lambda log: log.count("execution", status="suspended"),
        "rows of a type": lambda log: _names(log, type="waiting"),
        "rows of a parent": lambda log: _names(log, parent="parent"),
        "rows with attributes": lambda log: _names(
            log, where={"customer": "c-1", "size": 1}
        ),
    }
    for kind, name in streams:
        asked[f"row {kind} {name}"] = _row(kind, name)
        asked[f"events {kind} {name}"] = _events(kind, name)
        asked[f"snapshot {kind} {name}"] = _snapshot(kind, name)
    return asked


def _names(log: SQLiteLog, **filters: Any) -> list[str]:
    return [row.name for row in log.rows("execution", **filters)]


def _row(kind: str, name: str) -> Question:
    return lambda log: log.find(kind, name)


def _events(kind: str, name: str) -> Question:
    def ask(log: SQLiteLog) -> Any:
        row = log.find(kind, name)
        return None if row is None else [*log.read(row.id)]

    return ask


def _snapshot(kind: str, name: str) -> Question:
    def ask(log: SQLiteLog) -> Any:
        row = log.find(kind, name)
        return None if row is None else log.snapshot(row.id)

    return ask


def answers(path: Path, now: float, asked: dict[str, Question]) -> dict[str, Any]:
    """Return what the log says to every question; an error is an answer, too."""
    said: dict[str, Any] = {}
    try:
        with SQLiteLog(path, read_only=True, clock=lambda: now) as log:
            for name, question in asked.items():
                try:
                    said[name] = question(log)
                except ActorflowError as error:
                    said[name] = error
    except ActorflowError as error:
        return dict.fromkeys(asked, error) | said
    return said


def go_on(path: Path, now: float) -> dict[str, Any]:
    """Let everything go on to its end; return what came of it, by execution."""
    ends: dict[str, Any] = {}
    clock = VirtualClock(now)
    try:
        log = SQLiteLog(path, clock=clock.time, durability="process")
        with runtime(
            *FLOWS, log=log, clock=clock, worker=af.Worker(tags={"gpu"})
        ) as rt:
            clock.advance(1)
            _steer(rt)
            for row in rt.list():
                ends[row.id] = _end(rt, row.id)
    except (ActorflowError, TimeoutError) as error:
        ends.setdefault("", error)
    return ends


def _steer(rt: af.Runtime) -> None:
    for name in ("paused", "parent/main/waiting", "counting", "asking"):
        with suppress(ActorflowError, TimeoutError):
            if name == "paused":
                rt.resume(name)
            if name == "asking":
                for question in rt.questions(name):
                    rt.answer(name, question.id, value=True)
            else:
                rt.signal(name, "go", 7)


def _end(rt: af.Runtime, name: str) -> Any:
    try:
        return rt.get(name).result(timeout=100)
    except af.ExecutionFailed as error:
        return f"failed: {error}"
    except (ActorflowError, TimeoutError) as error:
        return error
