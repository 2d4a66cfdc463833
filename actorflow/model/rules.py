"""What follows: pure decisions from a definition and a state to events.

Nothing here touches the world. Expressions are judged by an `Evaluator`, given from
outside; time and chance are arguments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from attrs import evolve, field, frozen

from actorflow.model import events as ev
from actorflow.model.definition import Edge, Join, Step, Workflow, node_name
from actorflow.model.events import Data, Event, Failure
from actorflow.model.policy import matches
from actorflow.model.state import Activation, Branch, ExecutionState, lookup

Fact = tuple[str, Event]
"""An event with the address it belongs to."""


@frozen
class Scope:
    """What an expression can see."""

    inputs: Mapping[str, Data]
    state: Mapping[str, Data]
    extra: Mapping[str, Data] = field(factory=dict)


class Evaluator(Protocol):
    """Judges expressions. Raises `ExpressionError`, or what a callable raises."""

    def condition(self, when: Any, scope: Scope) -> bool:
        """Return whether *when* holds."""
        ...

    def data(self, template: Any, scope: Scope) -> Data:
        """Return *template* with its expressions replaced by their values."""
        ...

    def items(self, over: Any, scope: Scope) -> list[Data]:
        """Return the items a map runs over."""
        ...


def scope_of(state: ExecutionState, branch: Branch) -> Scope:
    """Return what expressions of a branch see."""
    return Scope(state.inputs, branch.variables)


# --- edges ---------------------------------------------------------------------------


def follow(
    step: Step, state: ExecutionState, branch: Branch, evaluator: Evaluator
) -> list[Edge]:
    """Return the edges to take from *step*, in order."""
    scope = scope_of(state, branch)
    taken = []
    for edge in step.next:
        if edge.when is None or evaluator.condition(edge.when, scope):
            taken.append(edge)
            if step.edges == "first":
                break
    return taken


def is_move(branch: Branch, edges: Sequence[Edge]) -> bool:
    """Return whether the branch itself goes on, rather than ending or forking."""
    return len(edges) == 1 and edges[0].branch in (None, branch.id)


def fork(state: ExecutionState, branch: Branch, edges: Sequence[Edge]) -> list[Fact]:
    """Start a branch for every edge and complete the one they leave.

    A name that a branch of this execution has already is a failure of the forking
    branch: joins could not tell the two apart.
    """
    facts: list[Fact] = []
    forks = state.forks
    for edge in edges:
        name = edge.branch
        if name is None:
            forks += 1
            name = f"{branch.id}-{forks}"
        elif name in state.branches:
            return [(branch.id, ev.BranchFailed(_taken(name, branch)))]
        facts.append((name, ev.BranchStarted(edge.step, branch.id)))
    return [*facts, (branch.id, ev.BranchCompleted())]


def _taken(name: str, branch: Branch) -> Failure:
    return Failure(
        type="definition",
        message=f"a branch {name!r} was started before; branch names are used once",
        address=branch.id,
        node=branch.step,
    )


# --- entering a step -----------------------------------------------------------------


def enter(
    step: Step,
    state: ExecutionState,
    branch: Branch,
    evaluator: Evaluator,
    now: float,
) -> list[Fact]:
    """Return what entering *step* records.  May raise what the evaluator raises."""
    address = f"{branch.id}/{step.name}"
    scope = scope_of(state, branch)
    started = _started(step, scope, evaluator)
    facts: list[Fact] = [(address, started)]
    if step.sleep is not None:
        facts.append((address, ev.WaitStarted(0, "time", deadline=now + step.sleep)))
    elif step.pause is not None:
        facts.append((address, ev.WaitStarted(0, "pause", reason=step.pause)))
    elif step.wait_signal is not None:
        topic = str(started.input["topic"])
        facts += wait_for_signal(
            state, address, 0, topic, step.wait_signal.timeout, now
        )
    return facts


def _started(step: Step, scope: Scope, evaluator: Evaluator) -> ev.ActivationStarted:
    started = ev.ActivationStarted(step.kind, step.name, step.name, store=step.store)
    if step.activity is not None:
        given = evaluator.data(step.parameters, scope)
        return evolve(started, node=node_name(step.activity), input=given)
    if step.map is not None:
        given = {
            "items": evaluator.items(step.map.over, scope),
            "limit": step.map.max_concurrency,
            "on_error": step.map.on_error,
        }
        return evolve(started, node=node_name(step.map.activity), input=given)
    if step.join is not None:
        return evolve(started, input={"mappings": dict(step.join.mappings)})
    if step.wait_signal is not None:
        topic = evaluator.data(step.wait_signal.topic, scope)
        store = step.wait_signal.store or step.store
        return evolve(started, input={"topic": _topic(topic, step)}, store=store)
    return started


def _topic(topic: Data, step: Step) -> str:
    if topic is None or topic == "":
        msg = f"the topic of {step.name!r} is empty: {step.wait_signal!r}"
        raise ValueError(msg)
    return str(topic)


# --- waits ---------------------------------------------------------------------------


def wait_for_signal(
    state: ExecutionState,
    address: str,
    ordinal: int,
    topic: str,
    timeout: float | None,
    now: float,
) -> list[Fact]:
    """Start a wait; if a signal is there already, end it in the same breath."""
    deadline = None if timeout is None else round(now + timeout, 6)
    started = ev.WaitStarted(ordinal, "signal", topic, deadline)
    queue = state.signals.get(topic)
    if not queue or state.is_halted(address):
        return [(address, started)]
    return [(address, started), (address, ev.WaitEnded(ordinal, signal=queue[0][0]))]


def signal(state: ExecutionState, event: ev.SignalReceived) -> list[Fact]:
    """Take in a signal, and hand it to the first that waits for its topic."""
    facts: list[Fact] = [("", event)]
    # Whoever waits while older signals lie there is halted; the new one lies behind.
    waiting = () if event.topic in state.signals else state.topics.get(event.topic, ())
    for address in waiting:
        if not state.is_halted(address):
            ordinal = state.waits[address].ordinal
            facts.append((address, ev.WaitEnded(ordinal, signal=state.version + 1)))
            break
    return facts


def answers(state: ExecutionState) -> list[Fact]:
    """Hand signals to those who could not take them while they were halted."""
    facts: list[Fact] = []
    for topic, queue in state.signals.items():
        waiting = [a for a in state.topics.get(topic, ()) if not state.is_halted(a)]
        for address, (seq, _) in zip(waiting, queue, strict=False):
            ordinal = state.waits[address].ordinal
            facts.append((address, ev.WaitEnded(ordinal, signal=seq)))
    return facts


# --- failures ------------------------------------------------------------------------


def caught(step: Step, branch: Branch, failure: Failure) -> Fact:
    """Return where a branch goes after a failure: to a catch, or down."""
    wait = step.wait_signal
    if wait and wait.on_timeout and failure.type == "timeout":
        return (branch.id, ev.BranchDiverted(wait.on_timeout, failure))
    for catch in step.catch:
        if matches(failure, catch.on):
            return (branch.id, ev.BranchDiverted(catch.goto, failure, catch.store))
    return (branch.id, ev.BranchFailed(failure))


def map_failure(activation: Activation) -> Failure | None:
    """Return how a finished map failed, if it did: its lowest failing index leads."""
    fan = activation.fan
    if fan is None or not fan.failures or fan.on_error == "continue":
        return None
    causes = tuple(fan.failures[index] for index in sorted(fan.failures))
    first = causes[0]
    more = f" (and {len(causes) - 1} more)" if len(causes) > 1 else ""
    return evolve(first, message=f"{first.message}{more}", causes=causes)


# --- joins ---------------------------------------------------------------------------


def arrive(state: ExecutionState, activation: Activation, branch: Branch) -> list[Fact]:
    """A branch reached a join where another waits already: it ends there."""
    for other in state.activations.values():
        if other.phase == "joining" and other.step == activation.step:
            if other.address != activation.address:
                return [(branch.id, ev.BranchCompleted())]
    return []


def satisfied_joins(workflow: Workflow, state: ExecutionState) -> Iterator[Fact]:
    """Yield the completion of every join that has nothing left to wait for."""
    for activation in state.activations.values():
        if activation.phase == "joining" and activation.step:
            join = workflow.step(activation.step).join
            assert join is not None
            waiter = activation.address.rpartition("/")[0]
            merged = _merged(workflow, state, join, waiter)
            if merged is not None:
                yield (activation.address, ev.ActivationCompleted(merged))


def _merged(
    workflow: Workflow, state: ExecutionState, join: Join, waiter: str
) -> list[str] | None:
    """Return the branches to merge, or None while the join must wait."""
    if join.branches:
        listed = [name for name in join.branches if name in state.branches]
        done = [n for n in listed if n == waiter or _ended(state.branches[n])]
        others = [name for name in done if name != waiter]
        if join.count is not None and len(others) >= join.count:
            return done
        missing = [name for name in join.branches if name not in done]
        if any(_may_come(workflow, state, name, waiter) for name in missing):
            return None
        return done
    ended = [b.id for b in state.branches.values() if _ended(b) and not b.forked]
    if join.count is not None and len(ended) >= join.count:
        return ended
    if any(_is_live(state, b) for b in state.branches.values() if b.id != waiter):
        return None
    return ended


def _ended(branch: Branch) -> bool:
    return branch.status == "completed"


def _may_come(
    workflow: Workflow, state: ExecutionState, name: str, waiter: str
) -> bool:
    """Return whether branch *name* is alive, or may still be started by one that is."""
    if name in state.branches:
        return state.branches[name].status != "completed"
    return any(
        name in workflow.branches_after[branch.target or branch.step or ""]
        for branch in state.branches.values()
        if branch.id != waiter and _is_live(state, branch)
    )


def _is_live(state: ExecutionState, branch: Branch) -> bool:
    return branch.status == "active"


def stuck_joins(state: ExecutionState) -> list[str]:
    """Return joins that wait for each other, so that nothing can ever happen."""
    active = [b for b in state.branches.values() if b.status == "active"]
    joining = [
        b.current
        for b in active
        if b.current and state.activations[b.current].phase == "joining"
    ]
    return joining if joining and len(joining) == len(active) else []


# --- the end -------------------------------------------------------------------------


def finish(workflow: Workflow, state: ExecutionState) -> list[Fact]:
    """Return how the execution ends, if nothing is left to do."""
    if state.busy or state.outcome:
        return []
    if state.failing is not None:
        return [("", ev.ExecutionFailed(state.failing))]
    if any(branch.status == "active" for branch in state.branches.values()):
        stuck = stuck_joins(state)
        return [("", ev.ExecutionFailed(_stuck(stuck)))] if stuck else []
    return [("", _outcome(workflow, state))]


def _stuck(joins: list[str]) -> Failure:
    return Failure(
        type="definition",
        message=f"joins wait for each other and can never be satisfied: {joins}",
        address=joins[0],
    )


def _outcome(workflow: Workflow, state: ExecutionState) -> Event:
    if workflow.result is not None:
        variables = state.branches["main"].variables
        whole = workflow.result == "*"
        return ev.ExecutionCompleted(
            dict(variables) if whole else variables.get(workflow.result)
        )
    output: dict[str, Data] = {}
    for wanted in workflow.outputs:
        branch = state.branches.get(wanted.branch)
        if branch is None:
            return _no_output(
                f"output {wanted.name!r}: branch {wanted.branch!r} was never started"
            )
        found, value = lookup(branch.variables, wanted.variable)
        if not found:
            return _no_output(
                f"output {wanted.name!r}: branch {wanted.branch!r} has no variable "
                f"{wanted.variable!r}"
            )
        output[wanted.name] = value
    return ev.ExecutionCompleted(output)


def _no_output(message: str) -> Event:
    return ev.ExecutionFailed(Failure(type="output", message=message))
