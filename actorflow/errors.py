"""Every exception actorflow raises on purpose, under one base class.

Attributes are for programs, ``str()`` is for people. Nothing here imports the rest of
the package, so every layer may raise from this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class ActorflowError(Exception):
    """Base of everything actorflow raises on purpose."""


# --- definitions ---------------------------------------------------------------------


_SHOWN, _PROBLEM, _SOURCE = 50, 600, 200


def _cut(text: str, length: int) -> str:
    """Return *text*, or its beginning: nobody reads more, and a file may be hostile."""
    return text if len(text) <= length else f"{text[:length]}..."


class DefinitionError(ActorflowError):
    """A definition has problems; all of them are listed.

    Attributes:
        name: the definition.
        problems: one sentence each, naming the place and what to do.
    """

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        super().__init__(name, tuple(problems))
        self.name = name
        self.problems = tuple(problems)

    def __str__(self) -> str:
        count = len(self.problems)
        shown = [_cut(problem, _PROBLEM) for problem in self.problems[:_SHOWN]]
        if count > _SHOWN:
            shown.append(f"and {count - _SHOWN} more")
        lines = "".join(f"\n  - {problem}" for problem in shown)
        return f"{self.name!r} has {count} problem{'s' * (count != 1)}:{lines}"


class DefinitionMismatch(ActorflowError):  # noqa: N818 - named in the public API
    """An execution was recorded by another definition than the one at hand."""

    def __init__(self, execution_id: str, recorded: str, given: str) -> None:
        super().__init__(execution_id, recorded, given)
        self.execution_id, self.recorded, self.given = execution_id, recorded, given

    def __str__(self) -> str:
        return (
            f"execution {self.execution_id!r} was recorded by {self.recorded}, "
            f"not by {self.given}; restore that definition, or declare the new one "
            "compatible with `compatible_with=`"
        )


class UnknownDefinitionError(ActorflowError):
    """The log names a definition that this runtime was not given."""

    def __init__(self, execution_id: str, workflow: str) -> None:
        super().__init__(execution_id, workflow)
        self.execution_id, self.workflow = execution_id, workflow

    def __str__(self) -> str:
        return (
            f"execution {self.execution_id!r} runs {self.workflow!r}, which this "
            "runtime does not know; pass it in `definitions=`"
        )


class MissingTagsError(ActorflowError):
    """An execution has tags that this runtime does not have, so it runs elsewhere."""

    def __init__(self, execution_id: str, tags: Sequence[str]) -> None:
        super().__init__(execution_id, tuple(tags))
        self.execution_id, self.tags = execution_id, tuple(tags)

    def __str__(self) -> str:
        return (
            f"execution {self.execution_id!r} runs where the tags {list(self.tags)} "
            "are; give them to the worker"
        )


class InputError(ActorflowError, ValueError):
    """The inputs given do not fit the definition; all problems are listed."""

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        super().__init__(name, tuple(problems))
        self.name = name
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return f"cannot start {self.name!r}: " + "; ".join(self.problems)


class SettingError(ActorflowError, ValueError):
    """A setting has no meaning."""

    def __init__(self, name: str, value: Any, allowed: str) -> None:
        super().__init__(name, value, allowed)
        self.name, self.value, self.allowed = name, value, allowed

    def __str__(self) -> str:
        return f"{self.name} must be {self.allowed}, not {self.value!r}"


class ExpressionError(ActorflowError):
    """An expression or template does not compile, or could not be evaluated."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(source, reason)
        self.source, self.reason = source, reason

    def __str__(self) -> str:
        return f"{_cut(repr(self.source), _SOURCE)}: {self.reason}"


# --- values --------------------------------------------------------------------------


class UnrecordableError(ActorflowError, TypeError):
    """A value cannot be written to the log.

    Attributes:
        path: where inside the value the trouble is, as ``result.items[3].lock``.
        reason: what is wrong there, and what to do.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path} cannot be recorded: {self.reason}"


class UnreadableError(ActorflowError, ValueError):
    """A recorded value cannot be turned into the type asked for."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path} cannot be read back: {self.reason}"


# --- the log -------------------------------------------------------------------------


class LogError(ActorflowError):
    """The log could not do what was asked.  Never the fault of an activity."""


