"""The state of one execution, as `fold.apply` makes it from events.

What an execution still owes the world is a function of this state. A part *owes* when
its actor can do something without anything from outside; `busy` counts the parts that
owe, so that the status is known without looking at them all.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator

from attrs import define, field

from actorflow.model import events as ev
from actorflow.model.events import Data, Failure

WINDOW = 1024
"""How many items of a map are active at once when the definition sets no limit."""

ENDED = ("completed", "failed", "cancelled")


@define
class Pause:
    """Who stopped a branch or an execution, and since when."""

    reason: str | None
    since: float


@define
class Wait:
    """Something pending from outside.

    Attributes:
        ordinal: which wait of its activation this is, from 0.
        kind: ``signal``, ``time`` or ``pause``.
        since: when it began, seconds since the epoch.
    """

    ordinal: int
    kind: str
    topic: str | None
    reason: str | None
    since: float


@define
class Answer:
    """How a wait ended: with a signal's payload, or because its time was over."""

    payload: Data
    timed_out: bool


@define
class Fan:
    """The items of a map: which are done, which are active, which are still to start."""

    items: list[Data]
    limit: int | None
    on_error: str
    results: list[Data]
    next: int = 0
    live: int = 0
    waiting: int = 0
    failures: dict[int, Failure] = field(factory=dict)
    redo: list[int] = field(factory=list)

    @property
    def finished(self) -> bool:
        """Whether no item is active and none will be started."""
        return self.live == 0 and not self.startable

    @property
    def startable(self) -> bool:
        """Whether there are items that should still be started some time."""
        if self.on_error == "fail_fast" and self.failures:
            return False
        return bool(self.redo) or self.next < len(self.items)

    @property
    def room(self) -> int:
        """How many more items may be active now.

        An item that waits for the outside uses nothing, so it makes room, except
        where one after the other was asked for.
        """
        if self.limit == 1:
            return 1 - self.live
        return (self.limit or WINDOW) - (self.live - self.waiting)


@define
class Activation:
    """One entry into a node.

    Attributes:
        visit: the how-manieth entry under this address, from 1.
        phase: ``running``, ``interrupted`` (its process died), ``backoff`` (until the
            next try), ``waiting``, ``joining``, ``queued`` (to be run again by its
            map), or ``failed``.
        attempt: the try that is to be made, or is being made, from 1.
        until: when backoff or wait end by themselves.
        frozen: since when a pause has stopped that clock.
        records: activity history.
        answers: ended waits, by ordinal.
        interruptions: how often a process died while it ran.
    """

    address: str
    kind: str
    node: str
    step: str | None
    input: Data
    store: str | None
    visit: int
    phase: str = "running"
    attempt: int = 1
    until: float | None = None
    frozen: float | None = None
    wait: Wait | None = None
    error: Failure | None = None
    fan: Fan | None = None
    interruptions: int = 0
    busy: bool = False
    records: dict[str, Data] | None = None
    answers: dict[int, Answer] | None = None
    progress: ev.ProgressReported | None = None


@define
class Branch:
    """One line of control, with its own variables.

    Attributes:
        status: ``active``, ``completed`` or ``failed``.
        step: the step it is in, or was in last.
        target: the step it will enter next, once that is decided.
        current: the address of the activation it is in.
    """

    id: str
    parent: str | None
    variables: dict[str, Data]
    target: str | None
    status: str = "active"
    step: str | None = None
    current: str | None = None
    visits: dict[str, int] = field(factory=dict)
    error: Failure | None = None
    forked: bool = False
    busy: bool = False


def parent_of(address: str) -> str:
    """Return the address of the branch or activation that *address* belongs to."""
    cut = address.rindex("[" if address.endswith("]") else "/")
    return address[:cut]


def item_index(address: str) -> int:
    """Return n for ``...[n]``."""
    return int(address[address.rindex("[") + 1 : -1])


