"""What can have happened to an execution.  Every event is a fact: past and frozen.

Values in events (`Data`) are plain JSON trees; the codec turned them into that before
they came here, so the model never meets a user's class. An event belongs to the
address it is recorded under (`Recorded.address`): a branch (``main``, ``main-1``), an
activation (``main/fetch``, ``main/enrich[3]``), or ``""`` for the execution itself.

The tag of a class and the names of its fields are a file format: see `TAGS`.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

from attrs import field, frozen

from actorflow.model.schedules import (
    ScheduleDeleted,
    SchedulePaused,
    ScheduleResumed,
    ScheduleSet,
    ScheduleTicked,
)

Data = Any
"""A JSON tree: None, bool, int, float, str, list of Data, dict of str to Data."""


@frozen
class Failure:
    """Why something failed, as far as it can be written down.

    Attributes:
        type: the class that retry and catch match: ``activity_failed``, ``timeout``,
            ``fatal``, or the activity's own.
        message: what went wrong, for people.
        exceptions: qualified names of the exception's classes, the most special first.
        traceback: as Python printed it, if there was one.
        details: what the activity attached.
        address: the activation that failed first.
        node: the name of what failed there.
        execution: the child execution that failed, if that is what did.
        causes: failures this one is made of, lowest declared index first.
    """

    type: str
    message: str
    exceptions: tuple[str, ...] = ()
    traceback: str | None = None
    details: Data = None
    address: str | None = None
    node: str | None = None
    causes: tuple[Failure, ...] = ()
    execution: str | None = None

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Every single failure in it, lowest declared index first; itself, if one."""
        if not self.causes:
            return (self,)
        return tuple(chain.from_iterable(cause.failures for cause in self.causes))

    def __str__(self) -> str:
        where = f" at {self.address}" if self.address else ""
        return f"{self.type}{where}: {self.message}"


