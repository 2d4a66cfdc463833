"""The actor of a map or a parallel: which items are active, what comes of them all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from actorflow.model import events as ev
from actorflow.model.addresses import parent_of
from actorflow.model.definition import node_kind
from actorflow.model.events import Data
from actorflow.model.parts import WINDOW, Activation, Branch, Fan
from actorflow.model.policy import failure_of
from actorflow.model.rules import View, map_failure, view_of
from actorflow.runtime.binding import Call, call_of
from actorflow.runtime.feeding import Feeder
from actorflow.runtime.jobs import Job, Raised, Returned
from actorflow.runtime.messages import Ended
from actorflow.runtime.run import Run, RunActor
from actorflow.runtime.work import Work

_NOTHING: Mapping[str, Data] = {}

PORTION = 64
"""How many ends of items the actor takes in by one turn."""


class Tray:
    """Where threads put how items ended, so that one message tells of many."""

    def __init__(self, tell: Callable[[Any], object]) -> None:
        self._tell = tell
        self._ended: deque[Returned | Raised] = deque()
        self._announced = False

    def put(self, ended: Returned | Raised) -> None:
        """Put one in; tell of it unless that has been done."""
        self._ended.append(ended)
        if not self._announced:
            self._announced = True
            self._tell(self)

    def take(self) -> Iterator[Returned | Raised]:
        """Take some out; the rest is told of anew."""
        self._announced = False
        for _ in range(min(len(self._ended), PORTION)):
            yield self._ended.popleft()
        if self._ended and not self._announced:
            self._announced = True
            self._tell(self)


class FanActor(RunActor):
    """Keeps as many items active as there is room for, lowest index first."""

    def __init__(self, run: Run, address: str, work: Work) -> None:
        super().__init__(run, address)
        self._step = work.step
        self._nodes = list(work.step.nodes.values())
        self._feeder = Feeder(run, address, work.step)
        self._jobs: dict[str, Job] = {}
        self._ready: list[Job] = []
        self._tray = Tray(self._actor_ref.put)
        # Bound once: thousands of jobs share them.
        self._tell, self._wanted = self._tray.put, self._wants
        self._bound = self._carried_activity()

    def on_start(self) -> None:
        """Go on with the items that are active already, then as ever."""
        activation = self.run.state.activations.get(self.address)
        closing = self.run.services.closing  # nobody can be started any more
        fan = activation.fan if activation and not closing else None
        if activation is not None and fan is not None and fan.source is not None:
            self._feeder.tend(activation)
        if fan is not None and fan.live:
            for index in range(fan.next):
                address = self._address(fan, index)
                if self._is_active(address):
                    self._begin(fan, index, address)
        super().on_start()

    def handle(self, message: Any) -> None:
        """Start what there is room for; finish when nothing is left."""
        activation = self.run.state.activations.get(self.address)
        if activation is None or self.run.state.outcome is not None:
            self.leave()  # what its items have come to concerns nobody any more
            return
        if message is self._tray:
            for ended in self._tray.take():
                self._carried(ended)
        fan = activation.fan
        assert fan is not None
        if activation.phase != "running" or not activation.owes:
            return
        if fan.failed_fast or (fan.stopped and activation.open):
            self._cancel_rest(activation, fan)
        if fan.open:
            self._feeder.feed(activation, fan)
        if fan.finished:
            self._finish(activation)
        elif fan.startable:
            self._start_items(activation, fan)

    def _cancel_rest(self, activation: Activation, fan: Fan) -> None:
        """Leave every item that is still active: its outcome no longer matters."""
        left = [
            address
            for address in map(partial(self._address, fan), range(fan.next))
            if self._is_active(address)
        ]
        page = self.run.state.child_of(activation)
        if page is not None and page.phase != "failed":
            left.append(page.address)
        for address in left:
            self.run.record_one(address, ev.ActivationCancelled())
        # Only now: a thread that gets free would begin what is not yet cancelled.
        self._abandon_jobs()
        self.run.settle_under(f"{self.address}[")
        if page is not None:
            self.run.settle_under(page.address)

    def _abandon_jobs(self) -> None:
        jobs, self._jobs = self._jobs, {}
        self.run.services.executors.abandon(*jobs.values())

    def _address(self, fan: Fan, index: int) -> str:
        return fan.address(self.address, index)

    def _is_active(self, address: str) -> bool:
        item = self.run.state.find(address)
        return item is not None and item.phase not in ("failed", "queued")

    # -- starting ----------------------------------------------------------------------

    def _start_items(self, activation: Activation, fan: Fan) -> None:
        room = activation.room
        left = len(fan.items) - fan.next
        # Without a limit of the definition's, many are started by one event.
        if fan.limit is None and room < WINDOW // 2 and room < left:
            return
        while room > 0 and fan.redo:
            room -= 1
            self._enter_items(fan, fan.redo[0], 1)
        if room > 0 and left:
            self._enter_items(fan, fan.next, min(room, left))

    def _enter_items(self, fan: Fan, first: int, count: int) -> None:
        carried = self._bound is not None
        bare = carried and first == fan.next
        self.run.record_one(self.address, ev.ItemsStarted(first, count, bare))
        begin = self._carry if carried else self._begin
        for index in range(first, first + count):
            begin(fan, index, self._address(fan, index))
        if self._ready:
            jobs, self._ready = self._ready, []
            self.run.after_durable(self._submit, jobs)

    def _begin(
        self, fan: Fan, index: int, address: str, job: Job | None = None
    ) -> None:
        """Give an item an actor of its own."""
        node = self._nodes[0 if fan.names is None else index]
        call = self._call(fan, index, address)
        if call is not None:
            work = Work(node, call, self._step, job)
            self.run.begin(address, node_kind(node), work)

    def _call(self, fan: Fan, index: int, address: str) -> Call | None:
        """Return what the item is called with; None if that failed, and so has it."""
        if fan.names is not None:
            return call_of(fan.items[index])
        assert self._step.map is not None
        if self._step.map.parameters is None:
            return Call((fan.items[index],), _NOTHING)
        try:
            return self._filled_call(fan, index)
        except Exception as error:  # noqa: BLE001 - an expression may raise anything
            failure = failure_of(error, address=address, node=self._step.name)
            self.run.record_one(address, ev.ActivationFailed(failure))
            self._actor_ref.put(Ended(address))
            return None

    def _filled_call(self, fan: Fan, index: int) -> Call:
        branch = self.run.state.part(parent_of(self.address))
        assert isinstance(branch, Branch)
        view = view_of(self.run.state, branch)
        fan_out = self._step.map
        assert fan_out is not None
        here = {fan_out.item: fan.items[index], fan_out.index: index}
        view = View(view.inputs, view.state, here)
        parameters = fan_out.parameters
        expressions = self.run.services.expressions
        return call_of(expressions.arguments(self._nodes[0], parameters, view))

    # -- items without an actor --------------------------------------------------------

    def _carried_activity(self) -> Any:
        """Return the activity whose items need no actor, unless they need one."""
        fan, node = self._step.map, self._nodes[0]
        if fan is None or fan.activity is None or node_kind(node) != "activity":
            return None
        bound = self.run.services.bound(node)
        timeout = self._step.timeout or bound.activity.timeout
        asks = bound.signature.context is not None or bound.activity.is_limited
        asks = asks or bound.activity.heartbeat_timeout is not None
        return None if asks or timeout is not None else bound

    def _carry(self, fan: Fan, index: int, address: str) -> None:
        """Run an item's first attempt for it.

        Most items return, and nothing else ever happens to them: they need no actor of
        their own. One that raises gets one, which takes over from there.
        """
        call = self._call(fan, index, address)
        if call is not None:
            job = Job(
                address,
                self._bound,
                call,
                self._tell,
                wanted=self._wanted,
            )
            self._jobs[address] = job
            self._ready.append(job)

    def _wants(self, address: str) -> bool:
        """Whether the outcome of that item still matters; from any thread."""
        run = self.run
        if run.services.holding or run.state.outcome is not None:
            return False
        return address in self._jobs

    def _submit(self, jobs: list[Job]) -> None:
        submit = self.run.services.executors.submit
        for job in jobs:
            submit(job)

    def _carried(self, ended: Returned | Raised) -> None:
        address = ended.job.address
        if self._jobs.pop(address, None) is not ended.job:
            return
        if isinstance(ended, Returned):
            self.run.record_one(address, ev.ActivationCompleted(ended.data))
            return
        work = Work(self._nodes[0], ended.job.call, self._step, ended.job)
        self.run.begin(address, "activity", work)
        self.run.tell(address, ended)

    def leave(self) -> None:
        """Leave memory; what items still do has no meaning any more."""
        self._abandon_jobs()
        super().leave()

    # -- the end -----------------------------------------------------------------------

    def _finish(self, activation: Activation) -> None:
        failure = map_failure(activation)
        if failure is None:
            self.run.record_one(self.address, ev.ActivationCompleted())
        else:
            self.run.record_one(self.address, ev.ActivationFailed(failure))
        self._tell_parent()
