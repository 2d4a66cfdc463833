"""The actor of an activation that is run as an execution of its own.

What is owed follows from the phase: *running* owes that the child is there and runs,
*waiting* owes nothing (the child's end will come through the inbox), *ended* owes what
follows from the end.
"""

from __future__ import annotations

from typing import Any

from attrs import define

from actorflow.model import events as ev
from actorflow.model.children import MAX_DEPTH, Child
from actorflow.model.definition import Workflow
from actorflow.model.events import Failure
from actorflow.model.parts import Activation
from actorflow.model.policy import Retry, failure_of
from actorflow.runtime.children import Answer, EnsureChild
from actorflow.runtime.messages import Command, Rang
from actorflow.runtime.registry import child_inputs
from actorflow.runtime.run import Run, RunActor
from actorflow.runtime.starting import Start
from actorflow.runtime.waiting import WaitActor
from actorflow.runtime.work import Work


@define(eq=False)
class Found:
    """The child is there and runs; or it cannot be, because of *error*."""

    error: Exception | None


class ChildExecutionActor(WaitActor):
    """Runs one child to its recorded end."""

    def __init__(self, run: Run, address: str, work: Work) -> None:
        super().__init__(run, address, work)
        self._child: Child = work.node
        self._work = work
        self._asked = False

    @property
    def retry(self) -> tuple[Retry, ...]:
        """The step's policies, or the child's own; while it is undone, none."""
        if self.run.state.compensating is not None:
            return ()
        return self._work.retry or self._child.retry

    def handle(self, message: Any) -> None:
        """Take in what the directory says; then do what is owed."""
        activation = self.run.state.activations.get(self.address)
        if activation is None:
            self.leave()
            return
        if isinstance(message, Found):
            self._found(message.error, activation)
        elif isinstance(message, Rang) and self._alarm.has_rung(message):
            self._time_is_over(activation)
        if activation.phase == "ended":
            self._conclude(activation)
        elif activation.phase == "running" or self._is_anothers(activation):
            self._see_to_it(activation)
        elif activation.phase == "backoff":
            self._alarm.watch(activation)

    def _time_is_over(self, activation: Activation) -> None:
        if activation.phase == "backoff" and activation.frozen is None:
            again = ev.AttemptStarted(activation.attempt)
            self.run.record_one(self.address, again)

    def _is_anothers(self, activation: Activation) -> bool:
        """Whether this execution is a fork, and the child that of the other one."""
        child = activation.link
        ours = self.run.child_id(self.address, activation.visit)
        there = child.execution if child is not None else None
        return activation.phase == "waiting" and there not in (None, ours)

    # -- there, and running ------------------------------------------------------------

    def _see_to_it(self, activation: Activation) -> None:
        if self._asked:
            return
        try:
            start = self._how_to_start(activation)
        except Exception as error:  # noqa: BLE001 - inputs may not fit
            self._refused(error, activation)
            return
        self._asked = True
        seen = self.run.state.child_ends.get(start.id, 0)
        ensure = EnsureChild(start, seen, self.run)
        self.run.after_durable(self.run.services.directory, ensure)

    def _how_to_start(self, activation: Activation) -> Start:
        services, run = self.run.services, self.run
        workflow: Workflow = services.define(self._child.workflow)
        depth = (run.state.origin or {}).get("depth", 0) + 1
        if depth > MAX_DEPTH:
            raise RecursionError(f"children of children, {MAX_DEPTH} deep")
        visit = activation.visit
        child = run.child_id(self.address, visit)
        return Start(
            workflow,
            child,
            child_inputs(workflow, self._work.call, services.codec),
            services.codec.to_data(dict(workflow.state), path="state"),
            {},
            "use_existing",
            Answer(lambda error: self._actor_ref.put(Found(error))),
            parent={
                "execution": run.id,
                "child": child,
                "address": self.address,
                "visit": visit,
                "depth": depth,
                "on_parent_close": self._child.on_parent_close,
            },
            wanted=lambda: self._is_wanted(activation),
            timeout=self._work.timeout or self._child.timeout,
        )

    def _is_wanted(self, activation: Activation) -> bool:
        state = self.run.state
        here = state.activations.get(self.address) is activation
        return here and state.outcome is None and self.run.lost is None

    def _found(self, error: Exception | None, activation: Activation) -> None:
        if not self._asked:
            return
        self._asked = False
        if error is not None:
            self._refused(error, activation)
            return
        child = self.run.child_id(self.address, activation.visit)
        started = ev.ChildStarted(child, self._child.on_parent_close)
        self.run.record_one(self.address, started)
        self._pass_on(child)
        above = activation.parent
        if isinstance(above, Activation) and above.kind == "dynamic":
            self.run.settle_under(f"{above.address}/tell")
            self.run.settle(above.address)

    def _pass_on(self, child: str) -> None:
        """Tell the child what its parent was told before it was there."""
        state = self.run.state
        if self._child.on_parent_close == "abandon":
            return
        if state.compensating is not None:
            reason = state.compensating.reason
            self.run.post(child, "parent_closed", reason=reason, compensate=True)
        elif state.is_paused(self.address):
            self.run.post(child, "parent_paused", paused=True)

    def _refused(self, error: Exception, activation: Activation) -> None:
        failure = failure_of(error, address=self.address, node=activation.node)
        self._failed(activation, failure)
        self._alarm.watch(activation)

    # -- ended -------------------------------------------------------------------------

    def _conclude(self, activation: Activation) -> None:
        self._asked = False  # whoever looked for the child has found this
        assert activation.link is not None
        end = activation.link.end
        assert end is not None
        if end.status == "completed":
            self.run.record_one(self.address, ev.ActivationCompleted())
            self._tell_parent()
            return
        self._failed(activation, self._failed_by(end))
        if activation.phase == "backoff":
            self._alarm.watch(activation)

    def _failed_by(self, end: ev.ChildEnded) -> Failure:
        """Return what the child's end is to its parent."""
        who = f"child execution {end.execution!r}"
        if end.error is None:
            why = f": {end.reason}" if end.reason else ""
            return Failure(
                "cancelled",
                f"{who} was cancelled{why}",
                address=self.address,
                node=self._child.name,
                execution=end.execution,
            )
        # Of children of children, the first that failed has said all there is to say.
        passed_on = end.error.execution is not None
        message = end.error.message
        return Failure(
            end.error.type,
            message if passed_on else f"{who} failed: {message}",
            end.error.exceptions,
            details=end.error.details,
            causes=end.error.causes if passed_on else (end.error,),
            address=self.address,
            node=self._child.name,
            execution=end.execution,
        )


