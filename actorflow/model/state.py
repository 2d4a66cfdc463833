"""The state of one execution, as `fold.apply` makes it from events.

It is a tree of parts: the execution, its branches, the activations they are in, and
what those start in turn. What is still owed to the world is a function of this state.
A part *owes* when its actor can do something without anything from outside; it is
*busy* when it, or anything below it, owes. Each part counts its busy children, so the
status of the whole is known without looking at all of it.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator

from attrs import define, field

from actorflow.model import events as ev
from actorflow.model.events import Data, Failure

WINDOW = 1024
"""How many items of a map are active at once when the definition sets no limit."""

ENDED = ("completed", "failed", "cancelled")

HEAD_START = 300.0
"""Seconds of waiting that one level of priority is worth, so that nobody starves."""


def rank_of(queued: ev.ExecutionQueued, at: float) -> float:
    """Return the place in the queue of what was *queued* *at* a time; lowest first.

    It never changes, because everybody's waiting grows alike.
    """
    return at - queued.priority * HEAD_START


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


UNDO = "undo#"
"""Where the addresses of compensating activations begin."""


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
        kept: what people have told its earlier attempts, and signals that these have
            not learned of.
        undone: numbers of calls that a retry has let it make anew.
        generation: how often a dynamic node has begun anew, counted from 1.
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
    kept: list[Called] | None = None
    undone: set[str] | None = None
    generation: int = 1
    emitted: int = 0
    branch: str | None = None
    started_at: float = 0.0
    interruptions: int = 0
    records: dict[str, Data] | None = None
    answers: dict[int, Answer] | None = None
    link: ChildLink | None = None
    progress: ev.ProgressReported | None = None
    heartbeat: Data = None

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


def parent_of(address: str) -> str:
    """Return the address of the branch or activation that *address* lies in."""
    if address[-1] == "]":
        return address[: address.rindex("[")]
    slash = address.rfind("/")
    at = address.find("@", slash + 1)
    return address[: at if at >= 0 else max(slash, 0)]


def rests_alone(activation: Activation) -> bool:
    """Whether a dynamic node waits there for a message, for as long as it takes.

    Nothing has to be done about that until one comes.
    """
    parent = activation.parent
    return (
        activation.kind == "wait_signal"
        and activation.until is None
        and isinstance(parent, Activation)
        and parent.kind == "dynamic"
    )


def branch_of(part: Part | None) -> str:
    """Return what *part* was set apart under: the nearest name, or ``""``."""
    while part is not None:
        if isinstance(part, Activation) and part.branch is not None:
            return part.branch
        part = part.parent
    return ""


def call_number(address: str) -> str:
    """Return which call of its node an address stands for: ``2``, or ``:key``."""
    last = address[address.rindex("/") + 1 :]
    _, mark, number = last.rpartition("#")
    return number if mark else last[last.index(":") :]


def item_key(address: str) -> str:
    """Return the k of ``...[k]``."""
    return address[address.rindex("[") + 1 : -1]


def new_item(parent: Activation, fan: Fan, index: int, entered: float) -> Activation:
    """Return an item of a map or an arm of a parallel as it is at first."""
    kind, node, undo = fan.body(index)
    return Activation(
        f"{parent.address}[{fan.key(index)}]",
        parent,
        owes=True,
        kind=kind,
        node=node,
        undo=undo,
        visit=parent.visit,
        started_at=entered,
    )


@define
class ExecutionState(Part):
    """Everything that is so after the events applied to it.

    Attributes:
        version: seq of the last event.
        queued: what was put into the queue, until it is started.
        rank: its place there.
        tags: what a process must have to run it.
        outcome: how it ended, or None.
        signals: received and not yet consumed, per topic, oldest first: (seq, payload).
        questions: addresses of open questions, by id.
        topics: addresses that wait for a signal, per topic, first come first served.
        listening: addresses that wait for an update, per name, likewise.
        updates: accepted ones by (name, key), but for those answered that nobody can
            ask for again.
        compensations: how to undo what has completed, oldest first.
        compensating: that this is being done, and why.
        stored: seq of the last snapshot of it.
        forks: the counter that names branches.
        pauses: how many steps wait for somebody to unpause.
        part_failed: whether a part that has parts ever failed; if not, none is asked.
        origin: of a child: its parent, as `ExecutionStarted` says.
        starts: how often it was started: a restarted one, more than once.
        hooks: what its caller wants to be started after its end.
        follow_ups: how often what was to follow it, by name.
        timeout: seconds until it has to have ended.
        until: when that is over.
        frozen: since when a pause has stopped that clock.
        children: activations that run an execution of their own, by address.
        child_ends: seqs of the latest ends, in their own streams, of those that did not
            end well.
        orphans: those of them that are not wanted any more; they are to be told.
        calm: maps with items that only wait, and dynamic nodes and failing flows in
            which nothing is busy any more; their actors should look again.
    """

    address: str = ""
    version: int = 0
    workflow: str = ""
    fingerprint: str = ""
    attributes: dict[str, Data] = field(factory=dict)
    started_at: float = 0.0
    finished_at: float | None = None
    queued: ev.ExecutionQueued | None = None
    rank: float | None = None
    tags: tuple[str, ...] = ()
    outcome: str | None = None
    output: Data = None
    error: Failure | None = None
    reason: str | None = None
    scope: Scope = field(factory=lambda: Scope({}, {}))
    branches: dict[str, Branch] = field(factory=dict)
    activations: dict[str, Activation] = field(factory=dict)
    waits: dict[str, Wait] = field(factory=dict)
    questions: dict[str, str] = field(factory=dict)
    topics: dict[str, dict[str, None]] = field(factory=dict)
    listening: dict[str, dict[str, None]] = field(factory=dict)
    updates: dict[tuple[str, str], Update] = field(factory=dict)
    signals: dict[str, deque[tuple[int, Data]]] = field(factory=dict)
    compensations: list[Compensation] = field(factory=list)
    compensating: ev.CompensationStarted | None = None
    signal_keys: set[str] | None = None
    paused: Pause | None = None
    paused_branches: dict[str, Pause] = field(factory=dict)
    forks: int = 0
    part_failed: bool = False
    pauses: int = 0
    origin: dict[str, Data] | None = None
    starts: int = 0
    hooks: list[Data] = field(factory=list)
    follow_ups: dict[str, int] = field(factory=dict)
    timeout: float | None = None
    until: float | None = None
    frozen: float | None = None
    children: dict[str, Activation] = field(factory=dict)
    child_ends: dict[str, int] = field(factory=dict)
    orphans: list[Activation] = field(factory=list, eq=False, repr=False)
    stored: int = field(default=0, eq=False)
    calm: set[str] | None = field(default=None, eq=False, repr=False)
    _deadlines: list[tuple[float, str]] = field(factory=list, eq=False, repr=False)

    def take_calm(self) -> Iterator[str]:
        """Yield the addresses in `calm`, until none is left."""
        while self.calm:
            calm, self.calm = self.calm, None
            yield from calm

    # -- questions ---------------------------------------------------------------------

    @property
    def inputs(self) -> dict[str, Data]:
        """What the caller gave."""
        return self.scope.inputs

    @property
    def status(self) -> str:
        """The first that applies: how it ended, queued, running, paused, suspended."""
        if self.outcome:
            return self.outcome
        if self.queued is not None:
            return "paused" if self.paused else "queued"
        if self.busy_children or self.scope.failing or self.compensating:
            return "running"
        if self.paused or self.pauses or self._is_stopped():
            return "paused"
        # With nothing to wait for, something is still to be decided.
        return "suspended" if self.waits else "running"

    @property
    def suspension_reason(self) -> str | None:
        """Why it rests: paused, sleeping, waiting; the first that applies."""
        if self.status == "paused":
            return "paused"
        if self.status != "suspended":
            return None
        sleeps = any(wait.kind == "time" for _, wait in self.pending)
        return "sleeping" if sleeps else "waiting"

    @property
    def wake_at(self) -> float | None:
        """When the earliest clock that runs will ring."""
        heap = self._deadlines
        end = self.until if self.frozen is None else None
        while heap:
            until, address = heap[0]
            activation = self.activations.get(address)
            if activation and activation.until == until and activation.frozen is None:
                rings = until if not self.is_lost(address) else self._next_to_ring()
                return min((at for at in (rings, end) if at is not None), default=None)
            heapq.heappop(heap)
        return end

    def _next_to_ring(self) -> float | None:
        """Look through all clocks: those of failed parts stay, for a retry."""
        return min(
            (
                activation.until
                for activation in self.activations.values()
                if activation.until is not None
                and activation.frozen is None
                and not self.is_lost(activation.address)
            ),
            default=None,
        )

    @property
    def pending(self) -> Iterator[tuple[str, Wait]]:
        """Yield the waits that somebody could end, with their addresses."""
        for address, wait in self.waits.items():
            if not self.is_lost(address):
                yield address, wait

    def is_lost(self, address: str) -> bool:
        """Whether it lies in a part that has failed, so that nothing moves it."""
        return self.part_failed and self._is_failing(address)

    def part(self, address: str) -> Branch | Activation | ExecutionState:
        """Return what lives at *address*.

        Raises:
            KeyError: nothing does.
        """
        if not address:
            return self
        return self.branches.get(address) or self.activations[address]

    def find(self, address: str) -> Activation | None:
        """Return the activation at *address*, be it a bare item; None if none is."""
        return self.activations.get(address) or self._bare_item(address)

    def touch(self, address: str) -> Activation:
        """Return the activation at *address*, to which something happens.

        An item that was bare is kept from now on.

        Raises:
            KeyError: there is none.
        """
        activation = self.find(address)
        if activation is None:
            raise KeyError(address)
        if address not in self.activations:
            self.activations[address] = activation
            parent = self.activations[parent_of(address)]
            assert parent.fan is not None
            del parent.fan.bare[int(item_key(address))]
        return activation

    def attempted(self) -> Iterator[Activation]:
        """Yield the activities of which an attempt is being made."""
        for activation in self.everything():
            if activation.phase == "running" and activation.kind == "activity":
                yield activation

    def everything(self) -> Iterator[Activation]:
        """Yield every activation, bare items included."""
        for activation in self.activations.values():
            yield activation
            fan = activation.fan
            if fan is not None:
                for index, entered in fan.bare.items():
                    yield new_item(activation, fan, index, entered)

    def _bare_item(self, address: str) -> Activation | None:
        """Return what a bare item would be if it were kept."""
        if not address.endswith("]"):
            return None
        parent = self.activations.get(parent_of(address))
        fan = parent.fan if parent is not None else None
        if parent is None or fan is None or not fan.bare:
            return None
        key = item_key(address)
        index = int(key) if key.isdecimal() else -1
        entered = fan.bare.get(index)
        return None if entered is None else new_item(parent, fan, index, entered)

    def scope_of(self, owner: str) -> Scope:
        """Return the scope of the execution (``""``) or of the flow at *owner*."""
        scope = self.activations[owner].scope if owner else self.scope
        assert scope is not None
        return scope

    def scope_around(self, part: Part) -> Scope:
        """Return the scope of the graph that *part* lies in."""
        while part.parent is not None:
            part = part.parent
            if isinstance(part, Activation) and part.scope is not None:
                return part.scope
        return self.scope

    def branches_in(self, owner: str) -> Iterator[Branch]:
        """Yield the branches of the execution (``""``) or of the flow at *owner*."""
        for address in self.scope_of(owner).branches.values():
            yield self.branches[address]

    def is_paused(self, address: str) -> bool:
        """Whether a pause covers the branch that *address* lies in."""
        if self.paused is not None:
            return True
        return (
            bool(self.paused_branches)
            and address.partition("/")[0] in self.paused_branches
        )

    def is_halted(self, address: str) -> bool:
        """Whether nothing new may begin there: paused, failing or ended."""
        scope = self.scope
        if self.outcome is not None or self.paused:
            return True
        if scope.failing is not None or self.compensating is not None:
            return not address.startswith(UNDO)
        # Asked before every event of a fan-out: look further only where it can matter.
        if self.paused_branches and self.is_paused(address):
            return True
        return self.is_lost(address)

    def _is_failing(self, address: str) -> bool:
        """Whether a flow that *address* lies in is failing."""
        while address not in self.activations and address not in self.branches:
            if not address:
                return False
            address = parent_of(address)  # it is about to begin there
        part: Part | None = self.part(address)
        while part is not None:
            if isinstance(part, Activation) and (
                part.phase == "failed" or (part.scope and part.scope.failing)
            ):
                return True
            part = part.parent
        return False

    def _is_stopped(self) -> bool:
        return any(address in self.scope.active for address in self.paused_branches)

    # -- keeping count, for the fold ---------------------------------------------------

    def weigh(self, part: Branch | Activation) -> None:
        """Look again whether *part* owes, and tell its ancestors if that matters."""
        change = self._weighed(part)
        if change:
            self._count(part.parent, change)

    def weigh_children(
        self, parent: Activation, children: Iterable[Activation], begun: int
    ) -> None:
        """Look again at many children of one *parent*, and once at itself.

        Args:
            parent: their parent.
            children: those that may have changed.
            begun: how many others are new, and known to owe.
        """
        change = begun + sum(self._weighed(child) for child in children)
        self._count(parent, change)
        self.weigh(parent)

    def item_ended(self, parent: Activation, fan: Fan) -> None:
        """Count one busy item less; with others at work, nothing else changes by it."""
        busy = parent.busy_children - 1
        wanting = fan.startable or fan.hungry
        if busy and busy == fan.live and parent.owes == wanting:
            parent.busy_children = busy
        else:
            self._count(parent, -1)

    def _weighed(self, part: Branch | Activation) -> int:
        """Return by how much the number of busy parts has changed: 1, 0 or -1."""
        before = part.owes or part.busy_children > 0
        if isinstance(part, Activation):
            part.owes = self._activation_owes(part)
        else:
            part.owes = self._branch_owes(part)
        after = part.owes or part.busy_children > 0
        return after - before

    def _count(self, parent: Part | None, change: int) -> None:
        """Count *change* more busy children of *parent*, and tell its ancestors."""
        if parent is None:
            return
        parent.busy_children += change
        if isinstance(parent, ExecutionState):
            return
        was_busy = parent.owes or parent.busy_children - change > 0
        if isinstance(parent, Activation):
            parent.owes = self._activation_owes(parent)
            self._note_calm(parent)
        is_busy = parent.owes or parent.busy_children > 0
        if was_busy != is_busy:
            self._count(parent.parent, 1 if is_busy else -1)

    def _note_calm(self, parent: Activation) -> None:
        """Note whose actor should look again, although no child of it has ended."""
        makes_room = parent.fan is not None and parent.fan.live > parent.busy_children
        # A node may leave memory; a flow in which something failed may end.
        at_rest = parent.kind == "dynamic" or (parent.scope and parent.scope.failing)
        if makes_room or (at_rest and not parent.busy_children):
            if self.calm is None:
                self.calm = set()  # made when needed: an empty one is large
            self.calm.add(parent.address)

    def _branch_owes(self, branch: Branch) -> bool:
        if branch.status != "active":
            return False
        if branch.current is None:
            return not self.is_halted(branch.address)
        return self._owes_consequences(branch, branch.current)

    def _owes_consequences(self, part: Part, child: str | None) -> bool:
        """Whether a child has failed and that is still to be caught, or passed on.

        It is even where nothing new may begin, but not below what has ended itself.
        """
        failed = self.activations.get(child or "")
        if failed is None or failed.phase != "failed" or self.outcome:
            return False
        return not self._has_been_left(part)

    @staticmethod
    def _has_been_left(part: Part) -> bool:
        """Whether something around it has failed for good, so that nobody acts."""
        around = part.parent
        while around is not None:
            if isinstance(around, Activation) and around.phase == "failed":
                return True
            around = around.parent
        return False

    def _activation_owes(self, activation: Activation) -> bool:  # noqa: PLR0911 - a table
        if activation.phase in ("backoff", "interrupted"):
            return not self.is_halted(activation.address)
        if activation.phase == "ended":
            return True
        if activation.phase != "running":
            return False
        if activation.fan is not None:
            return self._fan_owes(activation, activation.fan)
        if activation.scope is not None:
            return self._flow_owes(activation, activation.scope)
        if activation.ended is not None and len(activation.ended) > activation.seen:
            return not self.is_halted(activation.address)
        if activation.kind in ("loop", "route"):
            # The next decision, when no child runs.
            if activation.open:
                return False
            if self._owes_consequences(activation, activation.child):
                return True
            return not self.is_halted(activation.address)
        return activation.open == 0

    def _fan_owes(self, activation: Activation, fan: Fan) -> bool:
        if fan.source is not None and activation.open:  # a page is being fetched
            fails_fast = fan.on_error == "fail_fast" and bool(fan.failures)
            return fails_fast or (fan.startable and self._has_room(activation))
        if fan.hungry:
            return self._has_room(activation)
        if not fan.startable:
            return fan.live == 0 or fan.failed_fast
        return self._has_room(activation)

    def _has_room(self, activation: Activation) -> bool:
        return activation.room > 0 and not self.is_halted(activation.address)

    def _flow_owes(self, activation: Activation, scope: Scope) -> bool:
        """A flow has to begin, and to end; between, its branches do the work."""
        if activation.busy_children:
            return False
        if scope.failing is not None:
            return not self._has_been_left(activation)
        return not scope.active

    def weigh_all(self) -> None:
        """Look again at every part; after a pause, say."""
        for activation in self.activations.values():
            self.weigh(activation)
        for branch in self.branches.values():
            self.weigh(branch)

    def weigh_within(self, activation: Activation) -> None:
        """Look again at an activation and what lies in it, the innermost first."""
        if activation.scope is not None:
            for address in list(activation.scope.active):
                branch = self.branches[address]
                current = self.activations.get(branch.current or "")
                if current is not None:
                    self.weigh_within(current)
                self.weigh(branch)
        for child in self._children(activation):
            self.weigh_within(child)
        self.weigh(activation)

    def _children(self, activation: Activation) -> list[Activation]:
        """Return what lies directly in an activation, but for branches."""
        fan, calls = activation.fan, activation.calls or {}
        addresses = [called.address for called in calls.values()]
        if activation.child is not None:
            addresses.append(activation.child)
        for index in range(fan.next if fan else 0):
            assert fan is not None
            addresses.append(f"{activation.address}[{fan.key(index)}]")
        return [self.activations[a] for a in addresses if a in self.activations]

    def drop(self, activation: Activation) -> None:
        """Forget an activation, and everything in it; then look again at its parent."""
        if activation.fan or activation.scope or activation.child or activation.calls:
            self.drop_children(activation)
        if activation.link is not None:
            self.orphan(activation)
            self.children.pop(activation.address, None)  # what undoes has no entry
        if activation.wait is not None:
            self.stop_waiting(activation)
        if activation.kind == "join":
            self.scope_around(activation).joining.pop(activation.address, None)
        del self.activations[activation.address]
        was_busy = activation.busy
        activation.owes, activation.busy_children = False, 0
        self._count(activation.parent, -was_busy)

    def orphan(self, activation: Activation) -> None:
        """Note that the execution of an activation, if it goes on, is unwanted."""
        link = activation.link
        if link is not None and link.attached and activation.in_flight:
            self.orphans.append(activation)

    def child_of(self, activation: Activation) -> Activation | None:
        """Return the child of a loop or a route that has not ended well, if any."""
        return self.activations.get(activation.child) if activation.child else None

    def drop_children(self, activation: Activation) -> None:
        """Forget everything in an activation."""
        if activation.scope is not None:
            for branch in list(self.branches_in(activation.address)):
                if branch.current is not None and branch.current in self.activations:
                    self.drop(self.activations[branch.current])
                del self.branches[branch.address]
        for child in self._children(activation):
            self.drop(child)

    def set_clock(self, activation: Activation, until: float | None, at: float) -> None:
        """Let the activation's clock ring at *until*; a pause freezes it *at* once."""
        activation.until = until
        activation.frozen = None
        if until is None:
            return
        if self.is_paused(activation.address):
            activation.frozen = at
        else:
            heapq.heappush(self._deadlines, (until, activation.address))

    def stop_waiting(self, activation: Activation) -> None:
        """Take the activation's pending wait, if any, out of all lists."""
        wait, activation.wait = activation.wait, None
        if wait is None:
            return
        del self.waits[activation.address]
        self.pauses -= wait.kind == "pause"
        if wait.kind == "question":
            self.questions.pop(wait.topic or "", None)
        elif wait.kind != "child" and wait.topic is not None:
            waiting = self.waiting_for(wait.kind)
            del waiting[wait.topic][activation.address]
            if not waiting[wait.topic]:
                del waiting[wait.topic]

    def waiting_for(self, kind: str) -> dict[str, dict[str, None]]:
        """Return who waits for signals, by topic, or for updates, by name."""
        return self.listening if kind == "update" else self.topics


BLOB = "blob"
"""The tag of a reference to a value that lies outside the log."""


def lookup(variables: dict[str, Data], path: str) -> tuple[bool, Data]:
    """Return (found, value) for a dotted path into nested mappings.

    What lies in a blob is named, not looked at: the reference says where in it.
    """
    value: Data = variables
    parts = path.split(".")
    for index, part in enumerate(parts):
        if isinstance(value, dict) and value.get("$") == BLOB:
            rest = ".".join(parts[index:])
            return True, {**value, "at": [*value.get("at", ()), rest]}
        if isinstance(value, dict) and value.get("$") == "object":
            value = value["v"]  # the fields of an object, as the codec writes them
        if not isinstance(value, dict) or part not in value:
            return False, None
        value = value[part]
    return True, value


def with_path(tree: dict[str, Data], path: str, value: Data) -> dict[str, Data]:
    """Return a copy of *tree* with *value* at a dotted path; mappings are made."""
    head, _, rest = path.partition(".")
    if not rest:
        return {**tree, head: value}
    inner = tree.get(head)
    inner = inner if isinstance(inner, dict) else {}
    return {**tree, head: with_path(inner, rest, value)}
