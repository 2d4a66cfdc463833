"""What the actors of one execution share: its state, its stream, its registry.

They all run on the runtime's dispatcher, one at a time, so they may share; each
changes only what lies under its own address, and only by recording events.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from actorflow.actors.pooled import PooledActor
from actorflow.actors.ref import PooledRef, give_back
from actorflow.errors import ActorflowError
from actorflow.log.codec import Codec
from actorflow.log.port import EXECUTION, Post, Snapshot, Stream, Summary, Write
from actorflow.model import events as ev
from actorflow.model import snapshots
from actorflow.model.addresses import parent_of
from actorflow.model.children import child_id
from actorflow.model.definition import Workflow
from actorflow.model.events import Event, Recorded, WaitEnded
from actorflow.model.fold import apply
from actorflow.model.parts import Activation, Wait
from actorflow.model.rules import Fact
from actorflow.model.state import ExecutionState, rests_alone
from actorflow.runtime.aftermath import is_end, planned
from actorflow.runtime.messages import Came, Ended, Settle
from actorflow.runtime.naps import Naps
from actorflow.runtime.serving import Serving

if TYPE_CHECKING:
    from actorflow.runtime.services import Services
    from actorflow.runtime.watchdog import Away
    from actorflow.runtime.work import Work

logger = logging.getLogger(__name__)

WAITS_IN_SUMMARY = 100
"""How many pending waits the stream's row tells of."""


