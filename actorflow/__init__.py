"""actorflow makes ordinary Python functions durable inside your own process.

Activities touch the world, workflows say in which order, and a `Runtime` records what
happened in a log, so that whatever stops the process, the work goes on where it was.
"""

from importlib.metadata import version as _version

from actorflow.actors.declared import event
from actorflow.actors.entities import EntityRef
from actorflow.actors.eventsourced import EventSourcedActor
from actorflow.errors import (
    ActivityError,
    ActorflowError,
    BranchNotFoundError,
    DefinitionError,
    DefinitionMismatch,
    ExecutionCancelled,
    ExecutionEndedError,
    ExecutionError,
    ExecutionExistsError,
    ExecutionFailed,
    ExecutionNotFoundError,
    ExpressionError,
    FencedError,
    InputError,
    LogCorruptError,
    LogError,
    LogUnavailableError,
    LogVersionError,
    NotALogError,
    OwnedError,
    RuntimeClosedError,
    UnknownDefinitionError,
    UnreadableError,
    UnrecordableError,
)
from actorflow.log.codec import Codec
from actorflow.model.builder import Flow
from actorflow.model.definition import (
    Activity,
    Edge,
    Input,
    Join,
    Loop,
    Map,
    Output,
    Parallel,
    Route,
    Step,
    WaitSignal,
    Workflow,
    activity,
)
from actorflow.model.events import Failure, Outcome, Recorded
from actorflow.model.policy import Catch, RateLimit, Retry
from actorflow.runtime.checkpoint import Checkpoint
from actorflow.runtime.context import ActivityContext
from actorflow.runtime.handle import ExecutionHandle, ExecutionResult, Suspension
from actorflow.runtime.runtime import Runtime

__version__ = _version("actorflow")

__all__ = [
    "Activity",
    "ActivityContext",
    "ActivityError",
    "ActorflowError",
    "BranchNotFoundError",
    "Catch",
    "Checkpoint",
    "Codec",
    "DefinitionError",
    "DefinitionMismatch",
    "Edge",
    "EntityRef",
    "EventSourcedActor",
    "ExecutionCancelled",
    "ExecutionEndedError",
    "ExecutionError",
    "ExecutionExistsError",
    "ExecutionFailed",
    "ExecutionHandle",
    "ExecutionNotFoundError",
    "ExecutionResult",
    "ExpressionError",
    "Failure",
    "Flow",
    "FencedError",
    "Input",
    "InputError",
    "Join",
    "Loop",
    "LogCorruptError",
    "LogError",
    "LogUnavailableError",
    "LogVersionError",
    "Map",
    "NotALogError",
    "Outcome",
    "Output",
    "OwnedError",
    "Parallel",
    "RateLimit",
    "Recorded",
    "Retry",
    "Route",
    "Runtime",
    "RuntimeClosedError",
    "Step",
    "Suspension",
    "UnknownDefinitionError",
    "UnreadableError",
    "UnrecordableError",
    "WaitSignal",
    "Workflow",
    "activity",
    "event",
]
