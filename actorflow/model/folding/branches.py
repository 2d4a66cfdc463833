"""Events of branches: they begin, move from step to step, fork, join and end."""

from __future__ import annotations

from collections.abc import Callable

from actorflow.model import events as ev
from actorflow.model.addresses import parent_of
from actorflow.model.events import Recorded
from actorflow.model.parts import Activation, Branch
from actorflow.model.paths import lookup, with_path
from actorflow.model.policy import failure_data
from actorflow.model.state import ExecutionState


def _branch_started(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.BranchStarted = recorded.event
    address = recorded.address
    owner = state.part(parent_of(address))
    scope = state.scope_of(owner.address)
    parent = state.branches.get(event.parent or "")
    if parent is not None:
        parent.forked = True
        _count_fork(state, parent, address)
    variables = parent.variables if parent else scope.variables
    name = address.rpartition("/")[2]
    branch = Branch(
        address,
        owner,
        name=name,
        variables=dict(variables),
        target=event.step,
        since=recorded.seq,
    )
    state.branches[address] = branch
    scope.branches[name] = address
    scope.active[address] = None
    state.weigh(branch)
    if isinstance(owner, Activation):
        state.weigh(owner)


def _count_fork(state: ExecutionState, parent: Branch, address: str) -> None:
    if address.startswith(f"{parent.address}-"):
        number = address[len(parent.address) + 1 :]
        if number.isdigit():
            state.forks = max(state.forks, int(number))


def _branch_moved(state: ExecutionState, recorded: Recorded) -> None:
    state.branches[recorded.address].target = recorded.event.step


def _branch_diverted(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.BranchDiverted = recorded.event
    branch = state.branches[recorded.address]
    if branch.current is not None:
        state.drop(state.activations[branch.current])
        branch.current = None
    if event.store:
        branch.variables[event.store] = failure_data(event.error)
    branch.target = event.step
    state.weigh(branch)


def _branch_completed(state: ExecutionState, recorded: Recorded) -> None:
    branch = state.branches[recorded.address]
    branch.status, branch.target = "completed", None
    scope = state.scope_around(branch)
    scope.active.pop(branch.address, None)
    if not branch.forked:
        scope.ended[branch.name] = None
    if branch.current is not None:  # a second arrival at a join ends there
        state.drop(state.activations[branch.current])
        branch.current = None
    _branch_ended(state, branch)


def _branch_failed(state: ExecutionState, recorded: Recorded) -> None:
    branch = state.branches[recorded.address]
    branch.status, branch.error = "failed", recorded.event.error
    owner = branch.parent
    scope = state.scope_of(branch.owner)
    scope.active.pop(branch.address, None)
    if scope.failing is None:
        scope.failing = recorded.event.error
        if isinstance(owner, Activation):
            state.part_failed = True
            state.weigh_within(owner)
        else:
            state.weigh_all()
    _branch_ended(state, branch)


def _branch_ended(state: ExecutionState, branch: Branch) -> None:
    state.weigh(branch)
    if isinstance(branch.parent, Activation):
        state.weigh(branch.parent)


def merge(
    state: ExecutionState, branch: Branch, mappings: dict[str, str], merged: list[str]
) -> None:
    """Write what a join took from the branches it *merged* over the variables."""
    scope = state.scope_of(branch.owner)
    for name in merged:
        source = state.branches[scope.branches[name]].variables
        whole = True
        for path, dest in mappings.items():
            head, _, rest = path.partition(".")
            if head != name:
                continue
            whole = False
            found, value = lookup(source, rest) if rest else (True, dict(source))
            if found:
                branch.variables = with_path(branch.variables, dest, value)
        if whole and name != branch.name:
            branch.variables = {**branch.variables, name: dict(source)}
    for path, dest in mappings.items():
        # What a branch would have given that was never started is nothing.
        never = path.partition(".")[0] not in scope.branches
        if never and not lookup(branch.variables, dest)[0]:
            branch.variables = with_path(branch.variables, dest, None)


HANDLERS: dict[type, Callable[[ExecutionState, Recorded], None]] = {
    ev.BranchStarted: _branch_started,
    ev.BranchMoved: _branch_moved,
    ev.BranchDiverted: _branch_diverted,
    ev.BranchCompleted: _branch_completed,
    ev.BranchFailed: _branch_failed,
}
