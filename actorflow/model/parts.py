"""What the state of an execution is made of: branches, activations, and their parts.

A part *owes* when its actor can do something without anything from outside; it is
*busy* when it, or anything below it, owes.
"""

from __future__ import annotations

from collections import deque

from attrs import define, field

from actorflow.model import events as ev
from actorflow.model.events import Data, Failure

WINDOW = 1024
"""How many items of a map are active at once when the definition sets no limit."""


@define
class Pause:
    """Who stopped a branch or an execution, and since when."""

    reason: str | None
    since: float
    by_parent: bool = False


@define
class Wait:
    """Something pending from outside.

    Attributes:
        ordinal: which wait of its activation this is, from 0.
        kind: ``signal``, ``time``, ``pause``, ``question``, ``update`` or ``child``.
        topic: the signal's, the name of the update, the question's id, or the child's.
        schema: what an answer must look like.
        since: when it began, seconds since the epoch.
    """

    ordinal: int
    kind: str
    topic: str | None
    reason: str | None
    since: float
    schema: Data = None


@define
class Answer:
    """How a wait ended: with a payload, or because its time was over; and when."""

    payload: Data
    timed_out: bool
    at: float = 0.0


@define
class Update:
    """An update that was accepted, and what came of it.

    Attributes:
        node: address of the node that accepted it.
        keyed: the key is the caller's, who may ask again; so the answer is kept.
    """

    node: str
    keyed: bool
    answered: bool = False
    result: Data = None
    error: Failure | None = None


@define
class Compensation:
    """How to undo one completed activation.

    Attributes:
        undo: the name of the node that does it.
        inputs, variables: the state as it was when the activation had completed.
        result: what it had returned.
        child: the execution that is to undo what it has completed itself.
    """

    address: str
    undo: str
    inputs: dict[str, Data]
    variables: dict[str, Data]
    result: Data
    child: str | None = None


@define
class Part:
    """A node of the tree.

    Attributes:
        parent: the part this one lies in; None for the execution.
        owes: whether its actor can do something now.
        busy_children: how many of its children are busy.
    """

    address: str
    parent: Part | None = field(default=None, repr=False, eq=False)
    owes: bool = False
    busy_children: int = 0

    @property
    def busy(self) -> bool:
        """Whether anything in it owes."""
        return self.owes or self.busy_children > 0


@define
class Scope:
    """A graph being walked: the execution's own, or that of a flow inside it.

    Attributes:
        inputs: what expressions see as ``inputs``.
        variables: what its first branch begins with.
        branches: addresses of its branches, by name.
        active: addresses of those that go on.
        ended: names of those that have completed and not forked.
        joining: addresses of joins that wait for branches.
        joined: for every join step that has gone on: the branch that did, and when
            (seq).
        failing: the failure that ends it as soon as nothing in it is busy.
    """

    inputs: dict[str, Data]
    variables: dict[str, Data]
    branches: dict[str, str] = field(factory=dict)
    active: dict[str, None] = field(factory=dict)
    ended: dict[str, None] = field(factory=dict)
    joining: dict[str, None] = field(factory=dict)
    joined: dict[str, tuple[str, int]] = field(factory=dict)
    failing: Failure | None = None


