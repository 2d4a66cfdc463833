"""actorflow makes ordinary Python functions durable inside your own process.

Activities touch the world, workflows say in which order, and a `Runtime` records what
happened in a log, so that whatever stops the process, the work goes on where it was.
"""

# Nothing is imported until it is used: a module that defines activities needs no
# database, and a command that prints its help needs neither. The first list is for type
# checkers and people, the second for the interpreter; a test compares them.

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from actorflow.actors.declared import event
    from actorflow.actors.entities import EntityRef
    from actorflow.actors.eventsourced import EventSourcedActor
    from actorflow.errors import (
        ActivityError,
        ActorflowError,
        AnswerError,
        BlobCorruptError,
        BlobError,
        BlobMissingError,
        BranchNotFoundError,
        DefinitionError,
        DefinitionMismatch,
        EventNotFoundError,
        ExecutionCancelled,
        ExecutionEndedError,
        ExecutionError,
        ExecutionExistsError,
        ExecutionFailed,
        ExecutionNotEndedError,
        ExecutionNotFoundError,
        ExpressionError,
        FencedError,
        HandlerError,
        HandlerNotFoundError,
        InputError,
        LogCorruptError,
        LogError,
        LogUnavailableError,
        LogVersionError,
        LoopLimitError,
        MissingTagsError,
        NodeFailed,
        NonDeterminismError,
        NotALogError,
        NotDurableError,
        NotRetryableError,
        OwnedError,
        QueryFailed,
        ReadOnlyError,
        RuntimeClosedError,
        ScheduleNotFoundError,
        SettingError,
        StaleAttemptError,
        UnknownDefinitionError,
        UnreadableError,
        UnrecordableError,
        UpdateFailed,
        UpdateRejected,
    )
    from actorflow.log.blobs import BlobStore, FileBlobs, MemoryBlobs
    from actorflow.log.codec import Codec
    from actorflow.model.activities import Activity, Dynamic, activity, dynamic
    from actorflow.model.builder import Flow
    from actorflow.model.children import Child
    from actorflow.model.definition import Workflow
    from actorflow.model.events import Failure, Outcome, Recorded
    from actorflow.model.followups import FollowUp
    from actorflow.model.journal import Occurrence
    from actorflow.model.policy import Catch, ConcurrencyLimit, RateLimit, Retry
    from actorflow.model.secret import Secret
    from actorflow.model.steps import (
        Ask,
        Edge,
        Input,
        Join,
        Loop,
        Map,
        Output,
        Page,
        Pages,
        Parallel,
        Route,
        Step,
        WaitSignal,
    )
    from actorflow.model.timeline import Timeline
    from actorflow.runtime.checkpoint import Checkpoint
    from actorflow.runtime.context import ActivityContext
    from actorflow.runtime.handle import (
        ExecutionHandle,
        ExecutionResult,
        OpenQuestion,
        Suspension,
    )
    from actorflow.runtime.lifecycle import Lifecycle
    from actorflow.runtime.listed import ExecutionInfo
    from actorflow.runtime.nodechild import ChildHandle
    from actorflow.runtime.nodecontext import Context
    from actorflow.runtime.runtime import Runtime
    from actorflow.runtime.schedule import Schedule, ScheduleInfo
    from actorflow.runtime.subscriptions import Subscription
    from actorflow.runtime.worker import Worker

