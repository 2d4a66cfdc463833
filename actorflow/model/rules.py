"""What follows: pure decisions from a definition and a state to events.

Nothing here touches the world. Expressions are judged by an `Evaluator`, given from
outside; time and chance are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from attrs import evolve, field, frozen

from actorflow.model import events as ev
from actorflow.model.activities import node_name
from actorflow.model.definition import Workflow, node_kind
from actorflow.model.events import Data, Event, Failure
from actorflow.model.parts import Activation, Branch, Scope
from actorflow.model.paths import lookup
from actorflow.model.policy import matches
from actorflow.model.state import ExecutionState
from actorflow.model.steps import (
    NODE_KINDS,
    REQUIRED,
    Ask,
    Edge,
    Join,
    Pages,
    Route,
    Step,
)
from actorflow.model.steps import Output as WantedOutput

Fact = tuple[str, Event]
"""An event with the address it belongs to."""


@frozen
class View:
    """What an expression can see."""

    inputs: Mapping[str, Data]
    state: Mapping[str, Data]
    extra: Mapping[str, Data] = field(factory=dict)


class Evaluator(Protocol):
    """Judges expressions. Raises `ExpressionError`, or what a callable raises."""

    def condition(self, when: Any, view: View) -> bool:
        """Return whether *when* holds."""
        ...

    def data(self, template: Any, view: View) -> Data:
        """Return *template* with its expressions replaced by their values."""
        ...

    def value(self, source: Any, view: View) -> Data:
        """Return the value of an expression, or what a callable returns, as data."""
        ...

    def arguments(self, node: Any, parameters: Any, view: View) -> Data:
        """Return what *node* is to be called with."""
        ...

    def undo_of(self, node: Any) -> str | None:
        """Return the name of the node that compensates *node*."""
        ...

    def items(self, over: Any, view: View) -> list[Data] | None:
        """Return the items a map runs over; None if they are not to be read at once."""
        ...


def view_of(state: ExecutionState, branch: Branch) -> View:
    """Return what expressions of a branch see."""
    return View(state.scope_of(branch.owner).inputs, branch.variables)


# --- edges ---------------------------------------------------------------------------


def follow(
    step: Step, state: ExecutionState, branch: Branch, evaluator: Evaluator
) -> list[Edge]:
    """Return the edges to take from *step*, in order."""
    taken = []
    for edge in step.next:
        view = None if edge.when is None else view_of(state, branch)
        if view is None or evaluator.condition(edge.when, view):
            taken.append(edge)
            if step.edges == "first":
                break
    return taken


def is_move(branch: Branch, edges: Sequence[Edge]) -> bool:
    """Return whether the branch itself goes on, rather than ending or forking."""
    return len(edges) == 1 and edges[0].branch in (None, branch.name)


def fork(state: ExecutionState, branch: Branch, edges: Sequence[Edge]) -> list[Fact]:
    """Start a branch for every edge and complete the one they leave.

    A name that a branch of this graph has already is a failure of the forking branch:
    joins could not tell the two apart.
    """
    owner = branch.owner
    taken = state.scope_of(owner).branches
    facts: list[Fact] = []
    forks = state.forks
    for edge in edges:
        if edge.branch is None:
            forks += 1
            address = f"{branch.address}-{forks}"
        elif edge.branch in taken:
            return [(branch.address, ev.BranchFailed(_taken(edge.branch, branch)))]
        else:
            address = branch_address(owner, edge.branch)
        facts.append((address, ev.BranchStarted(edge.step, branch.address)))
    return [*facts, (branch.address, ev.BranchCompleted())]


def branch_address(owner: str, name: str) -> str:
    """Return the address of the branch *name* of the flow at *owner*."""
    return f"{owner}/{name}" if owner else name


def _taken(name: str, branch: Branch) -> Failure:
    return Failure(
        type="definition",
        message=f"a branch {name!r} was started before; branch names are used once",
        address=branch.address,
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
    address = f"{branch.address}/{step.name}"
    started = _started(step, view_of(state, branch), evaluator)
    facts: list[Fact] = [(address, started)]
    if step.sleep is not None:
        facts.append((address, ev.WaitStarted(0, "time", deadline=now + step.sleep)))
    elif step.pause is not None:
        facts.append((address, ev.WaitStarted(0, "pause", reason=step.pause)))
    elif step.wait_signal is not None:
        topic, timeout = str(started.input["topic"]), step.wait_signal.timeout
        facts += wait_for_signal(state, address, 0, topic, timeout, now)
    elif step.ask is not None:
        name = step.ask.id or (address if "/" in branch.address else step.name)
        name = address if name in state.questions else name
        facts.append((address, _question(name, step.ask, started.input, now)))
    elif step.decide:
        facts.append((address, ev.ActivationCompleted()))
    return facts


def _started(step: Step, view: View, evaluator: Evaluator) -> ev.ActivationStarted:
    if step.kind in NODE_KINDS:
        node = step.nodes[step.name]
        given = evaluator.arguments(node, step.parameters, view)
        undo = evaluator.undo_of(node)
        name = node_name(node)
        return ev.ActivationStarted(step.kind, name, step.name, given, step.store, undo)
    make = _INPUTS.get(step.kind)
    given = None if make is None else make(step, view, evaluator)
    store = (step.wait_signal.store if step.wait_signal else None) or step.store
    return ev.ActivationStarted(step.kind, step.name, step.name, given, store)


def _join_input(step: Step, view: View, evaluator: Evaluator) -> Data:  # noqa: ARG001 - one shape for all
    assert step.join is not None
    return {"mappings": dict(step.join.mappings)}


def _ask_input(step: Step, view: View, evaluator: Evaluator) -> Data:
    assert step.ask is not None
    return evaluator.data(step.ask.prompt or step.name, view)


def _wait_input(step: Step, view: View, evaluator: Evaluator) -> Data:
    assert step.wait_signal is not None
    topic = evaluator.data(step.wait_signal.topic, view)
    return {"topic": _topic(topic, step)}


def body(node: Any, evaluator: Evaluator) -> Data:
    """Return what a fan-out records of what its items run: [kind, name, undo]."""
    return [node_kind(node), node_name(node), evaluator.undo_of(node)]


def _map_input(step: Step, view: View, evaluator: Evaluator) -> Data:
    fan = step.map
    assert fan is not None
    given = {
        "items": [],
        "bodies": [] if fan.activity is None else [body(fan.activity, evaluator)],
        "limit": fan.max_concurrency,
        "on_error": fan.on_error,
    }
    if isinstance(fan.over, Pages):
        cursor = evaluator.value(fan.over.start, view)
        return {**given, "source": "pages", "cursor": cursor}
    items = evaluator.items(fan.over, view)
    if items is None:
        return {**given, "source": "iterator"}
    return {**given, "items": list(batches(items, fan.batch))}


def batches(items: Iterable[Data], size: int | None) -> Iterator[Data]:
    """Yield the items, or, if a *size* is given, lists of so many."""
    if size is None:
        yield from items
        return
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch


def _parallel_input(step: Step, view: View, evaluator: Evaluator) -> Data:
    parallel = step.parallel
    assert parallel is not None
    arms = parallel.arms
    return {
        "items": [
            evaluator.arguments(node, parallel.parameters, view)
            for node in arms.values()
        ],
        "names": list(arms),
        "bodies": [body(node, evaluator) for node in arms.values()],
        "limit": parallel.max_concurrency,
        "on_error": parallel.on_error,
    }


def _loop_input(step: Step, view: View, evaluator: Evaluator) -> Data:
    """Return what a loop begins with: as told, or the variable it will fill, if any."""
    loop = step.loop
    assert loop is not None
    if loop.initial is not None:
        initial = evaluator.value(loop.initial, view)
    else:
        name = step.store or ""
        initial = view.state.get(name, view.inputs.get(name))
    streams = {} if loop.stream == "every" else {"stream": loop.stream}
    return {"initial": initial, **streams}


def _route_input(step: Step, view: View, evaluator: Evaluator) -> Data:
    """Decide the route.

    Raises:
        LookupError: nothing is there for the key.
    """
    route = step.route
    assert route is not None
    key = evaluator.value(route.key, view)
    node = chosen(route, key)
    return {"key": key, "arguments": evaluator.arguments(node, route.parameters, view)}


_INPUTS: dict[str, Callable[[Step, View, Evaluator], Data]] = {
    "map": _map_input,
    "parallel": _parallel_input,
    "loop": _loop_input,
    "route": _route_input,
    "join": _join_input,
    "ask": _ask_input,
    "wait_signal": _wait_input,
}


def chosen(route: Route, key: Data) -> Any:
    """Return the node that *key* leads to.

    Raises:
        LookupError: there is none, and no default.
    """
    for choice, node in route.choices.items():
        if choice == key or str(choice) == str(key):
            return node
    if route.default is None:
        there = ", ".join(repr(choice) for choice in route.choices)
        msg = f"no route for {key!r}, and no default; there are: {there}"
        raise LookupError(msg)
    return route.default


def _question(name: str, ask: Ask, prompt: Data, now: float) -> ev.WaitStarted:
    return question(name, str(prompt), ask.timeout, "boolean", now)


def question(
    name: str, prompt: str, timeout: float | None, schema: Data, now: float
) -> ev.WaitStarted:
    """Ask for an answer, at most *timeout* seconds."""
    deadline = None if timeout is None else round(now + timeout, 6)
    return ev.WaitStarted(
        0, "question", name, deadline=deadline, reason=prompt, schema=schema
    )


def _topic(topic: Data, step: Step) -> str:
    if topic is None or topic == "":
        msg = f"the topic of {step.name!r} is empty: {step.wait_signal!r}"
        raise ValueError(msg)
    return str(topic)


# --- waits ---------------------------------------------------------------------------


def wait_for_signal(  # noqa: PLR0917 - each is one plain fact about the wait
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
        return (branch.address, ev.BranchDiverted(wait.on_timeout, failure))
    for catch in step.catch:
        if matches(failure, catch.on):
            return (branch.address, ev.BranchDiverted(catch.goto, failure, catch.store))
    return (branch.address, ev.BranchFailed(failure))


def map_failure(activation: Activation) -> Failure | None:
    """Return how a finished map failed, if it did: its lowest failing index leads."""
    fan = activation.fan
    assert fan is not None
    if fan.broken is not None:
        return fan.broken
    if not fan.failures or fan.on_error == "continue":
        return None
    causes = tuple(fan.failures[index] for index in sorted(fan.failures))
    first = causes[0]
    more = f" (and {len(causes) - 1} more)" if len(causes) > 1 else ""
    return evolve(first, message=f"{first.message}{more}", causes=causes)


# --- joins ---------------------------------------------------------------------------


def arrive(state: ExecutionState, activation: Activation, branch: Branch) -> list[Fact]:
    """A branch that is not the first of its round to reach a join ends there."""
    joined = state.scope_of(branch.owner).joined.get(activation.step or "")
    if joined is not None and joined[0] != branch.name and branch.since < joined[1]:
        return [(branch.address, ev.BranchCompleted())]
    for other in _joining(state, branch.owner):
        if other.step == activation.step and other is not activation:
            return [(branch.address, ev.BranchCompleted())]
    return []


def satisfied_joins(
    workflow: Workflow, state: ExecutionState, owner: str, left: dict[str, int]
) -> Iterator[Fact]:
    """Yield the completion of every join that has nothing left to wait for.

    For every join that waits, *left* is how many of its branches, from the first, may
    still hold it up; the caller keeps it, so that what has ended is not looked at again
    at every end.
    """
    for activation in _joining(state, owner):
        join = workflow.step(activation.step or "").join
        waiter, address = activation.parent, activation.address
        assert join is not None
        assert isinstance(waiter, Branch)
        left[address] = _left(
            workflow, state, join, waiter, left.get(address, len(join.branches))
        )
        merged = _merged(state, join, waiter, left[address])
        if merged is not None:
            del left[address]  # it may be met again
            yield (address, ev.ActivationCompleted(merged))


def _joining(state: ExecutionState, owner: str) -> Iterator[Activation]:
    for address in state.scope_of(owner).joining:
        yield state.activations[address]


def _left(
    workflow: Workflow, state: ExecutionState, join: Join, waiter: Branch, left: int
) -> int:
    """Return how many of the listed branches, from the first, may hold the join up."""
    while left:
        name = join.branches[left - 1]
        if name != waiter.name and _may_come(workflow, state, name, waiter):
            break
        left -= 1
    return left


def _merged(
    state: ExecutionState, join: Join, waiter: Branch, left: int
) -> list[str] | None:
    """Return the names of the branches to merge, or None while the join must wait."""
    scope = state.scope_of(waiter.owner)
    if not join.branches:
        return _merged_any(state, scope, join)
    ended = len(scope.branches) - len(scope.active)
    if left and (join.count is None or ended < join.count):
        return None
    done = [
        name
        for name in join.branches
        if name == waiter.name or _has_ended(state, scope, name)
    ]
    others = len(done) - (waiter.name in done)
    return None if left and others < (join.count or 0) else done


def _merged_any(state: ExecutionState, scope: Scope, join: Join) -> list[str] | None:
    """Return those that have ended, the first started first; None while others go."""
    enough = join.count is not None and len(scope.ended) >= join.count
    if len(scope.active) > 1 and not enough:
        return None
    return sorted(scope.ended, key=lambda n: state.branches[scope.branches[n]].since)


def _has_ended(state: ExecutionState, scope: Scope, name: str) -> bool:
    address = scope.branches.get(name)
    return address is not None and state.branches[address].status == "completed"


def _may_come(
    workflow: Workflow, state: ExecutionState, name: str, waiter: Branch
) -> bool:
    """Return whether branch *name* is alive, or may still be started by one that is."""
    scope = state.scope_of(waiter.owner)
    if name in scope.branches:
        return not _has_ended(state, scope, name)
    active = (state.branches[address] for address in scope.active)
    return any(
        workflow.may_start(branch.target or branch.step or "", name)
        for branch in active
        if branch is not waiter
    )


# --- the end -------------------------------------------------------------------------


def finish(
    workflow: Workflow, state: ExecutionState, owner: str
) -> Failure | Output | None:
    """Return how the graph of *owner* ends: its `Failure` or its `Output`; or None."""
    scope = state.scope_of(owner)
    part = state.part(owner)
    if part.busy_children or state.outcome:
        return None
    if scope.failing is not None:
        return scope.failing
    if not scope.active:
        return _output(workflow, state, owner)
    joining = sorted(scope.joining)
    if len(joining) < len(scope.active) or any(map(state.is_paused, joining)):
        return None  # a pause keeps what is satisfied from going on
    return Failure(
        type="definition",
        message=f"joins wait for each other and can never be satisfied: {joining}",
        address=joining[0],
    )


@frozen
class Output:
    """What a graph gives when it has ended well."""

    value: Data


def _output(workflow: Workflow, state: ExecutionState, owner: str) -> Output | Failure:
    branches = {branch.name: branch for branch in state.branches_in(owner)}
    if workflow.result is not None:
        variables = branches["main"].variables
        if workflow.result == "*":
            return Output(dict(variables))
        return Output(lookup(variables, workflow.result)[1])
    output: dict[str, Data] = {}
    for wanted in workflow.outputs:
        branch = branches.get(wanted.branch)
        found, value = (
            lookup(branch.variables, wanted.variable) if branch else (False, None)
        )
        if not found and wanted.default is REQUIRED:
            return _no_output(wanted, started=branch is not None)
        output[wanted.name] = value if found else wanted.default
    return Output(output)


def _no_output(wanted: WantedOutput, *, started: bool) -> Failure:
    has = f"has no variable {wanted.variable!r}" if started else "was never started"
    return Failure(
        type="output", message=f"output {wanted.name!r}: branch {wanted.branch!r} {has}"
    )