class LogUnavailableError(LogError):
    """The log cannot be written or read now: locked, full, read-only, I/O error.

    Attributes:
        transient: whether trying again soon may help.
    """

    def __init__(self, reason: str, *, transient: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.transient = reason, transient


class LogDamagedError(LogUnavailableError):
    """The file is damaged, gone, or no longer the one that was opened.

    Trying again does not help. `actorflow doctor` tells what is wrong, and
    `actorflow export` rescues what is whole.
    """


class LogContradictionError(LogError):
    """A write contradicts what the file holds of that stream; only that one is hurt."""


class TransferError(LogError):
    """What is to be imported is damaged, or no export of a log.

    Attributes:
        line: which line of the file, from 1.
        reason: what is wrong with it.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(line, reason)
        self.line, self.reason = line, reason

    def __str__(self) -> str:
        return f"line {self.line} cannot be imported: {self.reason}"


class NotALogError(LogError):
    """The file is not an actorflow log."""


class LogVersionError(LogError):
    """The log was written by a newer actorflow."""


class LogCorruptError(LogError):
    """What was read is not what was written: checksum, gap or broken payload."""

    def __init__(self, stream: str, seq: int, reason: str) -> None:
        super().__init__(stream, seq, reason)
        self.stream, self.seq, self.reason = stream, seq, reason

    def __str__(self) -> str:
        return f"event {self.seq} of {self.stream!r} is damaged: {self.reason}"


class BlobError(LogError):
    """A large value cannot be had: its blob is missing, or damaged.

    Attributes:
        key: the name of the blob.
    """


class BlobMissingError(BlobError, LookupError):
    """The blob is not in the store.

    Attributes:
        store: where it was looked for.
    """

    def __init__(self, key: str, store: str) -> None:
        super().__init__(key, store)
        self.key, self.store = key, store

    def __str__(self) -> str:
        return f"blob {self.key} is not in {self.store}"


class BlobCorruptError(BlobError):
    """What the store returned is not what was put there."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key, reason)
        self.key, self.reason = key, reason

    def __str__(self) -> str:
        return f"blob {self.key} is damaged: {self.reason}"


class StreamExistsError(LogError):
    """A stream of that kind and name exists already."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name)
        self.kind, self.name = kind, name

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r} exists already"


class StreamNotFoundError(LogError):
    """No stream of that kind and name is in the log."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name)
        self.kind, self.name = kind, name

    def __str__(self) -> str:
        return f"no {self.kind} {self.name!r} in the log"


class FencedError(LogError):
    """Another owner claimed the stream; this one may not write to it any more."""

    def __init__(self, stream: str, epoch: int) -> None:
        super().__init__(stream, epoch)
        self.stream, self.epoch = stream, epoch

    def __str__(self) -> str:
        return (
            f"{self.stream!r} has been taken over by another process; "
            f"epoch {self.epoch} may no longer write to it"
        )


class OwnedError(LogError):
    """The stream belongs to another live process."""

    def __init__(self, stream: str, owner: str) -> None:
        super().__init__(stream, owner)
        self.stream, self.owner = stream, owner

    def __str__(self) -> str:
        return f"{self.stream!r} is being run by {self.owner}"


# --- executions ----------------------------------------------------------------------


class ExecutionError(ActorflowError):
    """Base of errors about one execution."""

    def __init__(self, execution_id: str) -> None:
        super().__init__(execution_id)
        self.execution_id = execution_id


class ExecutionNotFoundError(ExecutionError, LookupError):
    """No execution has that id."""

    def __str__(self) -> str:
        return f"no execution {self.execution_id!r} in the log"


class ScheduleNotFoundError(ActorflowError, LookupError):
    """There is no schedule of that name, or it was deleted."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"there is no schedule {self.name!r}"


class ExecutionExistsError(ExecutionError):
    """An execution with that id exists, and the caller asked for a new one."""

    def __str__(self) -> str:
        return f"execution {self.execution_id!r} exists already"


class ExecutionEndedError(ExecutionError):
    """The execution has ended, so what was asked of it cannot be done."""

    def __init__(self, execution_id: str, status: str) -> None:
        super().__init__(execution_id)
        self.status = status

    def __str__(self) -> str:
        return f"execution {self.execution_id!r} has ended ({self.status})"


class ExecutionNotEndedError(ExecutionError):
    """The execution has not ended, or not done what follows, so it is not deleted."""

    def __init__(
        self, execution_id: str, status: str, hint: str = "cancel it first"
    ) -> None:
        super().__init__(execution_id)
        self.status, self.hint = status, hint

    def __str__(self) -> str:
        return f"execution {self.execution_id!r} is {self.status}; {self.hint}"


class NotRetryableError(ExecutionError):
    """Only an execution that failed, and was not compensated, can be retried."""

    def __init__(self, execution_id: str, status: str) -> None:
        super().__init__(execution_id)
        self.status = status

    def __str__(self) -> str:
        return (
            f"execution {self.execution_id!r} is {self.status}; only one that failed, "
            "and was not compensated, can be retried"
        )


class EventNotFoundError(ExecutionError, LookupError):
    """The execution has no event of that number."""

    def __init__(self, execution_id: str, seq: int, head: int) -> None:
        super().__init__(execution_id)
        self.seq, self.head = seq, head

    def __str__(self) -> str:
        return (
            f"execution {self.execution_id!r} has the events 1 to {self.head}, "
            f"no event {self.seq}"
        )


class BranchNotFoundError(ExecutionError, LookupError):
    """The execution has no such branch."""

    def __init__(self, execution_id: str, branch: str) -> None:
        super().__init__(execution_id)
        self.branch = branch

    def __str__(self) -> str:
        return f"execution {self.execution_id!r} has no branch {self.branch!r}"


def _group_of(failure: Any) -> ExceptionGroup[NodeFailed] | None:
    """Return all that failed together, as a map or a parallel keeps them."""
    causes = getattr(failure, "causes", ())
    if not causes:
        return None
    failed = [NodeFailed(c.address or "", c.node or "", c) for c in causes]
    return ExceptionGroup(f"{len(failed)} failed", failed)


class ExecutionFailed(ExecutionError):  # noqa: N818 - named in the public API
    """The execution failed.

    If that was a map or a parallel, its ``__cause__`` is an `ExceptionGroup` of the
    `NodeFailed` of all items that failed, lowest declared index first.

    Attributes:
        error: the recorded failure (an `actorflow.Failure`).
    """

    def __init__(self, execution_id: str, error: Any) -> None:
        super().__init__(execution_id)
        self.error = error
        self.__cause__ = _group_of(error)

    def __str__(self) -> str:
        return f"execution {self.execution_id!r} failed: {self.error}"


class ExecutionCancelled(ExecutionError):  # noqa: N818 - named in the public API
    """The execution was cancelled."""

    def __init__(self, execution_id: str, reason: str | None = None) -> None:
        super().__init__(execution_id)
        self.reason = reason

    def __str__(self) -> str:
        because = f": {self.reason}" if self.reason else ""
        return f"execution {self.execution_id!r} was cancelled{because}"


class ActivityError(ActorflowError):
    """Raised by an activity to fail with a class of its own choosing.

    Args:
        message: what went wrong, for people.
        type: the error class that `Retry.on` and `Catch.on` match; ``"fatal"`` is
            matched only by name, so it is never retried by accident.
        details: anything recordable, kept with the failure.
    """

    def __init__(
        self, message: str, *, type: str = "activity_failed", details: Any = None
    ) -> None:
        super().__init__(message)
        self.type, self.details = type, details


class AnswerError(ActorflowError, ValueError):
    """An answer was refused; the question, if there is one, stays open."""

    def __init__(self, question: str, reason: str) -> None:
        super().__init__(question, reason)
        self.question, self.reason = question, reason

    def __str__(self) -> str:
        return f"cannot answer {self.question!r}: {self.reason}"


class HandlerNotFoundError(ExecutionError, LookupError):
    """Nothing in the execution answers that, now.

    Attributes:
        handler: what was asked for: an update, or a query, and its name.
        there: names of those that are there.
    """

    def __init__(self, execution_id: str, handler: str, there: Sequence[str]) -> None:
        super().__init__(execution_id)
        self.handler, self.there = handler, tuple(there)

    def __str__(self) -> str:
        there = ", ".join(repr(name) for name in self.there) or "none"
        return (
            f"nothing in execution {self.execution_id!r} answers {self.handler} now; "
            f"there are: {there}"
        )


class UpdateRejected(ExecutionError, ValueError):  # noqa: N818 - it is a decision
    """An update was refused, before anything of it was recorded.

    Attributes:
        name: of the update.
        reason: what the node's validator says, or why the value cannot be read.
    """

    def __init__(self, execution_id: str, name: str, reason: str) -> None:
        super().__init__(execution_id)
        self.name, self.reason = name, reason

    def __str__(self) -> str:
        return f"execution {self.execution_id!r} refuses {self.name!r}: {self.reason}"


class UpdateFailed(ExecutionError):  # noqa: N818 - like `NodeFailed`
    """An update was accepted, and then its handler failed; the execution goes on.

    Attributes:
        name: of the update.
        cause: the recorded failure (an `actorflow.Failure`).
    """

    def __init__(self, execution_id: str, name: str, cause: Any) -> None:
        super().__init__(execution_id)
        self.name, self.cause = name, cause

    def __str__(self) -> str:
        return f"{self.name!r} failed in {self.execution_id!r}: {self.cause.message}"


class QueryFailed(ExecutionError):  # noqa: N818 - like `NodeFailed`
    """A query raised an exception, or gave what cannot be written down.

    Attributes:
        name: of the query.
        reason: what it raised.
    """

    def __init__(self, execution_id: str, name: str, reason: str) -> None:
        super().__init__(execution_id)
        self.name, self.reason = name, reason

    def __str__(self) -> str:
        return f"{self.name!r} failed in {self.execution_id!r}: {self.reason}"


class StaleAttemptError(ActorflowError):
    """The attempt that asks has been given up; its outcome no longer matters."""

    def __str__(self) -> str:
        return "this attempt has been given up; its outcome no longer matters"


class RuntimeClosedError(ActorflowError):
    """The runtime is closed, or closing."""


# --- dynamic nodes -------------------------------------------------------------------


class NotDurableError(ActorflowError):
    """A dynamic node tried something that cannot be repeated after a restart."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(what, instead)
        self.what, self.instead = what, instead

    def __str__(self) -> str:
        return f"{self.what} does not work inside a dynamic node; {self.instead}"


class HandlerError(ActorflowError, ValueError):
    """A dynamic node cannot have this handler, or does beside it what it must not."""

    def __init__(self, handler: str, reason: str) -> None:
        super().__init__(handler, reason)
        self.handler, self.reason = handler, reason

    def __str__(self) -> str:
        return f"handler of {self.handler}: {self.reason}"


class ReadOnlyError(ActorflowError):
    """A query, or the validator of an update, tried to change something."""

    def __str__(self) -> str:
        return "queries and validators only look; change things in a handler"


class NonDeterminismError(ActorflowError):
    """A replayed node did something else than it had done when it was recorded.

    Attributes:
        address: the call in question.
        expected: what the log says was done there.
        got: what today's code does there.
        seq: the event that recorded what was done, if it is known.
        place: the line of code that does otherwise, if it is known.
    """

    def __init__(
        self,
        address: str,
        expected: str,
        got: str,
        seq: int | None = None,
        place: str | None = None,
    ) -> None:
        super().__init__(address, expected, got, seq, place)
        self.address, self.expected, self.got = address, expected, got
        self.seq, self.place = seq, place

    def __str__(self) -> str:
        event = "" if self.seq is None else f" (event {self.seq})"
        place = "" if self.place is None else f" at {self.place}"
        return (
            f"replay diverges at {self.address}{event}: the log has {self.expected}, "
            f"the code does {self.got}{place}; guard the change with "
            "`ctx.patched(...)`"
        )


class NodeFailed(ActorflowError):  # noqa: N818 - named in the public API
    """A child of a dynamic node failed, or an item of a map or a parallel.

    If that was itself a map or a parallel, its ``__cause__`` is an `ExceptionGroup` of
    all that failed there.

    Attributes:
        address: the activation that failed.
        node: the name of what it ran.
        cause: the recorded failure (an `actorflow.Failure`).
    """

    def __init__(self, address: str, node: str, cause: Any) -> None:
        super().__init__(address, node, cause)
        self.address, self.node, self.cause = address, node, cause
        self.__cause__ = _group_of(cause)

    def __str__(self) -> str:
        return f"{self.node} failed at {self.address}: {self.cause.message}"


class LoopLimitError(ActorflowError):
    """A loop without a maximum of its own ran for too long."""