_HOMES = {
    "actorflow.actors.declared": ("event",),
    "actorflow.actors.entities": ("EntityRef",),
    "actorflow.actors.eventsourced": ("EventSourcedActor",),
    "actorflow.errors": (
        "ActivityError",
        "ActorflowError",
        "AnswerError",
        "BlobCorruptError",
        "BlobError",
        "BlobMissingError",
        "BranchNotFoundError",
        "DefinitionError",
        "DefinitionMismatch",
        "EventNotFoundError",
        "ExecutionCancelled",
        "ExecutionEndedError",
        "ExecutionError",
        "ExecutionExistsError",
        "ExecutionFailed",
        "ExecutionNotEndedError",
        "ExecutionNotFoundError",
        "ExpressionError",
        "FencedError",
        "HandlerError",
        "HandlerNotFoundError",
        "InputError",
        "LogCorruptError",
        "LogError",
        "LogUnavailableError",
        "LogVersionError",
        "LoopLimitError",
        "MissingTagsError",
        "NodeFailed",
        "NonDeterminismError",
        "NotALogError",
        "NotDurableError",
        "NotRetryableError",
        "OwnedError",
        "QueryFailed",
        "ReadOnlyError",
        "RuntimeClosedError",
        "ScheduleNotFoundError",
        "SettingError",
        "StaleAttemptError",
        "UnknownDefinitionError",
        "UnreadableError",
        "UnrecordableError",
        "UpdateFailed",
        "UpdateRejected",
    ),
    "actorflow.log.blobs": (
        "BlobStore",
        "FileBlobs",
        "MemoryBlobs",
    ),
    "actorflow.log.codec": ("Codec",),
    "actorflow.model.activities": (
        "Activity",
        "Dynamic",
        "activity",
        "dynamic",
    ),
    "actorflow.model.builder": ("Flow",),
    "actorflow.model.children": ("Child",),
    "actorflow.model.definition": ("Workflow",),
    "actorflow.model.events": (
        "Failure",
        "Outcome",
        "Recorded",
    ),
    "actorflow.model.followups": ("FollowUp",),
    "actorflow.model.journal": ("Occurrence",),
    "actorflow.model.policy": (
        "Catch",
        "ConcurrencyLimit",
        "RateLimit",
        "Retry",
    ),
    "actorflow.model.steps": (
        "Ask",
        "Edge",
        "Input",
        "Join",
        "Loop",
        "Map",
        "Output",
        "Page",
        "Pages",
        "Parallel",
        "Route",
        "Step",
        "WaitSignal",
    ),
    "actorflow.model.timeline": ("Timeline",),
    "actorflow.model.secret": ("Secret",),
    "actorflow.runtime.checkpoint": ("Checkpoint",),
    "actorflow.runtime.context": ("ActivityContext",),
    "actorflow.runtime.handle": (
        "ExecutionHandle",
        "ExecutionResult",
        "OpenQuestion",
        "Suspension",
    ),
    "actorflow.runtime.lifecycle": ("Lifecycle",),
    "actorflow.runtime.listed": ("ExecutionInfo",),
    "actorflow.runtime.nodechild": ("ChildHandle",),
    "actorflow.runtime.nodecontext": ("Context",),
    "actorflow.runtime.runtime": ("Runtime",),
    "actorflow.runtime.schedule": (
        "Schedule",
        "ScheduleInfo",
    ),
    "actorflow.runtime.subscriptions": ("Subscription",),
    "actorflow.runtime.worker": ("Worker",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Activity",
    "ActivityContext",
    "ActivityError",
    "ActorflowError",
    "AnswerError",
    "Ask",
    "BlobCorruptError",
    "BlobError",
    "BlobMissingError",
    "BlobStore",
    "BranchNotFoundError",
    "Catch",
    "Checkpoint",
    "Child",
    "ChildHandle",
    "Codec",
    "ConcurrencyLimit",
    "Context",
    "DefinitionError",
    "DefinitionMismatch",
    "Dynamic",
    "Edge",
    "EntityRef",
    "EventNotFoundError",
    "EventSourcedActor",
    "ExecutionCancelled",
    "ExecutionEndedError",
    "ExecutionError",
    "ExecutionExistsError",
    "ExecutionFailed",
    "ExecutionHandle",
    "ExecutionInfo",
    "ExecutionNotEndedError",
    "ExecutionNotFoundError",
    "ExecutionResult",
    "ExpressionError",
    "Failure",
    "FencedError",
    "FileBlobs",
    "Flow",
    "FollowUp",
    "HandlerError",
    "HandlerNotFoundError",
    "Input",
    "InputError",
    "Join",
    "Lifecycle",
    "LogCorruptError",
    "LogError",
    "LogUnavailableError",
    "LogVersionError",
    "Loop",
    "LoopLimitError",
    "Map",
    "MemoryBlobs",
    "MissingTagsError",
    "NodeFailed",
    "NonDeterminismError",
    "NotALogError",
    "NotDurableError",
    "NotRetryableError",
    "Occurrence",
    "OpenQuestion",
    "Outcome",
    "Output",
    "OwnedError",
    "Page",
    "Pages",
    "Parallel",
    "QueryFailed",
    "RateLimit",
    "ReadOnlyError",
    "Recorded",
    "Retry",
    "Route",
    "Runtime",
    "RuntimeClosedError",
    "Schedule",
    "ScheduleInfo",
    "ScheduleNotFoundError",
    "Secret",
    "SettingError",
    "StaleAttemptError",
    "Step",
    "Subscription",
    "Suspension",
    "Timeline",
    "UnknownDefinitionError",
    "UnreadableError",
    "UnrecordableError",
    "UpdateFailed",
    "UpdateRejected",
    "WaitSignal",
    "Worker",
    "Workflow",
    "activity",
    "dynamic",
    "event",
]


if not TYPE_CHECKING:  # which would take every name for one of ours

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            return import_module("importlib.metadata").version("actorflow")
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