@frozen
class Outcome:
    """What became of one item or arm, where failures do not fail the whole.

    Attributes:
        value: what it returned; None after a failure.
        error: why it failed; None after a success.
    """

    value: Any = None
    error: Failure | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a value rather than an error."""
        return self.error is None


def outcome_data(value: Data, error: Failure | None) -> Data:
    """Return the data of an `Outcome`, as the codec writes and reads it."""
    fields: dict[str, Data] = {"value": value}
    if error is not None:
        fields["error"] = failure_data(error)
    return {"$": "object", "type": "actorflow:Outcome", "v": fields}


def failure_data(failure: Failure) -> Data:
    """Return the data of a `Failure`, as the codec writes and reads it."""
    fields = {
        "type": failure.type,
        "message": failure.message,
        "exceptions": {"$": "tuple", "v": list(failure.exceptions)},
        "details": failure.details,
        "address": failure.address,
        "node": failure.node,
    }
    if failure.causes:
        fields["causes"] = {
            "$": "tuple",
            "v": [failure_data(cause) for cause in failure.causes],
        }
    if failure.execution is not None:
        fields["execution"] = failure.execution
    return {"$": "object", "type": "actorflow:Failure", "v": fields}


# --- the execution -------------------------------------------------------------------


@frozen
class ExecutionQueued:
    """It was put into the queue, for a process that has the definition to start it.

    Attributes:
        inputs: as the caller gave them, who may not have had the definition.
        priority: every level above 0 is a head start of so many seconds, every one
            below a handicap: see `HEAD_START`.
        tags: what a process must have to run it.
        timeout: seconds until it has to have ended, from when it is started; None is
            what its definition says.
        on_complete: what its caller wants to be started after its end.
    """

    workflow: str
    inputs: dict[str, Data] = field(factory=dict)
    attributes: dict[str, Data] = field(factory=dict)
    priority: int = 0
    tags: list[str] = field(factory=list)
    timeout: float | None = None
    on_complete: Data = None


@frozen
class ExecutionStarted:
    """The execution came to be, with everything it will ever need from its caller.

    Attributes:
        parent: of a child: its parent's ``execution``, the ``address`` and ``visit``
            of the activation it is run for, its own id (``child``), its ``depth``, and
            whether it is to go on ``on_parent_close``.
        timeout: seconds until it has to have ended, pauses not counted.
        follows: the execution after whose end it was started.
        on_complete: what its caller wants to be started after its end.
    """

    workflow: str
    fingerprint: str
    inputs: dict[str, Data] = field(factory=dict)
    variables: dict[str, Data] = field(factory=dict)
    attributes: dict[str, Data] = field(factory=dict)
    parent: dict[str, Data] | None = None
    timeout: float | None = None
    follows: str | None = None
    on_complete: Data = None


@frozen
class FollowUpPlanned:
    """The execution is about to end, and this will be started after it, once.

    Attributes:
        name: tells it apart from others.
        execution: its id.
        error: why it cannot be started, if so.
    """

    name: str
    execution: str
    workflow: str = ""
    inputs: dict[str, Data] = field(factory=dict)
    error: Failure | None = None


@frozen
class DeadlineSet:
    """The execution has to have ended by then, in seconds since the epoch."""

    deadline: float


@frozen
class ExecutionCompleted:
    """Every branch ended well and the outputs were taken."""

    output: Data = None


@frozen
class ExecutionFailed:
    """Something failed that nothing caught."""

    error: Failure


@frozen
class ExecutionCancelled:
    """A cancellation took effect, by a caller or *by_parent*; nothing further runs."""

    reason: str | None = None
    by_parent: bool = False


@frozen
class ExecutionPaused:
    """Somebody asked the execution, or one *branch*, to stop at its next boundary.

    Attributes:
        by_parent: it was its parent, whose unpausing will end it.
    """

    branch: str | None = None
    reason: str | None = None
    by_parent: bool = False


@frozen
class ExecutionResumed:
    """Somebody unpaused the execution, or one *branch*; frozen clocks run again."""

    branch: str | None = None


@frozen
class CompensationStarted:
    """What was completed is being undone, last first; then the execution ends.

    Attributes:
        error: the failure it will end with; None if it is cancelled.
        reason: why it is cancelled.
        by_parent: it is its parent that cancels it, or undoes what it has completed.
    """

    error: Failure | None = None
    reason: str | None = None
    by_parent: bool = False


@frozen
class ExecutionRetried:
    """Somebody asked a failed execution to try again what had failed."""


@frozen
class ExecutionRecovered:
    """A new owner took over while attempts were in flight; those run once more."""

    owner: str
    epoch: int


@frozen
class ExecutionReleased:
    """Its process stopped in good order; attempts in flight are made once more.

    Unlike those that a process took along when it died, they are held against nobody.
    """


@frozen
class SignalReceived:
    """A message arrived on *topic*; it is kept until a wait consumes it."""

    topic: str
    payload: Data = None
    key: str | None = None


# --- branches ------------------------------------------------------------------------


@frozen
class BranchStarted:
    """A line of control began at *step*, with a copy of its parent's variables."""

    step: str
    parent: str | None = None


@frozen
class BranchMoved:
    """The branch has chosen its next step, but may not enter it yet (a pause)."""

    step: str


@frozen
class BranchDiverted:
    """A failure or a timeout was caught: the branch goes on at *step*."""

    step: str
    error: Failure
    store: str | None = None


@frozen
class BranchCompleted:
    """The branch has nothing further to do; its variables stay for joins."""


@frozen
class BranchFailed:
    """The branch failed and nothing caught it."""

    error: Failure


# --- activations ---------------------------------------------------------------------


@frozen
class ActivationStarted:
    """A node was entered.

    Attributes:
        kind: the step kind, as in `model.definition`.
        node: the name of the activity, or of the step.
        step: the step, when a branch entered it.
        input: what the node was given.
        store: the variable that will take the result.
        undo: the name of the node that compensates this one.
        branch: what it was set apart under, by the dynamic node that called it.
    """

    kind: str
    node: str
    step: str | None = None
    input: Data = None
    store: str | None = None
    undo: str | None = None
    branch: str | None = None


@frozen
class FlowStarted:
    """A flow inside the execution began to walk its own graph."""

    inputs: dict[str, Data] = field(factory=dict)
    variables: dict[str, Data] = field(factory=dict)