class Run:
    """One execution in memory.

    Attributes:
        actors: those that live, by address; the execution's own is ``""``.
        inbound: commands sent to the execution that it has not handled yet.
        lost: why it is no longer run here, if so.
        serving: who asks something of its nodes; None while there is nobody.
        shortened: much of what it was is forgotten; a snapshot may be worth it.
        away: the code of one of its nodes blocks; all but that node wait.
        naps: the clock of what rests without an actor; None while nothing does.
        asked: questions that do, and what their actors would have to know.
    """

    def __init__(
        self,
        services: Services,
        stream: Stream,
        workflow: Workflow,
        state: ExecutionState | None = None,
    ) -> None:
        self.services = services
        self.stream = stream
        self.workflow = workflow
        self.state = state or ExecutionState()
        self.state.orphans.clear()  # told when they became so
        self.actors: dict[str, PooledRef[Any]] = {}
        self.inbound = 0
        self.lost: Exception | None = None
        self.serving: Serving | None = None
        self.shortened = False
        self._consider_at = self.state.stored + snapshots.EVERY
        self.away: Away | None = None
        self.naps: Naps | None = None
        self.asked: dict[str, Work] = {}
        self._time = services.clock.time  # asked for every event
        self._facts: list[Recorded] = []
        self._consumed: list[int] = []
        self._posts: list[Post] = []
        self._effects: list[tuple[Any, ...]] = []
        self._otherwise: list[Callable[[Exception], Any]] = []
        self._sealed = (0, 0, 0, 0, 0)
        self._marked = False
        self._summary: tuple[Any, ...] = ()
        self._described: Any = None

    @property
    def id(self) -> str:
        """The execution's id."""
        return self.stream.name

    def record(self, *facts: Fact) -> None:
        """Record and apply; see `record_one`."""
        now = self._time()
        for address, event in facts:
            self.record_one(address, event, now)

    def record_one(self, address: str, event: Event, now: float | None = None) -> None:
        """Record and apply one event; it is not durable before the turn has ended."""
        if self.away is not None:
            self.away.end()
        if not address and is_end(event):
            self._plan_follow_ups(event)
        stream = self.stream
        if now is None:
            now = self._time()
        recorded = Recorded(stream.head + 1, now, address, event)
        apply(self.state, recorded)
        # Only now: what could not be applied is not recorded, and leaves no gap.
        stream.head += 1
        self._facts.append(recorded)
        if self.state.outcome is not None and self.state.origin is not None:
            self.tell_end(recorded)
        if self.state.orphans and is_end(event):
            self._tell_orphans()  # what begins anew in this turn does not know them

    def to_serve(self) -> Serving:
        """Return where nodes are asked, and answer."""
        if self.serving is None:
            self.serving = Serving(self)
        return self.serving

    def wants(self, address: str) -> bool:
        """Whether the outcome of that activation still matters; from any thread."""
        if self.services.holding:
            return False
        return self.state.outcome is None and self.state.find(address) is not None

    def adopt(self, past: list[Recorded]) -> None:
        """Take over the past of another execution, of which the state is the fold."""
        self._facts = past
        self.stream.head = past[-1].seq

    def consume(self, inbox: int) -> None:
        """Let the inbox row go with what this turn records."""
        self._consumed.append(inbox)

    def post(self, execution_id: str, command: str, **data: Any) -> None:
        """Leave a command for another execution, with what this turn records."""
        self._posts.append(Post(EXECUTION, execution_id, command, data))

    def tell_end(self, recorded: Recorded, parent: str | None = None) -> None:
        """Let the *parent* know how this execution has ended."""
        link = self.state.origin or {}
        self.post(
            parent or link["execution"],
            "child_ended",
            address=link.get("address"),
            end=end_data(
                self.services.codec,
                self.id,
                recorded,
                undoable=bool(self.state.compensations),
            ),
        )

    def _plan_follow_ups(self, end: Event) -> None:
        """Record what is to follow the end, and see to it that it is started."""
        if not (self.workflow.on_complete or self.state.hooks):
            return
        for plan in planned(self, end):
            self.record_one("", plan)
            if plan.error is None:
                self.post(
                    self.id,
                    "follow_up",
                    workflow=plan.workflow,
                    id=plan.execution,
                    inputs=plan.inputs,
                )
            else:
                logger.warning("%s is not started: %s", plan.execution, plan.error)

    def child_id(self, address: str, visit: int) -> str:
        """Return the id of the child that an activation stands for."""
        return child_id(self.id, self.state.starts, address, visit)

    def _tell_orphans(self) -> None:
        """Let children know that they are not wanted any more."""
        state = self.state
        plain = state.outcome == "cancelled" and state.compensating is None
        for orphan in state.orphans:
            child = orphan.link.execution if orphan.link else None
            child = child or self.child_id(orphan.address, orphan.visit)
            reason = state.reason if state.outcome == "cancelled" else None
            self.post(child, "parent_closed", reason=reason, compensate=not plain)
        state.orphans.clear()

    def after_durable(
        self,
        call: Callable[..., Any],
        *args: Any,
        otherwise: Callable[[Exception], Any] | None = None,
    ) -> None:
        """Call when everything recorded so far is durable.

        If it never will be, because the stream is lost or the log is given up,
        *otherwise* is called with the reason: nobody may be left waiting.
        """
        if self.away is not None:
            self.away.end()
        if self._facts:
            self._effects.append((call, *args))
            if otherwise is not None:
                self._otherwise.append(otherwise)
            return
        lost = None if otherwise is None else _Lost([otherwise])
        self.services.writer.then((call, *args), stream=self.stream, on_lost=lost)

    def commit(self) -> None:
        """End a turn: what it recorded will go into the log, whole."""
        if self.state.orphans:
            self._tell_orphans()
        extent = self._extent()
        if extent == self._sealed:
            return
        self._sealed = extent
        if not self._marked:
            self._marked = True
            self.services.collector.mark(self)
        state = self.state
        for address in state.take_calm():
            self.settle(address)
        if state.scope.failing and not state.busy_children and not state.outcome:
            # Nothing is in flight any more: the execution can end.
            self.settle("")
        elif state.compensating is not None and not state.outcome:
            self.settle("")

    def undo_turn(self) -> None:
        """Drop what the turn at hand recorded; the state is not to be trusted then."""
        facts, consumed, effects, otherwise, posts = self._sealed
        self.stream.head -= len(self._facts) - facts
        del self._facts[facts:], self._consumed[consumed:], self._effects[effects:]
        del self._posts[posts:]
        undone, self._otherwise = (
            self._otherwise[otherwise:],
            self._otherwise[:otherwise],
        )
        for tell in undone:
            tell(ActorflowError("a defect in the engine; it is logged"))

    def _extent(self) -> tuple[int, int, int, int, int]:
        """Return how much has been recorded and not been handed over."""
        return (
            len(self._facts),
            len(self._consumed),
            len(self._effects),
            len(self._otherwise),
            len(self._posts),
        )

    def release(self) -> None:
        """Let go in good order: what is in flight runs once more, somewhere else."""
        if self.state.outcome is None and any(self.state.attempted()):
            self.record_one("", ev.ExecutionReleased())
        self.flush()

    def flush(self) -> None:
        """Hand everything recorded to the log, as one write."""
        self._marked, self._sealed = False, (0, 0, 0, 0, 0)
        if not self._facts and not self._consumed and not self._posts:
            return
        write = Write(
            self.stream,
            self._facts,
            snapshot=self._snapshot(),
            summary=self._changed_summary(),
            consumed=self._consumed,
            posts=self._posts,
            create=bool(self._facts) and self._facts[0].seq == 1,
        )
        effects = [*self._effects, *self._announcements(write)]
        lost = _Lost(self._otherwise) if self._otherwise else None
        self._facts, self._consumed, self._effects = [], [], []
        self._otherwise, self._posts = [], []
        self.services.writer.append(write, *effects, on_lost=lost)

    def _snapshot(self) -> Snapshot | None:
        state, shortened = self.state, self.shortened
        if not shortened and state.version < self._consider_at:
            return None
        self.shortened = False
        since = state.version - state.stored
        # To consider it takes as long as the state is large.
        self._consider_at = state.version + max(since, snapshots.EVERY)
        if state.outcome is not None:
            return None
        if not snapshots.is_worth_it(state, shortened=shortened):
            return None
        data = snapshots.dump(state)
        if not snapshots.fits(data, snapshots.BYTES * since):
            return None
        state.stored = state.version
        self._consider_at = state.version + snapshots.EVERY
        return Snapshot(state.version, snapshots.known_format(), data)

    def _announcements(self, write: Write) -> Iterator[tuple[Any, ...]]:
        """Yield what is to happen when *write* is durable: those who wait are told."""
        services = self.services
        if write.summary is not None:
            yield (services.changed, self, write.summary.status)
        if write.posts:
            yield (services.posted,)
        if services.bells.listened(self.id):
            yield (services.bells.ring_events, self.id)
        if services.publish is not None:
            yield (services.publish, self.id, write.events)

    def _changed_summary(self) -> Summary | None:
        shown = shown_of(self.state)
        if shown == self._summary:
            return None
        self._summary = shown
        # New with every beginning, a restart included.
        first = self._described is not self.state.attributes
        self._described = self.state.attributes
        return summary_of(self.state, shown, first=first)

    # -- actors ------------------------------------------------------------------------

    def spawn(self, cls: type[RunActor], address: str, *args: Any) -> None:
        """Start the actor of *address*."""
        if self.away is not None:
            self.away.end()
        ref = self.services.system.spawn(cls, self, address, *args)
        self.actors[address] = ref
        ref.actor.begin()  # type: ignore[union-attr]

    def begin(self, address: str, kind: str, work: Work) -> None:
        """Start the actor of an activation of that kind."""
        activation = self.state.activations.get(address)
        if activation is not None:
            address = activation.address  # one text for all who know it
        self.spawn(self.services.actors[kind], address, work)

    def rest(self, activation: Activation, work: Work) -> None:
        """Do without an actor, until the activation is told or its time is over."""
        if activation.kind == "ask":
            self.asked[activation.address] = work
        if activation.until is not None:
            if self.naps is None:
                self.naps = Naps(self)
            self.naps.watch()

    def rouse(self, question: str) -> bool:
        """Return whether the question at that address has an actor; it may get one."""
        work = self.asked.pop(question, None)
        if work is not None:
            self.begin(question, "ask", work)
        return question in self.actors

    def tell(self, address: str, message: Any) -> None:
        """Send to the actor of *address*, if it lives."""
        ref = self.actors.get(address)
        if ref is not None:
            ref.put(message)
        else:
            self._wake(address)

    def _wake(self, address: str) -> None:
        """Give an actor to what rests without one: it looks at what it owes.

        Of an execution that waits for weeks, only those have an actor that could not
        make one from the state again.
        """
        if "" not in self.actors or self.state.outcome is not None:
            return  # it leaves memory, or is over
        branch = self.state.branches.get(address)
        if branch is not None:
            if branch.status == "active" and branch.parent is self.state:
                self.spawn(self.services.actors["branch"], address, self.workflow)
            return
        activation = self.state.activations.get(address)
        node = self.actors.get(parent_of(address))
        if node is not None and activation is not None and rests_alone(activation):
            node.put(Came(address))

    def settle(self, address: str) -> None:
        """Let the actor of *address* look at what it owes."""
        self.tell(address, Settle())

    def answer(self, facts: Sequence[Fact]) -> None:
        """Record what has come for waits, and let those look that it ends."""
        self.record(*facts)
        for address, event in facts:
            if isinstance(event, WaitEnded):
                self.settle(address)

    def settle_under(self, address: str) -> None:
        """Let the actors at and below *address* look at what they owe."""
        for each in list(self.actors):
            if each.startswith(address):
                self.settle(each)

    def settle_all(self) -> None:
        """Let every actor look at what it owes."""
        for ref in list(self.actors.values()):
            ref.put(Settle())

    def stop_children(self) -> None:
        """Stop every actor but the execution's own."""
        for address, ref in list(self.actors.items()):
            if address:
                ref.put(Stop())
                del self.actors[address]

    def stop(self) -> None:
        """Stop every actor of this execution."""
        for ref in list(self.actors.values()):
            ref.put(Stop())
        self.actors.clear()


