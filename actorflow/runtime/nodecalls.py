"""The calls of a dynamic node: each is made once, and met again in every replay.

A call is told by its number: the task it is made in and its order there, or a key that
the user gives. What has ended is handed to the node one by one, in the order of the
log, so that a replay sees every race end as it did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence, Set
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from attrs import frozen

from actorflow.errors import NodeFailed, NonDeterminismError
from actorflow.model import events as ev
from actorflow.model.addresses import call_number
from actorflow.model.events import Data, Failure
from actorflow.model.parts import Activation, Called
from actorflow.model.rules import Fact
from actorflow.model.state import rests_alone
from actorflow.runtime.nodeloop import STUBBORN, Gone, NodeLoop, NodeTimer
from actorflow.runtime.pending import AllPending, Open, Pending
from actorflow.runtime.run import Run
from actorflow.runtime.work import SIGNAL, Work

if TYPE_CHECKING:
    from collections.abc import Iterator

_NONE: frozenset[str] = frozenset()
_NO_CALLS: dict[str, Called] = {}  # shared, and never added to
SINGLE = ("activity", "sleep", "wait_signal", "ask")
"""Kinds of calls that call nothing themselves."""
AS_RECORDED: Any = object()
"""The hint of those who turn a result into a value themselves."""
SHOWN = 200
"""Characters of a call that an error shows."""


class TooLate(TimeoutError):  # noqa: N818 - user code sees a TimeoutError
    """A wait's time was over; *failure* is what was recorded of it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@frozen
class Ask:
    """What a node wants to call.

    Attributes:
        name: of what is called; with the number, the last part of its address.
        started: what is recorded of it first.
        work: what its actor is to do.
        facts: returns what is recorded with its beginning, given its address.
    """

    name: str
    started: ev.ActivationStarted
    work: Work
    facts: Callable[[str], Sequence[Fact]] | None = None


