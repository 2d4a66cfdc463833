"""What every execution of a runtime shares: codec, clock, writer, executors, limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from attrs import define, field

from actorflow.actors.clock import Clock
from actorflow.actors.system import ActorSystem
from actorflow.actors.timers import Timers
from actorflow.actors.writer import LogWriter
from actorflow.log.codec import Codec
from actorflow.model.definition import Workflow
from actorflow.runtime.bells import Bells
from actorflow.runtime.binding import BoundActivity
from actorflow.runtime.callee import Callee
from actorflow.runtime.collector import Collector
from actorflow.runtime.evaluation import Evaluation
from actorflow.runtime.executors import Executor, InlineExecutor
from actorflow.runtime.jobs import Job
from actorflow.runtime.limits import Limits
from actorflow.runtime.loopthread import AsyncExecutor
from actorflow.runtime.nodethread import NodeThreads
from actorflow.runtime.processpool import ProcessExecutor
from actorflow.runtime.registry import Activities, Lately
from actorflow.runtime.threadpool import StandIn, ThreadExecutor
from actorflow.runtime.watchdog import Watchdog


class Executors:
    """Sends every job to the executor its activity asks for."""

    def __init__(self, by_name: dict[str, Executor]) -> None:
        self._by_name = by_name

    @classmethod
    def real(
        cls,
        threads: int,
        processes: int | None = None,
        stand_in: StandIn | None = None,
    ) -> Executors:
        """Return executors that run things at the same time."""
        return cls(
            {
                "thread": ThreadExecutor(threads, stand_in),
                "process": ProcessExecutor(processes or threads),
                "async": AsyncExecutor(),
                "inline": InlineExecutor(),
                "node": NodeThreads(),
            }
        )

    @classmethod
    def inline(cls) -> Executors:
        """Return executors that run everything at once, on the caller's thread."""
        here = InlineExecutor()
        by_name = dict.fromkeys(("thread", "process", "async", "inline"), here)
        return cls({**by_name, "node": NodeThreads()})

    def submit(self, job: Job) -> None:
        """See to it that *job* runs."""
        self._executor_of(job).submit(job)

    def abandon(self, *jobs: Job) -> None:
        """Nobody waits for *jobs* any more; what comes of them is dropped."""
        # All of them first: whoever takes the place of one must not begin another.
        for job in jobs:
            job.abandoned = True
        for job in jobs:
            if job.context is not None:
                job.context.cancel()
            self._executor_of(job).abandon(job)

    @property
    def busy(self) -> bool:
        """Whether any activity runs now."""
        return any(executor.busy for executor in self._by_name.values())

    def lose(self, thread: int) -> None:
        """Do without a thread that is stuck while it stands in for the dispatcher."""
        for executor in self._by_name.values():
            if isinstance(executor, ThreadExecutor):
                executor.lose(thread)

    def _executor_of(self, job: Job) -> Executor:
        name = job.bound.runs_on
        if name == "inline" and job.context is not None:
            # What it may ask of its actor would wait for the very thread it runs on.
            name = "thread"
        return self._by_name[name]

    def close(self) -> None:
        """Start nothing further."""
        for executor in self._by_name.values():
            executor.close()


@define(eq=False)
class Services:
    """Everything an execution's actors reach outside themselves.

    Attributes:
        actors: the class of actor for every kind of activation.
        changed: called with a run and its status when a change of that is durable.
        crashed: called with a run and an exception that no actor may raise.
        watchdog: finds nodes that block.
        publish: called with an execution's id and its events when they are durable.
        random: the one source of chance (jitter).
        owner: the id under which this process owns streams.
        max_interruptions: how often a process may die while an activity runs until
            that is given up.
        nudge: lets the schedules look whether what they wait for has happened.
        late: lets users' actors look whether others have taken them.
        holding: no attempt begins any more; what runs may end.
        directory: tells the directory of executions something.
        posted: called when commands for other executions are durable.
        define: makes a definition known to the runtime, and returns its graph.
        fetching: the directory is about to look at the inbox.
        closing: the runtime is about to end; nothing further is begun.
        callees: what is known of nodes that were called lately; see `callee_of`.
    """

    system: ActorSystem
    writer: LogWriter
    collector: Collector
    codec: Codec
    activities: Activities
    executors: Executors
    owner: str
    actors: Mapping[str, type[Any]]
    changed: Callable[[Any, str], None]
    crashed: Callable[[Any, Exception], None]
    directory: Callable[[Any], Any]
    posted: Callable[[], None]
    define: Callable[[Any], Workflow]
    publish: Callable[[str, Any], None] | None = None
    watchdog: Watchdog | None = None
    bells: Bells = field(factory=Bells)
    max_interruptions: int = 5
    nudge: Callable[[], object] = lambda: None
    late: Callable[[], object] = lambda: None
    holding: bool = False
    closing: bool = False
    fetching: bool = False
    random: Random = field(factory=Random)
    expressions: Evaluation = field(init=False)
    limits: Limits = field(init=False)
    callees: Lately[Any, Callee] = field(factory=Lately)

    def __attrs_post_init__(self) -> None:
        self.expressions = Evaluation(self.codec, self.activities)
        self.limits = Limits(self.timers, self.clock.monotonic)

    @property
    def clock(self) -> Clock:
        """Where the time comes from."""
        return self.system.clock

    @property
    def timers(self) -> Timers:
        """The timers of the runtime's dispatcher."""
        return self.system.timers

    def bound(self, node: Any) -> BoundActivity:
        """Return the bound activity that a step names, or is given."""
        return self.activities.bound(node)