def shown_of(state: ExecutionState) -> tuple[str, float | None, tuple[str, ...]]:
    """Return the status, the next wake-up and the waits that lists show."""
    status = state.status
    resting = status in ("suspended", "paused")
    if not (resting or state.questions):
        return status, None, ()  # as at most steps
    waits = state.waits if resting else state.questions.values()
    pending = (address for address in waits if not state.is_lost(address))
    wake_at = state.wake_at if resting else None
    return status, wake_at, tuple(islice(pending, WAITS_IN_SUMMARY))


def summary_of(
    state: ExecutionState,
    shown: tuple[str, float | None, tuple[str, ...]] | None = None,
    *,
    first: bool = True,
) -> Summary:
    """Return what the stream's row says of an execution in *state*."""
    status, wake_at, waits = shown or shown_of(state)
    return Summary(
        status,
        wake_at,
        [_wait_row(address, state.waits[address]) for address in waits],
        attributes=state.attributes if first else None,
        fingerprint=(state.fingerprint or None) if first else None,
        rank=state.rank if status == "queued" else None,
        tags=state.tags if first else None,
    )


def end_data(
    codec: Codec, execution_id: str, recorded: Recorded, *, undoable: bool
) -> dict[str, Any]:
    """Return what a parent learns of the end of its child, which *recorded* is."""
    tag, text = codec.encode(recorded.event)
    return {
        "execution": execution_id,
        "seq": recorded.seq,
        "tag": tag,
        "text": text,
        "undoable": undoable,
    }