@frozen
class ItemsStarted:
    """Items *first* to *first + count - 1* of a map were entered.

    Attributes:
        first: the index of the first.
        count: how many.
        bare: they are activities that nothing is expected of but that they return; so
            the state only counts them, until something else happens to one.
    """

    first: int
    count: int
    bare: bool = False


@frozen
class ItemsFound:
    """Where the items of a map come from gave some more.

    Attributes:
        items: those; None if they are the page that was just fetched.
        last: whether there are no more.
        cursor: where to go on.
        error: why no more could be found.
    """

    items: list[Data] | None = None
    last: bool = False
    cursor: Data = None
    error: Failure | None = None


@frozen
class AttemptStarted:
    """A further attempt began: after a back-off, or because a process had died.

    Attributes:
        deadline: when it is given up, in seconds since the epoch. Only of dynamic
            nodes with a timeout, whose first attempt has this event as well.
    """

    attempt: int
    deadline: float | None = None


@frozen
class AttemptFailed:
    """One try failed; the next may begin at *retry_at* (seconds since the epoch).

    Attributes:
        learned: of a dynamic node: of how many ends of its calls it had learned. What
            it was told besides is there for its next attempt.
    """

    attempt: int
    error: Failure
    retry_at: float
    learned: int | None = None


@frozen
class ActivationCompleted:
    """The node returned."""

    result: Data = None


@frozen
class ActivationFailed:
    """The node failed for good."""

    error: Failure


@frozen
class ActivationCancelled:
    """The node was left because its outcome no longer mattered."""


@frozen
class ChildStarted:
    """The child execution is there, and runs; the activation waits for its end."""

    execution: str
    on_parent_close: str = "cancel"


@frozen
class ChildEnded:
    """The child execution came to an end; what follows for the activation follows.

    Attributes:
        seq: of the event that ended it, in its own stream.
        status: ``completed``, ``failed`` or ``cancelled``.
        output: of a completed one; *error* of a failed, *reason* of a cancelled one.
        undoable: something in it can be compensated.
    """

    execution: str
    seq: int
    status: str
    output: Data = None
    error: Failure | None = None
    reason: str | None = None
    undoable: bool = False


@frozen
class ValueRecorded:
    """The activity recorded a value under *key* (activity history)."""

    key: str
    value: Data = None


@frozen
class WaitStarted:
    """The node waits for something from outside.

    Attributes:
        wait: the ordinal of this wait within its activation.
        kind: ``signal``, ``time``, ``pause``, ``question`` or ``update``.
        topic: the signal's topic, the question's id, or the update's name.
        deadline: when the wait ends by itself, in seconds since the epoch.
        reason: what a person should know; the question itself.
        schema: what an answer must look like, for programs to read.
    """

    wait: int
    kind: str
    topic: str | None = None
    deadline: float | None = None
    reason: str | None = None
    schema: Data = None


@frozen
class WaitEnded:
    """The wait is over: by a signal, by its deadline, or by an answer.

    Attributes:
        signal: seq of the event that recorded the signal.
        answer: what was answered to a question, as ``{"value", "by"}``; or the update
            that was accepted, as ``{"value", "key", "keyed"}`` (whether the key is the
            caller's own).
    """

    wait: int
    signal: int | None = None
    timed_out: bool = False
    answer: Data = None


@frozen
class NodeSettled:
    """The dynamic node has taken in everything so far, and waits for more.

    Attributes:
        taken: or it is about to take in this failure, by its place among the calls that
            have ended; what it does from here on may be the consequence.
        emitted: how many values it has yielded until then.
    """

    taken: int | None = None
    emitted: int = 0


@frozen
class NodeContinued:
    """The dynamic node began anew with *input*, and what it had done is forgotten."""

    input: Data = None


@frozen
class UpdateAnswered:
    """The node is done with an update it had accepted; *error* if it failed.

    Attributes:
        name: of the update; with *key* it names this one.
        key: the caller's, or made up for it.
    """

    name: str
    key: str
    result: Data = None
    error: Failure | None = None