@define
class ExecutionState:
    """Everything that is so after the events applied to it.

    Attributes:
        version: seq of the last event.
        outcome: how it ended, or None.
        failing: the failure that will end it as soon as nothing is in flight.
        signals: received and not yet consumed, per topic, oldest first: (seq, payload).
        topics: addresses that wait for a signal, per topic, first come first served.
        forks: the counter that names branches.
        busy: how many branches and activations owe something.
    """

    version: int = 0
    workflow: str = ""
    fingerprint: str = ""
    inputs: dict[str, Data] = field(factory=dict)
    attributes: dict[str, Data] = field(factory=dict)
    started_at: float = 0.0
    finished_at: float | None = None
    outcome: str | None = None
    output: Data = None
    error: Failure | None = None
    reason: str | None = None
    failing: Failure | None = None
    branches: dict[str, Branch] = field(factory=dict)
    activations: dict[str, Activation] = field(factory=dict)
    waits: dict[str, Wait] = field(factory=dict)
    topics: dict[str, dict[str, None]] = field(factory=dict)
    signals: dict[str, deque[tuple[int, Data]]] = field(factory=dict)
    signal_keys: set[str] = field(factory=set)
    paused: Pause | None = None
    paused_branches: dict[str, Pause] = field(factory=dict)
    forks: int = 0
    busy: int = 0
    initial: dict[str, Data] = field(factory=dict, repr=False)
    _deadlines: list[tuple[float, str]] = field(factory=list, eq=False, repr=False)

    # -- questions ---------------------------------------------------------------------

    @property
    def status(self) -> str:
        """The first that applies: how it ended, running, paused, suspended."""
        if self.outcome:
            return self.outcome
        if self.busy or self.failing:
            return "running"
        if self.paused or any(self._stopped()):
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
        sleeps = any(wait.kind == "time" for wait in self.waits.values())
        return "sleeping" if sleeps else "waiting"

    @property
    def wake_at(self) -> float | None:
        """When the earliest clock that runs will ring."""
        heap = self._deadlines
        while heap:
            until, address = heap[0]
            activation = self.activations.get(address)
            if activation and activation.until == until and activation.frozen is None:
                return until
            heapq.heappop(heap)
        return None

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
        return (
            self.failing is not None
            or self.outcome is not None
            or self.is_paused(address)
        )

    def _stopped(self) -> Iterator[bool]:
        for branch in self.branches.values():
            yield branch.status == "active" and branch.id in self.paused_branches
        for wait in self.waits.values():
            yield wait.kind == "pause"

    # -- keeping count, for the fold ----------------------------------------------------

    def weigh(self, part: Branch | Activation) -> None:
        """Recount whether *part* owes something."""
        if isinstance(part, Branch):
            owes = self._branch_owes(part)
        else:
            owes = self._activation_owes(part)
        if owes != part.busy:
            part.busy = owes
            self.busy += 1 if owes else -1

    def _branch_owes(self, branch: Branch) -> bool:
        if branch.status != "active" or branch.current is not None:
            return False
        return not self.is_halted(branch.id)

    def _activation_owes(self, activation: Activation) -> bool:
        if activation.phase in ("backoff", "interrupted"):
            return not self.is_halted(activation.address)
        if activation.phase != "running":
            return False
        fan = activation.fan
        if fan is None or fan.finished:
            return True
        starts = fan.startable and fan.room > 0
        return starts and not self.is_halted(activation.address)

    def weigh_all(self) -> None:
        """Recount what every part owes; after a pause, say."""
        for branch in self.branches.values():
            self.weigh(branch)
        for activation in self.activations.values():
            self.weigh(activation)

    def drop(self, activation: Activation) -> None:
        """Forget an activation."""
        self.stop_waiting(activation)
        del self.activations[activation.address]
        if activation.busy:
            self.busy -= 1

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
        address = activation.address
        del self.waits[address]
        if wait.topic is not None:
            waiting = self.topics[wait.topic]
            del waiting[address]
            if not waiting:
                del self.topics[wait.topic]
        parent = self.fan_around(address)
        if parent and parent.fan:
            parent.fan.waiting -= 1
            self.weigh(parent)

    def fan_around(self, address: str) -> Activation | None:
        """Return the map that *address* is an item of, if it is one."""
        return self.activations[parent_of(address)] if address[-1] == "]" else None


def lookup(variables: dict[str, Data], path: str) -> tuple[bool, Data]:
    """Return (found, value) for a dotted path into nested mappings."""
    value: Data = variables
    for part in path.split("."):
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
    return {
        **tree,
        head: with_path(inner if isinstance(inner, dict) else {}, rest, value),
    }
