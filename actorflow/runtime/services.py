"""What every execution of a runtime shares: codec, clock, writer, executors, limits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

from attrs import define, field

from actorflow.actors.clock import Clock
from actorflow.actors.system import ActorSystem
from actorflow.actors.timers import Timers
from actorflow.actors.writer import LogWriter
from actorflow.log.codec import Codec
from actorflow.model.definition import Activity, as_activity
from actorflow.runtime.bells import Bells
from actorflow.runtime.binding import BoundActivity
from actorflow.runtime.collector import Collector
from actorflow.runtime.executors import (
    AsyncExecutor,
    Executor,
    InlineExecutor,
    Job,
    ProcessExecutor,
    ThreadExecutor,
)
from actorflow.runtime.expressions import Expressions


class Executors:
    """Sends every job to the executor its activity asks for."""

    def __init__(self, by_name: dict[str, Executor]) -> None:
        self._by_name = by_name

    @classmethod
    def real(cls, threads: int, processes: int | None = None) -> Executors:
        """Return executors that run things at the same time."""
        return cls(
            {
                "thread": ThreadExecutor(threads),
                "process": ProcessExecutor(processes or threads),
                "async": AsyncExecutor(),
                "inline": InlineExecutor(),
            }
        )

    @classmethod
    def inline(cls) -> Executors:
        """Return executors that run everything at once, on the caller's thread."""
        here = InlineExecutor()
        return cls(dict.fromkeys(("thread", "process", "async", "inline"), here))

    def submit(self, job: Job) -> None:
        """See to it that *job* runs."""
        self._by_name[job.bound.runs_on].submit(job)

    def abandon(self, job: Job) -> None:
        """Nobody waits for *job* any more; what comes of it is logged and dropped."""
        job.abandoned = True
        self._by_name[job.bound.runs_on].abandon(job)

    def close(self) -> None:
        """Start nothing further."""
        for executor in self._by_name.values():
            executor.close()


class RateLimits:
    """Sliding windows by name: an attempt begins when fewer than so many did lately."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun: dict[str, deque[float]] = {}

    def delay(self, activity: Activity[..., Any]) -> float:
        """Return the seconds an attempt must wait; 0 charges it and lets it begin."""
        limit = activity.rate_limit
        if limit is None:
            return 0.0
        now = self._clock.monotonic()
        begun = self._begun.setdefault(limit.name or activity.name, deque())
        while begun and begun[0] <= now - limit.per:
            begun.popleft()
        if len(begun) < limit.count:
            begun.append(now)
            return 0.0
        return max(1e-6, begun[0] + limit.per - now)


class Activities:
    """Activities, each bound once; by name where a graph names them."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._by_name: dict[str, BoundActivity] = {}
        self._by_node: dict[Any, BoundActivity] = {}
        self._ambiguous: set[str] = set()

    def add(self, node: Any) -> BoundActivity:
        """Make a node known: itself, and by its name."""
        activity = as_activity(node)
        bound = self._by_node.get(node) or self._bind(activity)
        self._by_node[node] = bound
        known = self._by_name.setdefault(activity.name, bound)
        if known.activity.fn is not activity.fn:
            self._ambiguous.add(activity.name)
        return bound

    def problem(self, name: str) -> str | None:
        """Return why nothing, or not one thing, has that name."""
        if name in self._ambiguous:
            return f"several activities are named {name!r}; name one with `name=`"
        if name not in self._by_name:
            return f"activity {name!r} is not known; pass it in `activities=`"
        return None

    def bound(self, node: Any) -> BoundActivity:
        """Return the bound activity that a step names, or is given."""
        if isinstance(node, str):
            return self._by_name[node]
        return self._by_node.get(node) or self.add(node)

    def _bind(self, activity: Activity[..., Any]) -> BoundActivity:
        self._codec.trust(activity.fn.__module__)
        bound = BoundActivity(activity, self._codec)
        for hint in bound.signature.hints.values():
            self._codec.learn(hint)
        return bound


@define(eq=False)
class Services:
    """Everything an execution's actors reach outside themselves.

    Attributes:
        changed: called with a run and its status when a change of that is durable.
        crashed: called with a run and an exception that no actor may raise.
        publish: called with an execution's id and its events when they are durable.
        random: the one source of chance (jitter).
        owner: the id under which this process owns streams.
        closing: the runtime is about to end; nothing further is begun.
    """

    system: ActorSystem
    writer: LogWriter
    collector: Collector
    codec: Codec
    activities: Activities
    executors: Executors
    owner: str
    changed: Callable[[Any, str], None]
    crashed: Callable[[Any, Exception], None]
    publish: Callable[[str, Any], None] | None = None
    bells: Bells = field(factory=Bells)
    closing: bool = False
    random: Random = field(factory=Random)
    expressions: Expressions = field(init=False)
    limits: RateLimits = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.expressions = Expressions(self.codec)
        self.limits = RateLimits(self.clock)

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