class Calls:
    """What one node has called, is given back, and has left.

    Attributes:
        made: how many it has made.
        taken: how many of the calls that have ended were handed to the node.
        emitted: how many values it has yielded.
        unmet: recorded calls that the replay has still to make.
        diverged: the first difference between the log and the code.
        prefix: what tells the calls from those before the node began anew.
    """

    __slots__ = (
        "_address",
        "_kept",
        "_loop",
        "_pending",
        "_run",
        "_undone",
        "diverged",
        "emitted",
        "gone",
        "made",
        "prefix",
        "refused",
        "taken",
        "unmet",
    )

    def __init__(self, run: Run, address: str, loop: NodeLoop) -> None:
        self._run = run
        self._address = address
        self._loop = loop
        self._pending = AllPending()
        self._undone: Set[str] = _NONE
        self._kept: list[Called] | None = None
        self.taken = 0
        self.made = 0
        self.emitted = 0
        self.unmet: dict[str, Called] = _NO_CALLS
        self.diverged: NonDeterminismError | None = None
        self.gone = False
        self.refused = 0
        self.prefix = ""

    def begin(self, activation: Activation) -> None:
        """Take note of what is recorded already."""
        calls = activation.calls or {}
        if calls:
            self.unmet = {n: called for n, called in calls.items() if not called.loose}
        past = activation.past
        if past is not None:
            self._undone, self._kept = past.undone, list(past.kept)
        if activation.generation > 1:
            self.prefix = f"g{activation.generation}"
            self._loop.count_from(self.prefix)

    @property
    def replaying(self) -> bool:
        """Whether the node is still catching up with what is recorded."""
        return bool(self.unmet) or self.taken < len(self._ended)

    @property
    def any_pending(self) -> bool:
        """Whether a call of the node has not ended."""
        return bool(self._pending)

    @property
    def are_starting(self) -> bool:
        """Whether executions that the node has started are not yet there."""
        state = self._run.state
        started = (p.address for p in self._pending if p.detached)
        there = (state.activations.get(address) for address in started)
        return any(each is not None and each.phase == "running" for each in there)

    @property
    def _activation(self) -> Activation:
        return self._run.state.activations[self._address]

    @property
    def _ended(self) -> Sequence[Called]:
        activation = self._run.state.activations.get(self._address)
        return (activation.ended if activation else None) or ()

    # -- making ------------------------------------------------------------------------

    def number(self, key: str | None = None) -> str:
        """Return the number of the call that is about to be made.

        Raises:
            Gone: the node cannot call any more. A node that catches it, and calls
                again and again, gets a number that leads nowhere, to wait there.
            ReadOnlyError: it is answering a query.
        """
        if self.gone:
            self.refused += 1
            if self.refused <= STUBBORN:
                raise Gone
            return "nowhere"
        self._loop.must_not_look()
        if key is None:
            return self._loop.number_call()
        number = f":{quote(key, safe='').replace('~', '%7E')}"
        if self.prefix:
            number = f":{self.prefix}{number}"
        return self._next_try(number)

    def _next_try(self, number: str) -> str:
        """Return *number*, or, when that has failed, one for another try."""
        calls, tries, tried = self._activation.calls or {}, 1, number
        while (called := calls.get(tried)) is not None and self._has_failed(called):
            tries += 1
            tried = f"{number}~{tries}"
        return tried

    def _has_failed(self, called: Called) -> bool:
        taken = called.index is not None and called.index < self.taken
        return taken and called.error is not None

    def address(self, ask: Ask, number: str) -> str:
        """Return where the call lives."""
        mark = "" if number[0] == ":" else "#"
        return f"{self._address}/{ask.name}{mark}{number}"

    async def result(self, number: str, ask: Ask | None, hint: Any) -> Any:
        """Return what the call gives, as *hint* wants it; it begins here.

        With `AS_RECORDED` that is the data itself.
        """
        pending = self._pending.awaited(number)
        if pending is None:
            pending = self._begun(number, ask)
        ask = None  # a node may wait for weeks, and there may be many
        pending.waiters += 1
        try:
            data = await pending.awaitable
        except asyncio.CancelledError:
            pending.waiters -= 1
            if not pending.waiters:
                self.leave(pending)
            raise
        return self._value(data, hint, pending.address)

    def _begun(self, number: str, ask: Ask | None) -> Pending:
        """Return a call that begins now, or has ended in an earlier attempt."""
        assert ask is not None
        future = self._loop.create_future()
        pending = Pending(number, self.address(ask, number), future)
        kept = self._kept_of(ask.started) if self._kept else None
        if kept is None:
            self._make(pending, ask)
        else:
            future.set_result(kept.value)
        return pending

    def _value(self, data: Data, hint: Any, address: str) -> Any:
        """Return what *hint* makes of what is recorded."""
        if hint is AS_RECORDED:
            return data
        return self._run.services.codec.from_data(data, hint, path=address)

    def start(self, number: str, ask: Ask) -> Pending:
        """Make a call that goes on, even if nobody waits for what it gives."""
        pending = self._pending.awaited(number)
        if pending is None:
            pending = self._begun(number, ask)
            pending.future.add_done_callback(_seen)
        pending.detached = True
        return pending

    async def end_of(self, pending: Pending, hint: Any) -> Any:
        """Return what a call gives; whoever is cancelled here leaves it running."""
        data = await asyncio.shield(pending.future)
        return self._run.services.codec.from_data(data, hint, path=pending.address)

    def _kept_of(self, started: ev.ActivationStarted) -> Called | None:
        """Return what an earlier attempt was told there; each is told once."""
        for called in self._kept or ():
            wanted = (called.kind, called.node, called.input)
            if wanted == (started.kind, started.node, started.input):
                assert self._kept is not None
                self._kept.remove(called)
                return called
        return None

    def start_timer(self, handle: NodeTimer, ask: Ask) -> None:
        """Let *handle* run when the call has ended."""
        number = handle.number = self.number()
        handle.address = self.address(ask, number)
        self._make(handle, ask)

    def cancel_timer(self, handle: NodeTimer) -> None:
        """Leave the call whose end would run *handle*."""
        if self._pending.get(handle.number) is handle:
            self.leave(handle)

    def _make(self, pending: Open, ask: Ask) -> None:
        """Record the call, or meet the recorded one."""
        if self.gone:
            return
        number = pending.number
        self.made += 1
        called = (self._activation.calls or {}).get(number)
        self._pending.add(pending)
        if called is None:
            self._record(pending, ask)
        elif not _is_same(called, pending.address, ask.started):
            if called.loose:
                self._record(pending, ask)
            else:
                self._diverge(called, _shown(ask.started.node, ask.started.input))
        else:
            self.unmet.pop(number, None)
            self._meet(called, pending, ask)

    def _record(self, pending: Open, ask: Ask) -> None:
        if self.unmet and pending.number not in self._undone:
            expected = next(iter(self.unmet.values()))
            self._diverge(expected, _shown(ask.started.node, ask.started.input))
            return
        address = pending.address
        facts = ask.facts(address) if ask.facts is not None else ()
        self._run.record((address, ask.started), *facts)
        self._begin(address, ask.work)

    def take_up(self, address: str) -> None:
        """Give an actor to a call that waited without one, if it was met already."""
        met = self._pending.get(call_number(address))
        if met is not None and address not in self._run.actors:
            self._begin(address, self._run.asked.pop(address, SIGNAL))

    def finish_told(self) -> None:
        """What has come for a node that has failed meanwhile is kept for a retry."""
        run, calls = self._run, self._activation.calls or {}
        for called in calls.values():
            wait = run.state.activations.get(called.address)
            told = wait is not None and wait.is_told and wait.kind == "wait_signal"
            if told and called.address not in run.actors:
                run.begin(called.address, called.kind, SIGNAL)

    def _begin(self, address: str, work: Work) -> None:
        activation = self._run.state.activations.get(address)
        if activation is None:
            return  # it has failed at once
        if rests_alone(activation) and activation.phase == "waiting":
            self._run.rest(activation, work)
        else:
            self._run.begin(address, activation.kind, work)

    def _meet(self, called: Called, pending: Open, ask: Ask) -> None:
        if called.left is not None:
            return
        if called.index is None:
            if called.address not in self._run.actors:
                self._begin(called.address, ask.work)
        elif called.index < self.taken:  # of a key, or kept over a retry
            self._end(pending, called)

    def _diverge(self, called: Called, got: str) -> None:
        if self.diverged is None:
            expected = _shown(called.node, called.input)
            place = self._loop.place()
            self.diverged = NonDeterminismError(
                called.address, expected, got, called.seq, place
            )

    # -- ending ------------------------------------------------------------------------

    def take_next(self) -> bool:
        """Hand the next call that has ended to the node; return False without one."""
        ended = self._ended
        if self.taken >= len(ended):
            return False
        called = ended[self.taken]
        number = call_number(called.address)
        pending = self._pending.get(number)
        if number in self.unmet:
            self._diverge(called, "no such call")
            return False
        if called.error is not None and called.taken is None and pending is not None:
            # What the node does from here on is undone when the failure is.
            settled = ev.NodeSettled(self.taken, self.emitted)
            self._run.record_one(self._address, settled)
        self.taken += 1
        self._loop.now = max(self._loop.now, called.time)
        if pending is not None:
            self._end(pending, called)
        return True

    def _end(self, pending: Open, called: Called) -> None:
        self._pending.drop(pending)
        if isinstance(pending, NodeTimer):
            self._loop.run_timer(pending)
        elif pending.future.done():
            return
        elif called.error is not None:
            pending.future.set_exception(_error(called, called.error))
        else:
            pending.future.set_result(called.value)

    def leave(self, pending: Open) -> None:
        """What the call gives does not matter any more."""
        self._pending.drop(pending)
        self._run.asked.pop(pending.address, None)
        if self.gone or pending.address not in self._run.state.activations:
            return
        called = (self._activation.calls or {}).get(pending.number)
        told = self.is_told(pending.number)  # it is in the log, for a retry to take
        if called is not None and called.index is None and not told:
            self._run.record_one(pending.address, ev.ActivationCancelled())
            alone = called.kind in SINGLE
            (self._run.settle if alone else self._run.settle_under)(pending.address)

    def go(self) -> None:
        """The node leaves memory: nothing of it calls anything any more."""
        self.gone = True
        for pending in self._pending:
            self._run.asked.pop(pending.address, None)

    def leave_all(self, *, well: bool = False) -> None:
        """The node has ended, and with it all that it has not waited for.

        If it has ended *well*, what it only started goes on.
        """
        for pending in self._pending:
            if not (well and pending.detached):
                self.leave(pending)

    def is_told(self, number: str) -> bool:
        """Whether what the call waits for has come, though the node does not know."""
        called = (self._activation.calls or {}).get(number)
        if called is None or called.left is not None:
            return False
        activation = self._run.state.activations.get(called.address)
        return activation is None or activation.is_told

    # -- the end of the replay ---------------------------------------------------------

    def compare_rest(self, got: str) -> None:
        """Note a difference if the log has calls that the code has not made."""
        for called in self.unmet.values():
            self._diverge(called, got)
            return
        for called in self._left():
            self._diverge(
                called, "it still waits for that; the log has that it was left"
            )
            return

    def _left(self) -> Iterator[Called]:
        calls = self._activation.calls or {}
        for pending in self._pending:
            called = calls.get(pending.number)
            if called is not None and called.left is not None:
                yield called


def _seen(future: asyncio.Future[Any]) -> None:
    """Nobody has to look at how it ended."""
    if not future.cancelled():
        future.exception()


def _is_same(called: Called, address: str, started: ev.ActivationStarted) -> bool:
    return (called.address, called.kind, called.node, called.input) == (
        address,
        started.kind,
        started.node,
        started.input,
    )


def _shown(node: str, data: Data) -> str:
    if data is None:
        return node
    if isinstance(data, dict) and set(data) == {"*"}:
        parts = [repr(each) for each in data["*"]["args"]]
        parts += [f"{name}={each!r}" for name, each in data["*"]["kwargs"].items()]
    elif isinstance(data, dict):
        parts = [f"{name}={each!r}" for name, each in data.items()]
    else:
        parts = [repr(data)]
    return f"{node}({', '.join(parts)})"[:SHOWN]


def _error(called: Called, failure: Failure) -> Exception:
    if failure.type == "timeout" and called.kind in ("wait_signal", "ask"):
        return TooLate(failure)
    return NodeFailed(failure.address or called.address, failure.node or "", failure)
