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
from collections.abc import Iterator

from attrs import define, field

from actorflow.model import events as ev
from actorflow.model.addresses import UNDO, item_key, parent_of
from actorflow.model.events import Data, Failure
from actorflow.model.parts import (
    Activation,
    Branch,
    Compensation,
    Fan,
    Part,
    Pause,
    Scope,
    Update,
    Wait,
    new_item,
)

ENDED = ("completed", "failed", "cancelled")


INSTANT = 0.5e-6
"""Times are whole microseconds; as numbers of seconds they may be off by less."""
HEAD_START = 300.0
"""Seconds of waiting that one level of priority is worth, so that nobody starves."""


def rank_of(queued: ev.ExecutionQueued, at: float) -> float:
    """Return the place in the queue of what was *queued* *at* a time; lowest first.

    It never changes, because everybody's waiting grows alike.
    """
    return at - queued.priority * HEAD_START


def rests_alone(activation: Activation) -> bool:
    """Whether a dynamic node waits there for a signal, an answer, or its time.

    Nothing has to be done about that until one of them comes.
    """
    parent = activation.parent
    return (
        activation.kind in ("wait_signal", "ask", "sleep")
        and isinstance(parent, Activation)
        and parent.kind == "dynamic"
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
        calm: maps with items that only wait, and owing nodes and failing flows in
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
    _naps: list[tuple[float, str]] = field(factory=list, eq=False, repr=False)

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
        clocks = (self._earliest(self._deadlines), self.next_nap)
        end = self.until if self.frozen is None else None
        return min((at for at in (*clocks, end) if at is not None), default=None)

    @property
    def next_nap(self) -> float | None:
        """When the earliest clock of those that rest without an actor will ring."""
        return self._earliest(self._naps)

    def _earliest(self, heap: list[tuple[float, str]]) -> float | None:
        while heap:
            until, address = heap[0]
            if not self._runs(address, until):
                heapq.heappop(heap)
            elif not self.is_lost(address):
                return until
            else:  # clocks of failed parts stay, for a retry
                alive = (
                    u for u, at in heap if self._runs(at, u) and not self.is_lost(at)
                )
                return min(alive, default=None)
        return None

    def _runs(self, address: str, until: float) -> bool:
        """Whether there is a clock that is to ring just then."""
        activation = self.activations.get(address)
        return (
            activation is not None
            and activation.until == until
            and activation.frozen is None
        )

    def take_naps(self, now: float, most: int) -> list[str]:
        """Return the addresses of some that rest, and whose time is over.

        The caller has to end them: they are not returned again.
        """
        over: list[str] = []
        halted, heap = [], self._naps
        while heap and heap[0][0] <= now + INSTANT and len(over) < most:
            until, address = entry = heapq.heappop(heap)
            if not self._runs(address, until):
                continue
            if self.is_halted(address):
                halted.append(entry)
            elif over[-1:] != [address]:  # twice, if it began anew at the same moment
                over.append(address)
        for entry in halted:
            heapq.heappush(heap, entry)
        return over

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

        Raises:
            KeyError: there is none.
        """
        activation = self.keep(address)
        if activation is None:
            raise KeyError(address)
        return activation

    def keep(self, address: str) -> Activation | None:
        """Do as `find`; an item that was bare is kept from now on."""
        activation = self.activations.get(address)
        if activation is not None:
            return activation
        activation = self._bare_item(address)
        if activation is not None:
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

    def weigh_children(self, parent: Activation, begun: int) -> None:
        """Count so many new children of *parent*, which owe."""
        self._count(parent, begun)

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
            part.owes = self.activation_owes(part)
        else:
            part.owes = self.branch_owes(part)
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
            parent.owes = self.activation_owes(parent)
            self._note_calm(parent)
        is_busy = parent.owes or parent.busy_children > 0
        if was_busy != is_busy:
            self._count(parent.parent, 1 if is_busy else -1)

    def _note_calm(self, parent: Activation) -> None:
        """Note whose actor should look again, although no child of it has ended."""
        makes_room = parent.fan is not None and parent.fan.live > parent.busy_children
        # A node may have to note what it knows; a failing flow may end.
        failing = parent.scope is not None and parent.scope.failing is not None
        at_rest = failing or (parent.kind == "dynamic" and parent.owes)
        if makes_room or (at_rest and not parent.busy_children):
            if self.calm is None:
                self.calm = set()  # made when needed: an empty one is large
            self.calm.add(parent.address)

    def branch_owes(self, branch: Branch) -> bool:
        """Whether the actor of *branch* can do something now."""
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
        return not self.is_left(part)

    @staticmethod
    def is_left(part: Part) -> bool:
        """Whether something around it has failed for good, so that nobody acts."""
        around = part.parent
        while around is not None:
            if isinstance(around, Activation) and around.phase == "failed":
                return True
            around = around.parent
        return False

    def activation_owes(self, activation: Activation) -> bool:  # noqa: PLR0911 - a table
        """Whether the actor of *activation* can do something now."""
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
        if activation.busy_children or self.is_abandoned(activation.address):
            return False
        if scope.active and scope.failing is None:
            return False
        return not self.is_left(activation)

    def is_abandoned(self, address: str) -> bool:
        """Whether no graph there ends any more, since all that was done is undone."""
        return self.compensating is not None and not address.startswith(UNDO)

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
            addresses.append(fan.address(activation.address, index))
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
            heap = self._naps if rests_alone(activation) else self._deadlines
            heapq.heappush(heap, (until, activation.address))

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