@frozen
class UpdateRejected:
    """An update that another process had left was refused; nothing changed by it.

    It is recorded because its caller reads the reason here; a caller in the same
    process is told.
    """

    name: str
    key: str
    reason: str


@frozen
class HeartbeatReceived:
    """The activity told that it is alive, and something new; the next try may ask."""

    detail: Data = None


@frozen
class ProgressReported:
    """The activity told how far it is."""

    done: float | None = None
    total: float | None = None
    message: str | None = None


@frozen
class ValueEmitted:
    """The node yielded a value upward."""

    value: Data = None


Event = (
    ExecutionQueued
    | ExecutionStarted
    | FollowUpPlanned
    | DeadlineSet
    | ExecutionCompleted
    | ExecutionFailed
    | ExecutionCancelled
    | ExecutionPaused
    | ExecutionResumed
    | CompensationStarted
    | ExecutionRetried
    | ExecutionRecovered
    | ExecutionReleased
    | SignalReceived
    | BranchStarted
    | BranchMoved
    | BranchDiverted
    | BranchCompleted
    | BranchFailed
    | ActivationStarted
    | FlowStarted
    | ItemsFound
    | ItemsStarted
    | AttemptStarted
    | AttemptFailed
    | ActivationCompleted
    | ActivationFailed
    | ActivationCancelled
    | ChildStarted
    | ChildEnded
    | ValueRecorded
    | WaitStarted
    | WaitEnded
    | NodeSettled
    | NodeContinued
    | UpdateAnswered
    | UpdateRejected
    | HeartbeatReceived
    | ProgressReported
    | ValueEmitted
)

# On the wire for ever: a tag is never reused, a field never changes its meaning.
TAGS: dict[str, type] = {
    "execution.queued": ExecutionQueued,
    "execution.started": ExecutionStarted,
    "followup.planned": FollowUpPlanned,
    "deadline.set": DeadlineSet,
    "execution.completed": ExecutionCompleted,
    "execution.failed": ExecutionFailed,
    "execution.cancelled": ExecutionCancelled,
    "execution.paused": ExecutionPaused,
    "execution.resumed": ExecutionResumed,
    "compensation.started": CompensationStarted,
    "execution.retried": ExecutionRetried,
    "execution.recovered": ExecutionRecovered,
    "execution.released": ExecutionReleased,
    "signal.received": SignalReceived,
    "branch.started": BranchStarted,
    "branch.moved": BranchMoved,
    "branch.diverted": BranchDiverted,
    "branch.completed": BranchCompleted,
    "branch.failed": BranchFailed,
    "activation.started": ActivationStarted,
    "flow.started": FlowStarted,
    "items.found": ItemsFound,
    "items.started": ItemsStarted,
    "attempt.started": AttemptStarted,
    "attempt.failed": AttemptFailed,
    "activation.completed": ActivationCompleted,
    "activation.failed": ActivationFailed,
    "activation.cancelled": ActivationCancelled,
    "child.started": ChildStarted,
    "child.ended": ChildEnded,
    "value.recorded": ValueRecorded,
    "wait.started": WaitStarted,
    "wait.ended": WaitEnded,
    "node.settled": NodeSettled,
    "node.continued": NodeContinued,
    "update.answered": UpdateAnswered,
    "update.rejected": UpdateRejected,
    "heartbeat.received": HeartbeatReceived,
    "progress.reported": ProgressReported,
    "value.emitted": ValueEmitted,
    "schedule.set": ScheduleSet,
    "schedule.paused": SchedulePaused,
    "schedule.resumed": ScheduleResumed,
    "schedule.deleted": ScheduleDeleted,
    "schedule.ticked": ScheduleTicked,
}


@frozen
class Recorded:
    """An event with its place: what a log returns, and what a fold takes.

    Attributes:
        seq: 1, 2, 3 ... within the stream.
        time: seconds since the epoch, to the microsecond.
        address: whom inside the stream the event belongs to; ``""`` is the stream.
        event: what happened.
    """

    seq: int
    time: float
    address: str
    event: Any