@define
class Fan:
    """The items of a map, or the arms of a parallel: done, active, still to start.

    Attributes:
        items: what each is given.
        names: of arms; None for items, which have numbers.
        bodies: (kind, node, undo) of each arm, or the one of all items.
        redo: those to be started again before new ones.
        bare: when they were entered, of active items that are not kept as activations:
            nothing is known of them but that, and there may be very many.
        source: where items come from that are not all known yet: ``iterator`` or
            ``pages``; None if they were known at once.
        open: whether there may be more of them.
        cursor: where to go on, of pages; of the last, what it gave.
        broken: why no more could be found.
    """

    items: list[Data]
    names: list[str] | None
    bodies: list[tuple[str, str, str | None]]
    limit: int | None
    on_error: str
    results: list[Data]
    next: int = 0
    live: int = 0
    failures: dict[int, Failure] = field(factory=dict)
    redo: deque[int] = field(factory=deque)
    bare: dict[int, float] = field(factory=dict)
    source: str | None = None
    open: bool = False
    cursor: Data = None
    broken: Failure | None = None

    def body(self, index: int) -> tuple[str, str, str | None]:
        """Return (kind, node, undo) of an item."""
        return self.bodies[0 if self.names is None else index]

    def key(self, index: int) -> str:
        """Return what stands between the brackets of an item's address."""
        return str(index) if self.names is None else self.names[index]

    def address(self, parent: str, index: int) -> str:
        """Return the address of an item; *parent* is that of the map or parallel."""
        return f"{parent}[{self.key(index)}]"

    def index(self, key: str) -> int:
        """Return the index of an item, from what stands between the brackets."""
        return int(key) if self.names is None else self.names.index(key)

    @property
    def startable(self) -> bool:
        """Whether there are items that should still be started some time."""
        if self.stopped:
            return False
        return bool(self.redo) or self.next < len(self.items)

    @property
    def stopped(self) -> bool:
        """Whether nothing further is begun, because something has failed."""
        return self.broken is not None or (
            self.on_error == "fail_fast" and bool(self.failures)
        )

    @property
    def hungry(self) -> bool:
        """Whether the next thing to do is to look for more items."""
        return self.open and not self.stopped and not self.startable

    @property
    def failed_fast(self) -> bool:
        """Whether what is still active should be left."""
        return self.on_error == "fail_fast" and bool(self.failures) and self.live > 0

    @property
    def finished(self) -> bool:
        """Whether no item is active and none will be started."""
        return self.live == 0 and not self.startable and not self.hungry


@define
class ChildLink:
    """What an activation knows of the execution it stands for.

    Attributes:
        execution: its id, once it is there.
        attached: its parent's end is its end.
        end: the last of its ends that was taken in.
    """

    execution: str | None = None
    attached: bool = True
    end: ev.ChildEnded | None = None


@define
class Result:
    """What became of the child of a loop or a route."""

    value: Data = None


@define(eq=False)
class Called:
    """A call that a dynamic node has made: what it ran, and what became of it.

    Attributes:
        node: what it ran, with *input*, so that a replay can be compared.
        seq: of the event that recorded the call.
        index: its place among the calls that have ended; None before.
        time: when it ended, seconds since the epoch.
        left: seq of the event by which the node left it, as its outcome no longer
            mattered.
        taken: of a failure: seq of the event by which the node took it in, and how
            many values it had yielded by then.
        loose: it may not be made again, because a failure before it was undone.
    """

    address: str
    kind: str
    node: str
    input: Data
    seq: int
    value: Data = None
    error: Failure | None = None
    index: int | None = None
    time: float = 0.0
    left: int | None = None
    taken: tuple[int, int] | None = None
    loose: bool = False


@define
class Past:
    """What is left of what a dynamic node did before: earlier attempts, earlier runs.

    Attributes:
        generation: how often it has begun anew, counted from 1.
        kept: what people have told its earlier attempts, and signals that these have
            not learned of.
        undone: numbers of calls that a retry has let it make anew.
    """

    generation: int = 1
    kept: list[Called] = field(factory=list)
    undone: set[str] = field(factory=set)


@define
class Branch(Part):
    """One line of control, with its own variables.

    Attributes:
        name: unique in its scope; its address, in the execution's own.
        status: ``active``, ``completed`` or ``failed``.
        step: the step it is in, or was in last.
        target: the step it will enter next, once that is decided.
        current: the address of the activation it is in.
        forked: whether other branches went on where it ended.
        since: seq of the event that started it.
    """

    name: str = ""
    variables: dict[str, Data] = field(factory=dict)
    target: str | None = None
    status: str = "active"
    step: str | None = None
    current: str | None = None
    visits: dict[str, int] = field(factory=dict)
    error: Failure | None = None
    forked: bool = False
    since: int = 0

    @property
    def owner(self) -> str:
        """The address of the flow that it belongs to; ``""``, the execution."""
        assert self.parent is not None
        return self.parent.address


