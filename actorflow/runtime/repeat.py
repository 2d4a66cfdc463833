"""The actors of a loop and of a route: one child at a time, and a decision about it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from attrs import evolve

from actorflow.model import events as ev
from actorflow.model.activities import node_name
from actorflow.model.addresses import parent_of
from actorflow.model.definition import node_kind
from actorflow.model.events import Data, Failure
from actorflow.model.parts import Activation, Branch
from actorflow.model.policy import failure_of
from actorflow.model.rules import View, chosen, view_of
from actorflow.runtime.binding import call_of
from actorflow.runtime.expressions import call_data
from actorflow.runtime.run import Run, RunActor
from actorflow.runtime.work import Work

LIMIT = 1024
"""Iterations of a loop that sets no maximum; more are an error."""


class ChildActor(RunActor):
    """Runs children one after the other."""

    def __init__(self, run: Run, address: str, work: Work) -> None:
        super().__init__(run, address)
        self._step = work.step

    def handle(self, message: Any) -> None:  # noqa: ARG002 - the state tells it all
        """Look after the child there is; without one, decide what is next."""
        activation = self.run.state.activations.get(self.address)
        if activation is None or self.run.state.outcome is not None:
            self.leave()
            return
        child = self._child(activation)
        if child is None:
            if activation.phase == "running" and activation.owes:
                self._decide(activation)
        elif child.phase == "failed":
            self._fail_as(child)
        elif child.address not in self.run.actors:
            self._begin(child)

    def _decide(self, activation: Activation) -> None:
        try:
            self.decide(activation)
        except Exception as error:  # noqa: BLE001 - a condition may raise anything
            name = self._step.name
            self._end_failed(failure_of(error, address=self.address, node=name))

    @abstractmethod
    def decide(self, activation: Activation) -> None:
        """Start the next child, or end."""

    @abstractmethod
    def node_of(self, activation: Activation) -> Any:
        """Return what the children run."""

    def _child(self, activation: Activation) -> Activation | None:
        address = self.child_address(activation)
        return self.run.state.activations.get(address)

    @abstractmethod
    def child_address(self, activation: Activation) -> str:
        """Return the address of the latest child."""

    def start_child(self, activation: Activation, address: str, data: Data) -> None:
        """Record a child's beginning, and give it an actor."""
        node = self.node_of(activation)
        kind, name = node_kind(node), node_name(node)
        undo = self.run.services.expressions.undo_of(node)
        started = ev.ActivationStarted(kind, name, input=data, undo=undo)
        self.run.record_one(address, started)
        self._begin(self.run.state.activations[address])

    def _begin(self, child: Activation) -> None:
        parent = self.run.state.activations[self.address]
        work = Work(self.node_of(parent), call_of(child.input), self._step)
        self.run.begin(child.address, child.kind, work)

    def _fail_as(self, child: Activation) -> None:
        assert child.error is not None
        if self.run.state.activations[self.address].phase == "running":
            self._end_failed(child.error)

    def _end_failed(self, failure: Failure) -> None:
        self.run.record_one(self.address, ev.ActivationFailed(failure))
        self._tell_parent()

    def end(self, result: Data) -> None:
        """Record the result."""
        self.run.record_one(self.address, ev.ActivationCompleted(result))
        self._tell_parent()

    def view(self, **extra: Data) -> View:
        """Return what this step's expressions see."""
        branch = self.run.state.part(parent_of(self.address))
        assert isinstance(branch, Branch)
        return evolve(view_of(self.run.state, branch), extra=extra)


class LoopActor(ChildActor):
    """Runs its body until it is told to stop."""

    def node_of(self, activation: Activation) -> Any:
        """Return the body."""
        del activation
        assert self._step.loop is not None
        return self._step.loop.body

    def child_address(self, activation: Activation) -> str:
        """Return the address of the iteration at hand."""
        return f"{self.address}@{activation.count}"

    def decide(self, activation: Activation) -> None:
        """Stop, or begin the next iteration with the last result."""
        count, loop = activation.count, self._step.loop
        assert loop is not None
        last = next(iter((activation.results or {}).values()), None)
        if last is None:
            self._iterate(activation, activation.input["initial"])
            return
        given = self.run.state.activations[self.address].records or {}
        previous = given.get("previous", activation.input["initial"])
        if self._is_done(count, previous, last.value):
            self.end(last.value)
        elif count >= (loop.max_iterations or LIMIT):
            self._too_many(count, last.value)
        else:
            self.run.record_one(self.address, ev.ValueRecorded("previous", last.value))
            self._iterate(activation, last.value)

    def _iterate(self, activation: Activation, data: Data) -> None:
        address = f"{self.address}@{activation.count + 1}"
        self.start_child(activation, address, call_data((data,), {}))

    def _is_done(self, count: int, previous: Data, result: Data) -> bool:
        loop, services = self._step.loop, self.run.services
        assert loop is not None
        if loop.until is None:
            return False
        bring = services.codec.from_data
        if callable(loop.until):
            return bool(loop.until(count, bring(previous), bring(result)))
        view = self.view(iteration=count, previous=previous, result=result)
        return services.expressions.condition(loop.until, view)

    def _too_many(self, count: int, result: Data) -> None:
        loop = self._step.loop
        assert loop is not None
        if loop.max_iterations is not None and loop.on_max == "end":
            self.end(result)
            return
        self._end_failed(
            Failure(
                type="loop_limit",
                message=f"{count} iterations, and no end; set max_iterations for more",
                exceptions=("actorflow.errors:LoopLimitError",),
                address=self.address,
                node=self._step.name,
            )
        )


class RouteActor(ChildActor):
    """Runs the one child that was decided upon when the step was entered."""

    def node_of(self, activation: Activation) -> Any:
        """Return what the recorded key leads to."""
        assert self._step.route is not None
        return chosen(self._step.route, activation.input["key"])

    def child_address(self, activation: Activation) -> str:
        """Return the address of the one child."""
        return f"{self.address}/{node_name(self.node_of(activation))}"

    def decide(self, activation: Activation) -> None:
        """Begin the child, or end with its result."""
        result = next(iter((activation.results or {}).values()), None)
        if result is None:
            given = activation.input["arguments"]
            self.start_child(activation, self.child_address(activation), given)
        else:
            self.end({"key": activation.input["key"], "result": result.value})
