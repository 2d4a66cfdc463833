"""The actor of a map: which items are active, and what comes of them all."""

from __future__ import annotations

from typing import Any

from actorflow.errors import ExpressionError
from actorflow.model import events as ev
from actorflow.model.definition import Map, Step
from actorflow.model.policy import failure_of
from actorflow.model.rules import Scope, map_failure
from actorflow.model.state import WINDOW, Activation, Fan, parent_of
from actorflow.runtime.activity import ActivityActor, retry_of
from actorflow.runtime.binding import Call, call_of
from actorflow.runtime.executors import Job, Raised, Returned
from actorflow.runtime.messages import Ended
from actorflow.runtime.run import Run, RunActor


class MapActor(RunActor):
    """Keeps as many items active as there is room for, lowest index first."""

    def __init__(self, run: Run, address: str, step: Step) -> None:
        super().__init__(run, address)
        self._step = step
        assert step.map is not None
        self._map: Map = step.map
        self._bound = run.services.bound(step.map.activity)
        self._retry = retry_of(step.retry, self._bound)
        self._timeout = step.timeout or self._bound.activity.timeout
        self._jobs: dict[str, Job] = {}
        self._carries = (
            self._bound.signature.context is None
            and self._bound.activity.rate_limit is None
            and self._timeout is None
        )

    @property
    def _activation(self) -> Activation | None:
        return self.run.state.activations.get(self.address)

    def on_start(self) -> None:
        """Go on with the items that are active already, then as ever."""
        activation = self._activation
        fan = activation.fan if activation else None
        if fan is not None and fan.live:
            for index in range(fan.next):
                item = self.run.state.activations.get(f"{self.address}[{index}]")
                if item is not None and item.phase not in ("failed", "queued"):
                    self._spawn(index, recovering=True)
        super().on_start()

    def handle(self, message: Any) -> None:
        """Start what there is room for; finish when nothing is left."""
        if isinstance(message, Returned | Raised):
            self._carried(message)
        activation = self._activation
        if activation is None or self.run.state.outcome is not None:
            self.leave()
            return
        fan = activation.fan
        assert fan is not None
        if activation.phase != "running":
            return
        if fan.finished:
            self._finish(activation)
        elif fan.startable and not self.run.state.is_halted(self.address):
            self._start_items(fan)

    def _start_items(self, fan: Fan) -> None:
        room = fan.room
        # Without a limit of the definition's, many are started by one event.
        if (
            fan.limit is None
            and room < WINDOW // 2
            and fan.next + room < len(fan.items)
        ):
            return
        while room > 0 and fan.redo:
            room -= 1
            self._begin(fan.redo[0], 1)
        count = min(room, len(fan.items) - fan.next)
        if count > 0:
            self._begin(fan.next, count)

    def _begin(self, first: int, count: int) -> None:
        self.run.record_one(self.address, ev.ItemsStarted(first, count))
        for index in range(first, first + count):
            self._spawn(index)

    def _spawn(self, index: int, *, recovering: bool = False) -> None:
        address = f"{self.address}[{index}]"
        try:
            call = self._call(index)
        except Exception as error:  # noqa: BLE001 - an expression may raise anything
            failure = failure_of(error, address=address, node=self._bound.activity.name)
            self.run.record_one(address, ev.ActivationFailed(failure))
            self.actor_ref.put(Ended(address))
            return
        if self._carries and not recovering:
            self._carry(address, call)
        else:
            self._spawn_actor(address, call)

    def _spawn_actor(self, address: str, call: Call, job: Job | None = None) -> None:
        policy = (self._retry, self._timeout)
        self.run.spawn(ActivityActor, address, self._bound, call, *policy, job)

    # -- items without an actor --------------------------------------------------------

    def _carry(self, address: str, call: Call) -> None:
        """Run an item's first attempt for it.

        Most items return, and nothing else ever happens to them: they need no actor of
        their own. One that raises gets one, which takes over from there.
        """
        job = Job(address, self._bound, call, self._actor_ref.put)
        self._jobs[address] = job
        self.run.after_durable(self.run.services.executors.submit, job)

    def _carried(self, ended: Returned | Raised) -> None:
        address = ended.job.address
        if self._jobs.pop(address, None) is not ended.job:
            return
        if isinstance(ended, Returned):
            self.run.record_one(address, ev.ActivationCompleted(ended.data))
        else:
            self._spawn_actor(address, ended.job.call, ended.job)
            self.run.tell(address, ended)

    def leave(self) -> None:
        """Leave memory; what items still do has no meaning any more."""
        for job in self._jobs.values():
            self.run.services.executors.abandon(job)
        self._jobs.clear()
        super().leave()

    def _call(self, index: int) -> Call:
        """Return what the item's activity is called with.

        Raises:
            ExpressionError: a template of the parameters fails on this item.
        """
        activation = self._activation
        assert activation is not None
        assert activation.fan is not None
        item = activation.fan.items[index]
        if self._map.parameters is None:
            return Call((item,), {})
        branch = self.run.state.branches[parent_of(self.address)]
        extra = {"item": item, "index": index}
        scope = Scope(self.run.state.inputs, branch.variables, extra)
        data = self.run.services.expressions.data(self._map.parameters, scope)
        if not isinstance(data, dict):
            raise ExpressionError(str(self._map.parameters), "gives no mapping")
        return call_of(data)

    def _finish(self, activation: Activation) -> None:
        failure = map_failure(activation)
        if failure is None:
            self.run.record_one(self.address, ev.ActivationCompleted())
        else:
            self.run.record_one(self.address, ev.ActivationFailed(failure))
        self.run.tell(parent_of(self.address), Ended(self.address))
        self.leave()