def _wait_row(address: str, wait: Wait) -> dict[str, Any]:
    row = {"address": address, "kind": wait.kind}
    if wait.topic is not None:
        row["topic"] = wait.topic
    if wait.reason is not None:
        row["reason"] = wait.reason
    if wait.schema is not None:
        row["schema"] = wait.schema
    return row


class _Lost:
    """Tells those who wait for a write that it will never be durable."""

    def __init__(self, waiting: list[Callable[[Exception], Any]]) -> None:
        self._waiting = waiting

    def __call__(self, _: Stream | None, error: Exception) -> None:
        for tell in self._waiting:
            tell(error)


class Stop:
    """Leave memory; nothing is recorded."""


class RunActor(PooledActor):
    """An actor of an execution: decide, record, apply, and act when it is durable.

    A turn is one message. What it records is one write, so a crash falls between
    turns, never into one.
    """

    # One that fails could not know how far the state is to be trusted.
    restartable: ClassVar[bool] = False

    def __init__(self, run: Run, address: str) -> None:
        super().__init__()
        self.run = run
        self.address = address

    def begin(self) -> None:
        """Do what can be done in the turn of whoever spawned this actor."""

    def on_start(self) -> None:
        """Recovery is no special case: look at what is owed, and do it."""
        self.on_receive(Settle())

    def on_receive(self, message: Any) -> None:
        """Handle one message, then hand what was recorded to the log."""
        run = self.run
        if run.away is not None and run.away.defers(self._actor_ref, message):
            return
        if run.actors.get(self.address) is not self._actor_ref or run.services.closing:
            give_back(message)
            self.leave()  # stopped, or replaced, while this message was under way
            return
        try:
            if run.state.outcome is not None and self.address:
                give_back(message)
                self.leave()
            else:
                self.handle(message)
                if run.serving is not None and run.serving.waiting and self.address:
                    run.settle("")  # somebody may wait for just what it did
            run.commit()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it stops nobody else
            self._give_up(error)

    def on_failure(self, _kind: Any, error: Any, _traceback: Any) -> None:
        """Do about what a hook raised what is done about a message."""
        self._give_up(error)

    def _give_up(self, error: BaseException) -> None:
        self.run.undo_turn()
        if not isinstance(error, Exception):
            error = ActorflowError(repr(error))
        self.run.services.crashed(self.run, error)

    def handle(self, message: Any) -> None:
        """Decide and record."""
        raise NotImplementedError

    def _tell_parent(self) -> None:
        """Let the parent see that the activation has ended; nothing is left to do."""
        self.run.tell(parent_of(self.address), Ended(self.address))
        self.leave()

    def leave(self) -> None:
        """Leave memory at once; what may still arrive has no meaning any more."""
        if self.run.actors.get(self.address) is self._actor_ref:
            del self.run.actors[self.address]
        self._stop()