@define
class Activation(Part):
    """One entry into a node.

    Attributes:
        visit: the how-manieth entry under this address, from 1.
        phase: ``running``, ``interrupted`` (its process died), ``backoff`` (until the
            next try), ``waiting``, ``ended`` (a child; what follows is still to be
            decided), ``joining``, ``queued`` (to be run again by its
            map), or ``failed``.
        attempt: the try that is to be made, or is being made, from 1.
        until: when backoff or wait end by themselves.
        frozen: since when a pause has stopped that clock.
        fan: of a map or a parallel.
        scope: of a flow, once it has begun.
        open: how many children run, of a loop, a route or a dynamic node.
        child: the address of the latest, of a loop or a route.
        count: how many iterations a loop has begun.
        results: of its children that have ended, by address; a loop keeps the last.
        calls: those that a dynamic node has made, by `call_number`.
        ended: those of them that have ended, in the order of the log.
        branch: what it was set apart under, itself.
        seen: how many of these the node is known to have taken in.
        past: what is left of earlier attempts and runs of a dynamic node, if anything.
        records: activity history.
        answers: ended waits, by ordinal.
        heartbeat: what its latest heartbeat told.
        emitted: how many values it has yielded upward.
        interruptions: how often a process died while it ran.
        link: of a child: what it knows of the execution it stands for.
    """

    kind: str = "activity"
    node: str = ""
    step: str | None = None
    input: Data = None
    store: str | None = None
    undo: str | None = None
    visit: int = 1
    phase: str = "running"
    attempt: int = 1
    until: float | None = None
    frozen: float | None = None
    wait: Wait | None = None
    error: Failure | None = None
    fan: Fan | None = None
    scope: Scope | None = None
    open: int = 0
    child: str | None = None
    count: int = 0
    results: dict[str, Result] | None = None
    calls: dict[str, Called] | None = None
    ended: list[Called] | None = None
    seen: int = 0
    past: Past | None = None
    emitted: int = 0
    branch: str | None = None
    started_at: float = 0.0
    interruptions: int = 0
    records: dict[str, Data] | None = None
    answers: dict[int, Answer] | None = None
    link: ChildLink | None = None
    heartbeat: Data = None

    @property
    def generation(self) -> int:
        """How often a dynamic node has begun anew, counted from 1."""
        return 1 if self.past is None else self.past.generation

    def make_past(self) -> Past:
        """Return `past`, to add to it."""
        if self.past is None:
            self.past = Past()
        return self.past

    @property
    def in_flight(self) -> bool:
        """Whether the child execution may be at work, or about to be."""
        return self.phase in ("running", "waiting")

    @property
    def is_told(self) -> bool:
        """Whether a wait was given something, which will not be given to others."""
        if self.wait is not None or self.kind not in ("wait_signal", "ask", "update"):
            return False
        answer = (self.answers or {}).get(self.attempt - 1)
        return answer is not None and not answer.timed_out

    @property
    def room(self) -> int:
        """How many more items may be active now, if this is a map or a parallel.

        An item that only waits for the outside uses nothing, so it makes room, except
        where one after the other was asked for.
        """
        fan = self.fan
        assert fan is not None
        if fan.limit == 1:
            return 1 - fan.live
        return (fan.limit or WINDOW) - self.busy_children


def branch_of(part: Part | None) -> str:
    """Return what *part* was set apart under: the nearest name, or ``""``."""
    while part is not None:
        if isinstance(part, Activation) and part.branch is not None:
            return part.branch
        part = part.parent
    return ""


def new_item(parent: Activation, fan: Fan, index: int, entered: float) -> Activation:
    """Return an item of a map or an arm of a parallel as it is at first."""
    kind, node, undo = fan.body(index)
    return Activation(
        fan.address(parent.address, index),
        parent,
        owes=True,
        kind=kind,
        node=node,
        undo=undo,
        visit=parent.visit,
        started_at=entered,
    )