class TellActor(RunActor):
    """Hands a child what a dynamic node has for it, as soon as the child is there."""

    def __init__(self, run: Run, address: str, work: Work) -> None:
        super().__init__(run, address)
        del work  # what is to be told is recorded

    def handle(self, message: Any) -> None:  # noqa: ARG002 - the state tells it all
        """Tell the child, or say that it has ended."""
        activation = self.run.state.activations.get(self.address)
        if activation is None:
            self.leave()
            return
        given = activation.input
        child = self.run.state.children.get(given["address"])
        if child is not None and child.phase == "running":
            return  # it is about to be there
        name, data = given["command"], given["data"]
        if child is not None and child.phase == "waiting":
            self.run.post(given["execution"], name, **data)
        elif name != "cancel":
            self.run.record_one(self.address, ev.ActivationFailed(self._late(given)))
            self._tell_parent()
            return
        self.run.record_one(self.address, ev.ActivationCompleted())
        self._tell_parent()

    def _late(self, given: Any) -> Failure:
        return Failure(
            "ended",
            f"child execution {given['execution']!r} has ended",
            address=self.address,
            execution=given["execution"],
        )


class UndoChildActor(RunActor):
    """Lets a child that has completed undo what it did, and waits for that."""

    def __init__(self, run: Run, address: str, work: Work) -> None:
        super().__init__(run, address)
        del work  # who is to do it is recorded
        self._asked = False

    def handle(self, message: Any) -> None:
        """Ask the child, once; it answers through the inbox."""
        activation = self.run.state.activations.get(self.address)
        if activation is None:
            self.leave()
        elif isinstance(message, Found) and message.error is not None:
            failure = failure_of(
                message.error, address=self.address, node=activation.node
            )
            self.run.record_one(self.address, ev.ActivationFailed(failure))
            self._tell_parent()
        elif activation.phase == "ended":
            self.run.record_one(self.address, ev.ActivationCompleted())
            self._tell_parent()
        elif not self._asked:
            self._asked = True
            self.run.after_durable(self._ask, activation.input["execution"])

    def _ask(self, child: str) -> None:
        from actorflow.runtime.errands import Route

        answer = Answer(lambda error: self._actor_ref.put(Found(error)))
        data = {"parent": self.run.id, "address": self.address}
        command = Command("compensate", data, None, answer)
        self.run.services.directory(Route(child, command))
